"""Recorded people in and out of the formats that others use (numpy and scipy, never torch)."""
