"""Licensed model files (SMPL-X, FLAME and what goes with them): found, checked, converted once."""
