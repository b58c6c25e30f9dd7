"""PEAR's PyTorch core: body models, network, rendering, losses, training, export. Knows nothing of ROS."""
