"""Several cameras: one namespaced node each, in one process with one engine, or a process each.

ros2 launch pear cameras.launch.py cameras:=front,rear image:=image_raw
ros2 launch pear cameras.launch.py cameras:=front,rear shared:=false

Camera NAME is read from /NAME/<image> and its people appear under /NAME/humans; ids of REP-155 and
TF frames begin with NAME_.
"""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription, LaunchDescriptionEntity

ARGUMENTS = (
    ("cameras", "front,rear", "names, separated by commas; each is a namespace"),
    ("image", "image_raw", "picture topic below each camera's namespace"),
    ("camera_info", "camera_info", "calibration below each camera's namespace"),
    ("depth", "", "depth image below each camera's namespace; empty: none"),
    ("shared", "true", "one process and one engine for all; false: a process per camera"),
    ("model", "", "name or folder of a model bundle; empty: as in params_file"),
    ("engine", "", "auto, tensorrt, openvino, onnxruntime; empty: as in params_file"),
    ("precision", "", "auto, f32, f16, bf16, int8; empty: as in params_file"),
    ("detector", "", "auto, thorough, whole, FILE.onnx; empty: as in params_file"),
    ("reference_frame", "", "gravity-aligned frame (odom, map); empty: as in params_file"),
    ("params_file", "", "YAML with ros__parameters; empty: the installed config/pear.yaml"),
    ("use_sim_time", "false", "follow /clock"),
    ("log_level", "info", "debug, info, warn, error"),
)
SETTINGS = ("model", "engine", "precision", "detector", "reference_frame")


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """One process, or one per camera."""
    said = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    names = [name.strip() for name in said["cameras"].split(",") if name.strip()]
    share = FindPackageShare("pear").perform(context)
    common: dict[str, object] = {name: said[name] for name in SETTINGS if said[name]}
    common["use_sim_time"] = said["use_sim_time"].lower() == "true"
    remappings = [("image", said["image"]), ("camera_info", said["camera_info"])]
    if said["depth"]:
        common["use_depth"] = True
        remappings.append(("depth", said["depth"]))
    groups = [names] if said["shared"].lower() == "true" else [[name] for name in names]
    return [
        Node(
            package="pear",
            executable="mesh_recovery_node",
            parameters=[said["params_file"] or f"{share}/config/pear.yaml", common],
            remappings=remappings,
            arguments=[
                "--autostart", "--cameras", *group, "--ros-args", "--log-level", said["log_level"],
            ],
            output="screen",
            sigterm_timeout="20",  # as in pear.launch.py
        )
        for group in groups
    ]  # fmt: skip


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
