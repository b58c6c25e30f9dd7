"""From a checkpoint to ONNX graphs with identity, precision and parity."""
