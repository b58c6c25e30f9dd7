"""Live expressive humans from a robot's camera.

ros2 launch pear pear.launch.py image:=/camera/image_raw
ros2 launch pear pear.launch.py image:=/camera/color/image_raw depth:=/camera/aligned_depth/image_raw \
    reference_frame:=odom rviz:=true

camera_info is the one beside the picture unless it is given. What is set here overrides params_file.
"""

from __future__ import annotations

from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.launch_context import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.substitutions import FindPackageShare

from launch import Event, LaunchDescription, LaunchDescriptionEntity

ARGUMENTS = (
    ("image", "/camera/image_raw", "pictures: sensor_msgs/Image or CompressedImage"),
    ("camera_info", "", "calibration; empty: the one beside the picture"),
    ("depth", "", "depth image aligned to the picture; empty: none"),
    ("detections", "", "vision_msgs/Detection2DArray to use instead of the detector; empty: none"),
    ("namespace", "", "of the node and of what it publishes"),
    ("name", "mesh_recovery_node", "of the node"),
    ("model", "", "name or folder of a model bundle; empty: as in params_file"),
    ("engine", "", "auto, tensorrt, openvino, onnxruntime; empty: as in params_file"),
    ("precision", "", "auto, f32, f16, bf16, int8; empty: as in params_file"),
    ("detector", "", "auto, thorough, whole, FILE.onnx; empty: as in params_file"),
    ("reference_frame", "", "gravity-aligned frame (odom, map); empty: as in params_file"),
    ("rectified", "", "true, false: the picture is rectified; empty: as in params_file"),
    ("params_file", "", "YAML with ros__parameters; empty: the installed config/pear.yaml"),
    ("autostart", "true", "configure and activate at once; false leaves it to a lifecycle manager"),
    ("required", "false", "end the whole launch when the node ends"),
    ("rviz", "false", "also open RViz"),
    ("fixed_frame", "camera_optical_frame", "of RViz: the frame_id of the pictures, or odom, map"),
    ("use_sim_time", "false", "follow /clock"),
    ("log_level", "info", "debug, info, warn, error"),
)
SETTINGS = ("model", "engine", "precision", "detector", "reference_frame")


def beside(image: str) -> str:
    """The CameraInfo topic next to a picture's, as image_transport names it."""
    base = image.removesuffix("/compressed")
    return base.rsplit("/", 1)[0] + "/camera_info"


def end(_: Event, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Everything, unless that is why the node ended."""
    return [] if context.is_shutdown else [Shutdown(reason="the node ended")]


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Node and RViz, once the arguments are known."""
    said = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    share = FindPackageShare("pear").perform(context)
    chosen: dict[str, object] = {name: said[name] for name in SETTINGS if said[name]}
    chosen["use_sim_time"] = said["use_sim_time"].lower() == "true"
    if said["rectified"]:
        chosen["rectified"] = said["rectified"].lower() == "true"
    remappings = [
        ("image", said["image"]),
        ("camera_info", info := said["camera_info"] or beside(said["image"])),
    ]
    if said["depth"]:
        chosen["use_depth"] = True
        remappings.append(("depth", said["depth"]))
    if said["detections"]:
        chosen["detector"] = "topic"
        remappings.append(("detections", said["detections"]))
    node = LifecycleNode(
        package="pear",
        executable="mesh_recovery_node",
        name=said["name"],
        namespace=said["namespace"],
        parameters=[said["params_file"] or f"{share}/config/pear.yaml", chosen],
        remappings=remappings,
        arguments=[
            *(["--autostart"] if said["autostart"].lower() == "true" else []),
            "--ros-args", "--log-level", said["log_level"],
        ],
        output="screen",
        # It finishes the picture in work and frees the engine; launch's own 5 s are few for that
        # on a busy machine.
        sigterm_timeout="20",
        on_exit=end if said["required"].lower() == "true" else None,
    )  # fmt: skip
    if said["rviz"].lower() != "true":
        return [node]
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", f"{share}/rviz/pear.rviz", "-f", said["fixed_frame"]],
        namespace=said["namespace"],
        # RViz's depth cloud looks for the calibration beside the name it was given, "depth".
        remappings=[("depth", said["depth"]), ("/camera_info", info)] if said["depth"] else None,
        parameters=[{"use_sim_time": chosen["use_sim_time"]}],
    )
    return [node, rviz]


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
