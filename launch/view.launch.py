"""Play a bag that `pear replay` wrote and show its humans in RViz.

ros2 launch pear view.launch.py bag:=out/demo/humans.mcap
"""

from launch.actions import DeclareLaunchArgument, ExecuteProcess
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    rviz_config = PathJoinSubstitution([FindPackageShare("pear"), "rviz", "pear.rviz"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="bag written by `pear replay`"),
            DeclareLaunchArgument("rate", default_value="1.0", description="speed of playing"),
            ExecuteProcess(
                cmd=[
                    "ros2",
                    "bag",
                    "play",
                    LaunchConfiguration("bag"),
                    "--rate",
                    LaunchConfiguration("rate"),
                    "--loop",
                    "--clock",
                ],
                name="play",
                output="screen",
            ),
            Node(
                package="rviz2",
                executable="rviz2",
                arguments=["-d", rviz_config],
                parameters=[{"use_sim_time": True}],
            ),
        ]
    )
