"""The decisions of the ledger: what an entry is known by, what it repeats, which story it belongs to."""
