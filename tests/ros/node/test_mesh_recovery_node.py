"""The lifecycle node on a real ROS 2 (skipped where none is sourced)."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
MS = 1_000_000
START = 1_700_000_000_000 * MS


def humans_of(peer: Any) -> list[Any]:
    from pear.msg import HumanArray

    return peer.listen("/humans", HumanArray)


def stream(peer: Any, picture: Any, info: Any, count: int, start: int = START) -> list[int]:
    """Pictures with calibration, 10 ms apart."""
    stamps = [start + i * 33 * MS for i in range(count)]
    for stamp in stamps:
        peer.publish("/camera_info", info())
        peer.publish("/image", picture(stamp))
        time.sleep(0.01)
    return stamps


def stamps_of(messages: list[Any]) -> list[int]:
    return [m.header.stamp.sec * 1000 * MS + m.header.stamp.nanosec for m in messages]


def test_pictures_in_people_out(start: Any, peer: Any, picture: Any, info: Any) -> None:
    from pear.msg import BodyModel

    start()
    humans = humans_of(peer)
    model = peer.listen("/body_model", BodyModel, latched=True)
    peer.publish("/camera_info", info())
    stamps = stream(peer, picture, info, 3)
    peer.wait(lambda: len(humans) >= 1, "no people")
    message = humans[-1]
    assert set(stamps_of(humans)) <= set(stamps)
    assert message.header.frame_id == "camera_optical_frame" and message.calibrated
    human = message.humans[0]
    assert np.shape(human.joints) == (435,) and human.transl[2] == pytest.approx(2.09, abs=0.05)
    peer.wait(lambda: len(model) == 1, "the body model is not latched")
    assert model[0].num_vertices == 40


def test_everything_that_is_listened_to_can_be_decoded(
    start: Any, peer: Any, picture: Any, info: Any
) -> None:
    from diagnostic_msgs.msg import DiagnosticArray
    from geometry_msgs.msg import PointStamped, TwistStamped
    from hri_msgs.msg import (
        FacialActionUnits,
        FacialLandmarks,
        IdsList,
        NormalizedRegionOfInterest2D,
        Skeleton2D,
    )
    from pear.msg import Heartbeat, HumanMesh
    from sensor_msgs.msg import CompressedImage
    from tf2_msgs.msg import TFMessage
    from visualization_msgs.msg import MarkerArray

    start()
    body = "/humans/bodies/b0"
    heard = {
        topic: peer.listen(topic, kind)
        for topic, kind in {
            "/humans/meshes": HumanMesh, "/markers": MarkerArray, "/tf": TFMessage,
            "/debug_image/compressed": CompressedImage, "/diagnostics": DiagnosticArray,
            "/heartbeat": Heartbeat, "/humans/bodies/tracked": IdsList,
            f"{body}/position": PointStamped, f"{body}/velocity": TwistStamped,
            f"{body}/skeleton2d": Skeleton2D, f"{body}/roi": NormalizedRegionOfInterest2D,
        }.items()
    }  # fmt: skip
    del FacialActionUnits, FacialLandmarks
    peer.publish("/camera_info", info())
    for i in range(60):
        stream(peer, picture, info, 1, START + i * 33 * MS)
        if all(heard.values()):
            break
    silent = [topic for topic, messages in heard.items() if not messages]
    assert not silent
    assert len(heard["/humans/meshes"][0].vertices) == 120
    assert heard["/tf"][0].transforms[0].child_frame_id == "body_b0"
    assert list(heard["/humans/bodies/tracked"][-1].ids) == ["b0"]


@pytest.mark.parametrize(
    ("encoding", "channels", "size"),
    [
        ("rgb8", 3, 1), ("bgr8", 3, 1), ("rgba8", 4, 1), ("bgra8", 4, 1), ("mono8", 1, 1),
        ("mono16", 1, 2), ("rgb16", 3, 2), ("bgr16", 3, 2), ("bayer_rggb8", 1, 1),
        ("yuv422_yuy2", 2, 1), ("yuv422", 2, 1), ("8UC3", 3, 1),
    ],
)  # fmt: skip
def test_every_encoding(
    start: Any, peer: Any, picture: Any, info: Any, encoding: str, channels: int, size: int
) -> None:
    start()
    humans = humans_of(peer)
    peer.publish("/camera_info", info())
    for i in range(20):
        peer.publish("/image", picture(START + i * 33 * MS, encoding, channels, size))
        time.sleep(0.02)
        if humans:
            break
    peer.wait(lambda: len(humans) > 0, f"nothing from {encoding}")


@pytest.mark.parametrize("reliable", [True, False])
def test_any_publisher_of_pictures_matches(
    start: Any, peer: Any, picture: Any, reliable: bool
) -> None:
    start()
    humans = humans_of(peer)
    for i in range(20):
        peer.publish("/image", picture(START + i * 33 * MS), reliable=reliable)
        time.sleep(0.02)
        if humans:
            break
    peer.wait(lambda: len(humans) > 0, "no people")
    assert not humans[0].calibrated and humans[0].humans[0].scale_source == 0


def test_a_best_effort_reader_gets_people_too(
    start: Any, peer: Any, picture: Any, info: Any
) -> None:
    from pear.msg import HumanArray

    start()
    heard = peer.listen("/humans", HumanArray, reliable=False)
    stream(peer, picture, info, 20)
    peer.wait(lambda: len(heard) > 0, "no people")


def test_wrong_pictures_are_counted_and_life_goes_on(
    start: Any, peer: Any, picture: Any, info: Any
) -> None:
    node = start()
    humans = humans_of(peer)
    wrong = picture(START)
    wrong.step = 7
    unknown = picture(START + MS)
    unknown.encoding = "rgb32"
    short = picture(START + 2 * MS)
    short.data = short.data[:100]
    counts = node.application.problems.counts
    for kind, message in (("step", wrong), ("encoding", unknown), ("truncated", short)):
        peer.publish("/image", message)
        peer.wait(lambda kind=kind: counts[kind] == 1, f"{kind} is not counted")
    stream(peer, picture, info, 10, START + 100 * MS)
    peer.wait(lambda: len(humans) > 0, "no people")
    assert counts["step"] == counts["encoding"] == counts["truncated"] == 1


def test_clock_jumps(start: Any, peer: Any, picture: Any, info: Any) -> None:
    node = start()
    humans = humans_of(peer)
    stream(peer, picture, info, 10, START)
    peer.wait(lambda: len(humans) > 0, "no people")
    seen = len(humans)
    first = humans[0].humans[0].track_id
    stream(peer, picture, info, 10, START - 60_000 * MS)
    peer.wait(
        lambda: len(humans) > seen and stamps_of(humans)[-1] < START, "nothing after the jump"
    )
    assert humans[-1].humans[0].track_id > first, "an id came back"
    assert node.application.problems.counts["clock"] == 1


def test_a_camera_that_drops_out_and_returns(
    start: Any, peer: Any, picture: Any, info: Any
) -> None:
    from diagnostic_msgs.msg import DiagnosticArray

    start(silence=0.3)
    humans = humans_of(peer)
    reports = peer.listen("/diagnostics", DiagnosticArray)

    def level() -> int:
        return int.from_bytes(reports[-1].status[0].level, "little") if reports else -1

    stream(peer, picture, info, 10)
    peer.wait(lambda: level() == 0, "not running")
    peer.wait(lambda: level() == 3, "silence is not told")
    seen = len(humans)
    stream(peer, picture, info, 10, START + 2_000 * MS)
    peer.wait(lambda: level() == 0 and len(humans) > seen, "the camera came back unnoticed")


def test_an_engine_that_fails_in_mid_run_takes_the_node_to_unconfigured(
    start: Any, peer: Any, picture: Any, info: Any, made_up_engine: Any
) -> None:
    node = start()
    humans = humans_of(peer)
    stream(peer, picture, info, 5)
    peer.wait(lambda: len(humans) > 0, "no people")
    made_up_engine.failing = True
    for i in range(100):
        if node.application is None:
            break
        stream(peer, picture, info, 1, START + (100 + i) * 33 * MS)
    peer.wait(lambda: label(node) == "unconfigured", f"state {label(node)}")
    assert node.engine is None and node.application is None
    made_up_engine.failing = False
    assert node.trigger_configure().name == "SUCCESS"
    assert node.trigger_activate().name == "SUCCESS"
    seen = len(humans)
    stream(peer, picture, info, 10, START + 20_000 * MS)
    peer.wait(lambda: len(humans) > seen, "it does not come back")


def label(node: Any) -> str:
    return str(node._state_machine.current_state[1])


def test_a_configuration_that_fails_says_why(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pear_ros.engine.selftest import SelfTest
    from pear_ros.node import mesh_recovery_node as module

    node = start(configured=False)
    told: list[str] = []
    monkeypatch.setattr(node.graph, "log", lambda level, text: told.append(text))
    monkeypatch.setattr(module, "self_test", lambda *_: SelfTest(31.0, False, "31 mm off"))
    assert node.trigger_configure().name == "ERROR"
    assert label(node) == "unconfigured" and any("31 mm off" in text for text in told)
    monkeypatch.setattr(module, "self_test", lambda *_: SelfTest(0.0, True, ""))
    assert node.trigger_configure().name == "SUCCESS"


def test_what_was_active_is_gone_with_deactivate(
    start: Any, peer: Any, picture: Any, info: Any
) -> None:
    node = start()
    humans = humans_of(peer)
    stream(peer, picture, info, 5)
    peer.wait(lambda: len(humans) > 0, "no people")
    application = weakref.ref(node.application)
    assert node.trigger_deactivate().name == "SUCCESS"
    gc.collect()
    # The executor has not woken up since; an engine that lives on here is not freed by cleanup.
    assert application() is None


def test_fifty_lives_without_a_leak(
    start: Any, peer: Any, picture: Any, info: Any, made_up_engine: Any
) -> None:
    node = start()
    humans = humans_of(peer)

    def live(i: int) -> None:
        stream(peer, picture, info, 1, START + i * 1000 * MS)
        for transition in ("deactivate", "cleanup", "configure", "activate"):
            assert getattr(node, f"trigger_{transition}")().name == "SUCCESS"

    def own_threads() -> int:
        """Without the executor's pool, which grows to its size as it is used."""
        return sum(not t.name.startswith("pear callbacks") for t in threading.enumerate())

    for i in range(5):
        live(i)
    gc.collect()
    threads, objects = own_threads(), len(gc.get_objects())
    for i in range(5, 55):
        live(i)
    gc.collect()
    assert own_threads() == threads
    # Some hundred objects belong to the messages that the listener keeps.
    assert len(gc.get_objects()) - objects < 2000 + 200 * len(humans)
    assert len(list(node.publishers)) < 30 and len(list(node.subscriptions)) < 5
    # rclpy alone keeps 22 dead references of every life.
    assert len(node.default_callback_group.entities) < 100


