"""No camera needed: plays the demo's bag through the live node and opens RViz.

ros2 launch pear demo.launch.py
ros2 launch pear demo.launch.py rviz:=false
"""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    share = FindPackageShare("pear")
    return LaunchDescription(
        [
            DeclareLaunchArgument("rviz", default_value="true", description="also open RViz"),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(
                    PathJoinSubstitution([share, "launch", "pear.launch.py"])
                ),
                launch_arguments={
                    "image": "/camera/image_raw/compressed",
                    "rviz": LaunchConfiguration("rviz"),
                    # The bag starts over again and again: its stamps are the time.
                    "use_sim_time": "true",
                    "required": "true",
                }.items(),
            ),
            ExecuteProcess(
                cmd=[
                    "ros2", "bag", "play",
                    PathJoinSubstitution([share, "models", "demo", "rendered.mcap"]),
                    "--loop", "--clock", "100", "--disable-keyboard-controls", "--topics",
                    "/camera/image_raw/compressed", "/camera/camera_info",
                ],
                name="play",
                output="log",
            ),
        ]
    )  # fmt: skip
