"""The rclpy side of the live application; the only place that imports ROS."""
