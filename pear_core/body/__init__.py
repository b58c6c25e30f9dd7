"""Body models: SMPL-X, FLAME and their composition EHM-s, and the free body's generator."""
