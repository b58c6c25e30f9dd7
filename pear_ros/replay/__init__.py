"""Rosbags without ROS: bag in -> bag out, overlay, report."""
