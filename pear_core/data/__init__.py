"""Training records, shards and synthetic people."""
