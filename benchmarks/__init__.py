"""Speed and memory next to lemon24/reader's, on one origin in one run: `python -m benchmarks --help`."""
