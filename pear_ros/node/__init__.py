"""The rclpy side; the only place that imports ROS."""