def test_services(start: Any, peer: Any, picture: Any, info: Any, tmp_path: Any) -> None:
    from std_srvs.srv import Trigger

    start(snapshot_folder=str(tmp_path))
    humans = humans_of(peer)
    stream(peer, picture, info, 10)
    peer.wait(lambda: len(humans) > 0, "no people")

    def call(name: str) -> Any:
        client = peer.node.create_client(Trigger, f"/mesh_recovery_node/{name}")
        assert client.wait_for_service(20.0)
        future = client.call_async(Trigger.Request())
        peer.wait(future.done, f"{name} does not answer")
        return future.result()

    assert call("reset_tracks").success
    answer = call("save_snapshot")
    assert (
        answer.success and (tmp_path / answer.message.rsplit("/", 1)[1] / "people.json").is_file()
    )


def test_a_namesake_is_warned_of(
    start: Any, spinning: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rclpy

    def warnings() -> list[str]:
        return [text for text in told if "also called /twin" in text]

    told: list[str] = []
    node = start(configured=False, arguments=("-r", "__node:=twin"))
    monkeypatch.setattr(node.graph, "log", lambda level, text: told.append(text))
    assert node.trigger_configure().name == node.trigger_activate().name == "SUCCESS"
    assert not warnings()
    spinning(rclpy.create_node("twin"))
    spinning(rclpy.create_node("twin", namespace="/elsewhere"))
    end = time.monotonic() + 30.0
    while not node.graph.namesakes and time.monotonic() < end:
        time.sleep(0.05)
    assert node.graph.namesakes == 1
    node.trigger_deactivate()
    node.trigger_activate()
    assert len(warnings()) == 1


def test_remapping_and_namespace(start: Any, peer: Any, picture: Any, info: Any) -> None:
    from pear.msg import HumanArray

    start(arguments=("-r", "image:=/front/color", "-r", "__ns:=/robot"))
    heard = peer.listen("/robot/humans", HumanArray)
    for i in range(20):
        peer.publish("/front/color", picture(START + i * 33 * MS))
        time.sleep(0.02)
        if heard:
            break
    peer.wait(lambda: len(heard) > 0, "no people")


def test_simulated_time(start: Any, peer: Any) -> None:
    from pear.msg import Heartbeat
    from rosgraph_msgs.msg import Clock

    start(use_sim_time=True)
    beats = peer.listen("/heartbeat", Heartbeat)
    clock = Clock()
    clock.clock.sec = 1234
    for _ in range(100):
        peer.publish("/clock", clock)
        time.sleep(0.05)
        if beats and beats[-1].header.stamp.sec == 1234:
            break
    assert beats[-1].header.stamp.sec == 1234
