"""Play a bag through the live node, record the people, and compare them with the truth.

ros2 launch pear replay.launch.py bag:=recording.mcap out:=people
ros2 launch pear replay.launch.py bag:=models/demo/rendered.mcap out:=people truth:=/ground_truth/humans

Playing starts once the engine is loaded, and everything ends with the bag. For the same numbers
every time use `pear replay` instead: a live node drops pictures when it is late.
"""

from __future__ import annotations

import re
from pathlib import Path
from signal import SIGINT

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown, matches_action
from launch.events.process import SignalProcess
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.substitutions import FindPackageShare

from launch import Event, LaunchDescription, LaunchDescriptionEntity

ARGUMENTS = (
    ("bag", "", "rosbag2 with pictures"),
    ("out", "people", "folder of the new bag; must not exist"),
    ("image", "/camera/image_raw/compressed", "picture topic of the bag"),
    ("camera_info", "", "calibration; empty: the one beside the picture"),
    ("depth", "", "depth image aligned to the picture; empty: none"),
    ("reference_frame", "", "gravity-aligned frame (odom, map) of the bag's TF; empty: none"),
    ("truth", "", "HumanArray topic of the bag with the truth; empty: do not evaluate"),
    ("rate", "1.0", "speed of playing"),
    ("delay", "2.0", "seconds for everybody to find each other before the first picture"),
    ("model", "", "name or folder of a model bundle; empty: as in params_file"),
    ("engine", "", "auto, tensorrt, openvino, onnxruntime; empty: as in params_file"),
    ("precision", "", "auto, f32, f16, bf16, int8; empty: as in params_file"),
    ("detector", "", "auto, thorough, whole, FILE.onnx; empty: as in params_file"),
    ("params_file", "", "YAML with ros__parameters; empty: the installed config/pear.yaml"),
    ("rviz", "false", "also open RViz"),
)
PASSED = (
    "image", "camera_info", "depth", "reference_frame", "model", "engine", "precision", "detector",
    "params_file", "rviz",
)  # fmt: skip
RESULTS = ("/humans", "/body_model", "/diagnostics", "/tf")


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Node and recorder first, then the bag; its end ends everything."""
    said = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    if not Path(said["bag"]).exists():
        raise FileNotFoundError(f"bag:={said['bag']}: no such bag")
    if Path(said["out"]).exists():
        raise FileExistsError(f"out:={said['out']}: exists; name a new folder")
    share = FindPackageShare("pear").perform(context)
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(f"{share}/launch/pear.launch.py"),
        launch_arguments={
            **{name: said[name] for name in PASSED},
            "use_sim_time": "true",
            "required": "true",
        }.items(),
    )
    topics = [*RESULTS, *([said["truth"]] if said["truth"] else [])]
    record = ExecuteProcess(
        # As one expression: --topics is not known to Humble, the bare list is not wanted any more.
        cmd=["ros2", "bag", "record", "-s", "mcap", "-o", said["out"],
             "-e", f"^({'|'.join(map(re.escape, topics))})$"],
        name="record",
        output="log",
    )  # fmt: skip
    # An active node has published its body model, which is latched.
    ready = ExecuteProcess(
        cmd=["ros2", "topic", "echo", "/body_model", "pear/msg/BodyModel", "--once", "--field",
             "body_model", "--qos-durability", "transient_local", "--qos-reliability", "reliable"],
        name="ready",
        output="log",
    )  # fmt: skip
    play = ExecuteProcess(
        cmd=["ros2", "bag", "play", said["bag"], "--rate", said["rate"], "--clock", "100",
             "--delay", said["delay"], "--disable-keyboard-controls"],
        name="play",
        output="screen",
    )  # fmt: skip
    # The recorder closes its bag when it is interrupted; only then can it be read.
    interrupt = EmitEvent(
        event=SignalProcess(signal_number=SIGINT, process_matcher=matches_action(record))
    )
    return [
        node,
        record,
        ready,
        _after(ready, play),
        _after(play, TimerAction(period=2.0, actions=[interrupt])),
        *_end(record, said),
    ]


def _end(record: ExecuteProcess, said: dict[str, str]) -> list[LaunchDescriptionEntity]:
    """What happens once the new bag is closed."""
    done = EmitEvent(event=Shutdown(reason="the bag is over"))
    if not said["truth"]:
        return [_after(record, done)]
    evaluate = ExecuteProcess(
        cmd=["ros2", "run", "pear", "pear", "evaluate", said["out"], "--truth", said["truth"]],
        name="evaluate",
        output="screen",
    )
    return [_after(record, evaluate), _after(evaluate, done)]


def _after(process: ExecuteProcess, action: LaunchDescriptionEntity) -> RegisterEventHandler:
    def begin(_: Event, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        # Who was interrupted has not done its part.
        return [] if context.is_shutdown else [action]

    return RegisterEventHandler(OnProcessExit(target_action=process, on_exit=begin))


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
