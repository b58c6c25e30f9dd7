"""The graph interface over cyclonedds from PyPI: a plain Python environment joins a ROS 2 graph.

Raises: PearError on import where cyclonedds is not installed.
"""

from importlib.util import find_spec

from pear_ros.problems import PearError

if find_spec("cyclonedds") is None:
    raise PearError("cyclonedds is not installed", expected="pip install 'pear-ros[dds]'")
