"""Play a bag through the live node, record the people, and compare them with the truth.

ros2 launch pear replay.launch.py bag:=recording.mcap out:=people
ros2 launch pear replay.launch.py bag:=models/demo/rendered.mcap out:=people truth:=/ground_truth/humans

For the same numbers every time use `pear replay` instead: a live node drops pictures when it is late.
"""

from __future__ import annotations

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
from launch.events import Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription, LaunchDescriptionEntity

ARGUMENTS = (
    ("bag", "", "rosbag2 with pictures"),
    ("out", "people", "folder of the new bag; must not exist"),
    ("image", "/camera/image_raw/compressed", "picture topic of the bag"),
    ("truth", "", "HumanArray topic of the bag with the truth; empty: do not evaluate"),
    ("rate", "1.0", "speed of playing"),
    ("delay", "5.0", "seconds before playing starts, for the engine to load"),
    ("rviz", "false", "also open RViz"),
)
RESULTS = ("/humans", "/body_model", "/diagnostics", "/tf")


def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Node and recorder first, the bag after a while; its end ends everything."""
    said = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    share = FindPackageShare("pear").perform(context)
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(f"{share}/launch/pear.launch.py"),
        launch_arguments={
            "image": said["image"],
            "camera_info": "/camera/camera_info",
            "use_sim_time": "true",
            "rviz": said["rviz"],
        }.items(),
    )
    topics = [*RESULTS, *([said["truth"]] if said["truth"] else [])]
    record = ExecuteProcess(
        cmd=["ros2", "bag", "record", "-s", "mcap", "-o", said["out"], "--topics", *topics],
        output="log",
    )
    play = ExecuteProcess(
        cmd=["ros2", "bag", "play", said["bag"], "--rate", said["rate"], "--clock", "100"],
        output="screen",
    )
    end = TimerAction(period=2.0, actions=[EmitEvent(event=Shutdown(reason="the bag is over"))])
    actions: list[LaunchDescriptionEntity] = [
        node,
        record,
        TimerAction(period=float(said["delay"]), actions=[play]),
        RegisterEventHandler(OnProcessExit(target_action=play, on_exit=[end])),
    ]
    if said["truth"]:
        evaluate = ExecuteProcess(
            cmd=["ros2", "run", "pear", "pear", "evaluate", said["out"], "--truth", said["truth"]],
            output="screen",
        )
        # The recorder closes its bag when it is interrupted; only then can it be read.
        interrupt = TimerAction(period=2.0, actions=[_interrupt(record)])
        actions[-1] = RegisterEventHandler(OnProcessExit(target_action=play, on_exit=[interrupt]))
        actions.append(
            RegisterEventHandler(OnProcessExit(target_action=record, on_exit=[evaluate]))
        )
        done = EmitEvent(event=Shutdown(reason="evaluated"))
        actions.append(RegisterEventHandler(OnProcessExit(target_action=evaluate, on_exit=[done])))
    return actions


def _interrupt(process: ExecuteProcess) -> LaunchDescriptionEntity:
    from launch.events import matches_action
    from launch.events.process import SignalProcess

    return EmitEvent(
        event=SignalProcess(signal_number="SIGINT", process_matcher=matches_action(process))
    )


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])
