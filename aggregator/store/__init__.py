"""One SQLite file: its schema, its connections, and what is asked of it."""
