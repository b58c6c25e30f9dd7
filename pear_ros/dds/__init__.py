"""The graph interface over cyclonedds from PyPI: a plain Python environment joins a ROS 2 graph."""
