"""Parameters and QoS overrides of the running node (skipped where no ROS 2 is sourced)."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytestmark = pytest.mark.ros
MS = 1_000_000
START = 1_700_000_000_000 * MS


def humans_of(peer: Any) -> list[Any]:
    from pear.msg import HumanArray

    return peer.listen("/humans", HumanArray)


def test_parameters_change_under_load(start: Any, peer: Any, shoot: Any) -> None:
    from rclpy.parameter import Parameter
    from visualization_msgs.msg import MarkerArray

    node = start()
    humans = humans_of(peer)
    markers = peer.listen("/markers", MarkerArray)
    ending = threading.Event()

    def shooting() -> None:
        i = 0
        while not ending.is_set():
            shoot(1, START + i * 33 * MS)
            i += 1

    camera = threading.Thread(target=shooting)
    camera.start()
    try:
        for i in range(50):
            mesh = ("none", "lod", "full")[i % 3]
            changed = [
                Parameter("marker_mesh", value=mesh),
                Parameter("smoothing", value=i % 2 == 0),
            ]
            assert all(r.successful for r in node.set_parameters(changed))
        node.set_parameters([Parameter("marker_mesh", value="full")])
        before = len(markers)
        peer.wait(lambda: len(markers) > before + 3 and len(humans) > 10, "no markers")
        mesh = next(m for m in markers[-1].markers if m.ns == "mesh")
        assert len(mesh.points) == 180
    finally:
        ending.set()
        camera.join()
    assert node.application.problems.counts["output"] == 0


def test_a_reference_frame_that_is_set_while_running(start: Any, peer: Any, shoot: Any) -> None:
    from geometry_msgs.msg import TransformStamped
    from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
    from rcl_interfaces.srv import SetParameters
    from tf2_msgs.msg import TFMessage

    start(sync_wait=0.2)
    humans = humans_of(peer)
    shoot(10)
    peer.wait(lambda: len(humans) > 0, "no people")
    client = peer.node.create_client(SetParameters, "/mesh_recovery_node/set_parameters")
    assert client.wait_for_service(20.0)
    # Through the service, as `ros2 param set` does: on the executor's thread.
    for name in ("odom", "map", "odom"):
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=name)
        wanted = [Parameter(name="reference_frame", value=value)]
        answer = client.call_async(SetParameters.Request(parameters=wanted))
        peer.wait(answer.done, "the parameter service hangs")
        assert answer.result().results[0].successful
    tilted = TransformStamped(child_frame_id="camera_optical_frame")
    tilted.header.frame_id = "odom"
    tilted.transform.translation.z = 1.5
    for i in range(100):
        stamp = START + (100 + i) * 33 * MS
        tilted.header.stamp.sec, tilted.header.stamp.nanosec = divmod(stamp, 1000 * MS)
        peer.publish("/tf", TFMessage(transforms=[tilted]))
        shoot(1, stamp)
        if humans[-1].reference_frame:
            break
    assert humans[-1].reference_frame == "odom"
    assert list(humans[-1].reference_from_camera) == [0.0, 0.0, 1.5, 0.0, 0.0, 0.0, 1.0]


def test_topics_of_people_leave_no_parameters_behind(start: Any, peer: Any, shoot: Any) -> None:
    node = start()
    humans = humans_of(peer)
    shoot(10)
    peer.wait(lambda: len(humans) > 0, "no people")
    peer.wait(lambda: node.count_publishers("/humans/bodies/b0/position") == 1, "no body topic")
    tuned = [name for name in node.get_parameters_by_prefix("qos_overrides")]
    assert any(name.startswith("/humans.publisher") for name in tuned)
    assert not any("/humans/bodies/b" in name or "/humans/faces/f" in name for name in tuned)


def test_refused_parameters_say_why(start: Any) -> None:
    from rclpy.parameter import Parameter

    node = start()
    for name, value, words in (
        ("prediction_timeout", -1.0, "prediction_timeout"),
        ("marker_mesh", "coarse", "none or lod or full"),
        ("model", "another", "clean it up first"),
        ("smoothing", 3, "type"),
    ):
        (result,) = node.set_parameters([Parameter(name, value=value)])
        assert not result.successful and words in result.reason, (name, result.reason)
    assert node.settings.prediction_timeout == 1.2


def test_descriptors_come_from_the_table(start: Any) -> None:
    from pear_ros.live.settings import TABLE

    node = start(configured=False)
    for row in TABLE:
        descriptor = node.describe_parameter(row.name)
        assert row.why in descriptor.description
        if row.low is not None and row.kind is float:
            span = descriptor.floating_point_range[0]
            assert (span.from_value, span.to_value) == (row.low, row.high)
        assert node.get_parameter(row.name).value is not None


def test_qos_overrides(start: Any, peer: Any) -> None:
    start(arguments=(
        "-p", "qos_overrides./humans.publisher.reliability:=best_effort",
        "-p", "qos_overrides./image.subscription.depth:=3",
    ))  # fmt: skip
    peer.wait(lambda: bool(peer.node.get_publishers_info_by_topic("/humans")), "not offered")
    offer = peer.node.get_publishers_info_by_topic("/humans")[0]
    assert offer.qos_profile.reliability.name == "BEST_EFFORT"
