"""What a robot runs: engines, perception, messages, replay and the ROS 2 node. Never imports torch."""

__version__ = "0.1.0"
