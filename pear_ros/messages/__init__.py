"""ROS 2 messages as CDR bytes: image decoding on the way in, builders on the way out."""
