"""Which stories a topic holds: its rule as one full-text query, and the order of what it selects."""
