"""What one fetch of one source yields: fetch, parse, clean. Knows no database."""
