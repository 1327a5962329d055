"""The command line: one file a group of commands. Errors become exit statuses in `main`."""
