"""Rendered free-body people with exact labels."""
