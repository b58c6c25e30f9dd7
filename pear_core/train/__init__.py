"""Training: configuration, stage-1 loop, checkpoints."""
