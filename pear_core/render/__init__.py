"""Drawing meshes for training data and pixel losses."""
