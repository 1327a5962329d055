"""A topic's publication: stories as feeds and pages, written to files that appear whole."""
