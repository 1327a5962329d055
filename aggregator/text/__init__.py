"""Words, markup and languages."""
