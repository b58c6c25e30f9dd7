"""Rotations, cameras, crops and Procrustes alignment."""
