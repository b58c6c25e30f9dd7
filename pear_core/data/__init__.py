"""Training records and where they come from."""
