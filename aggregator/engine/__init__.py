"""Where harvests run: in this process and a few beside it."""
