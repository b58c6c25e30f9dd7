"""The `pear` command; sub-commands import what they need when they run."""
