"""Quality on labelled data: stories, duplicates, topics, opinions. `python -m benchmarks.quality --help`."""
