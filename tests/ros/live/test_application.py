"""The live application over a graph in memory: what goes out, and when."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_ros.live import people_topics
from pear_ros.messages import codec
from pear_ros.perception.detection.elsewhere import Elsewhere

Camera = Any

MS = 1_000_000
START = 1_700_000_000_000 * MS
FRAME = "camera_optical_frame"
PIXELS = np.full((48, 64, 3), 90, np.uint8)


def people(data: bytes) -> Any:
    return codec.deserialize(data, codec.HUMAN_ARRAY)


def until(condition: Any, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)


def diagnosed(graph: Any) -> Any:
    """The status of the next report."""
    seen = len(graph.topic("/diagnostics").sent)
    data = graph.wait("/diagnostics", seen + 2)[-1]
    (status,) = codec.deserialize(data, "diagnostic_msgs/msg/DiagnosticArray").status
    return status


def test_a_picture_becomes_people_with_its_own_stamp_and_frame(
    start: Any, camera: Camera, memory_graph: Any, made_up_engine: Any
) -> None:
    start()
    camera.info()
    stamp = camera.shoot()
    message = people(memory_graph.wait("humans", 1)[0])
    assert message.header.stamp.sec * 1_000 * MS + message.header.stamp.nanosec == stamp
    assert message.header.frame_id == FRAME
    assert message.calibrated and message.fx == 60.0 and message.engine == "made-up 1"
    assert len(message.humans) == 1
    # One metre fills 0.9 of half a crop, the crop of the whole picture is 64 px wide: one metre is
    # 28.8 px, and a focal length of 60 px puts that at 2.08 m.
    human = message.humans[0]
    assert human.transl[2] == pytest.approx(60.0 / 28.8, rel=0.02)
    assert human.scale_source == 1


def test_the_body_model_is_said_once_and_latched(start: Any, memory_graph: Any) -> None:
    start()
    topic = memory_graph.topic("body_model")
    assert len(topic.sent) == 1 and topic.qos.latched
    message = codec.deserialize(topic.sent[0], codec.BODY_MODEL)
    assert message.num_vertices == 40 and len(message.joint_names) == 145


def test_pictures_ask_for_the_newest_only_and_results_are_reliable(
    start: Any, memory_graph: Any
) -> None:
    start()
    assert memory_graph.topic("image").qos.depth == 1
    assert not memory_graph.topic("image").qos.reliable
    assert memory_graph.topic("humans").qos.reliable


def test_meshes_and_markers_only_while_somebody_listens(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    start()
    camera.info()
    camera.shoot()
    memory_graph.wait("humans", 1)
    for topic in ("humans/meshes", "markers", "debug_image/compressed"):
        assert memory_graph.topic(topic).sent == []
        memory_graph.watch(topic)
    camera.shoot()
    mesh = codec.deserialize(memory_graph.wait("humans/meshes", 1)[0], codec.HUMAN_MESH)
    assert len(mesh.vertices) == 40 * 3
    markers = codec.deserialize(memory_graph.wait("markers", 1)[0], codec.MARKER_ARRAY)
    assert {m.ns for m in markers.markers} >= {"mesh", "skeleton", "label"}
    # Level of detail: 12 faces of 3 corners.
    assert len(next(m for m in markers.markers if m.ns == "mesh").points) == 36
    picture = codec.deserialize(
        memory_graph.wait("debug_image/compressed", 1)[0], codec.COMPRESSED_IMAGE
    )
    assert bytes(picture.data[:3]) == b"\xff\xd8\xff"


def test_the_full_mesh_is_a_setting_that_changes_while_running(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    application = start()
    camera.info()
    memory_graph.watch("markers")
    camera.shoot()
    memory_graph.wait("markers", 1)
    application.change(application.settings.changed({"marker_mesh": "full"}))
    camera.shoot()
    markers = codec.deserialize(memory_graph.wait("markers", 2)[1], codec.MARKER_ARRAY)
    assert len(next(m for m in markers.markers if m.ns == "mesh").points) == 60 * 3


def test_with_calibration_there_are_frames_and_the_verdict_is_good(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    start()
    camera.info()
    camera.shoot()
    data = memory_graph.wait("/tf", 1)[0]
    frames = codec.deserialize(data, "tf2_msgs/msg/TFMessage").transforms
    assert frames[0].header.frame_id == FRAME and frames[0].child_frame_id == "body_b0"
    status = diagnosed(memory_graph)
    values = {pair.key: pair.value for pair in status.values}
    assert status.level == 0 and status.message == "running"
    assert values["calibration"] == "CALIBRATED" and values["results"] == "1"


def test_people_found_elsewhere(start: Any, camera: Camera, memory_graph: Any) -> None:
    start(Elsewhere(), detector="topic", sync_wait=0.5)
    camera.info()
    stamp = camera.stamp + 33 * MS
    memory_graph.deliver("detections", detection(stamp, (20.0, 24.0), (10.0, 40.0)))
    camera.shoot()
    (human,) = people(memory_graph.wait("humans", 1)[0]).humans
    np.testing.assert_allclose(human.box, [15.0, 4.0, 25.0, 44.0], atol=1e-4)
    assert human.score == pytest.approx(0.8)


def detection(stamp: int, centre: tuple[float, float], size: tuple[float, float]) -> bytes:
    """vision_msgs/Detection2DArray (4.x) with one person, written field by field."""
    out = codec.CdrWriter()
    out.header(stamp, FRAME)
    out.pack("I", 1)
    out.header(stamp, FRAME)
    out.pack("I", 1)
    out.string("person")
    out.pack("d", 0.8)
    out.pack("7d", *[0.0] * 7)
    out.pack("36d", *[0.0] * 36)
    out.pack("3d", *centre, 0.0)
    out.pack("2d", *size)
    out.string("")
    return out.finish()


def test_rep155_lists_always_and_the_rest_while_somebody_listens(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    start()
    camera.info()
    camera.shoot()
    data = memory_graph.wait("/humans/bodies/tracked", 1)[0]
    assert codec.deserialize(data, "hri_msgs/msg/IdsList").ids == ["b0"]
    assert memory_graph.topic("/humans/bodies/b0/position").sent == []
    memory_graph.watch("/humans/bodies/b0/position")
    time.sleep(people_topics.ASKED_EVERY)
    camera.shoot()
    data = memory_graph.wait("/humans/bodies/b0/position", 1)[0]
    point = codec.deserialize(data, "geometry_msgs/msg/PointStamped").point
    assert 1.8 < point.z < 2.3


def test_the_camera_in_a_gravity_aligned_frame(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    start(reference_frame="odom", sync_wait=0.0)
    camera.info()
    turn = Rotation.from_euler("xyz", [-1.7, 0.1, -1.5])
    memory_graph.deliver("/tf_static", transform("odom", FRAME, turn, (0.3, -0.2, 1.4)))
    camera.shoot()
    message = people(memory_graph.wait("humans", 1)[0])
    assert message.reference_frame == "odom"
    np.testing.assert_allclose(message.reference_from_camera[:3], [0.3, -0.2, 1.4], atol=1e-12)
    found = Rotation.from_quat(message.reference_from_camera[3:])
    assert (found * turn.inv()).magnitude() < 1e-9


def transform(parent: str, child: str, turn: Rotation, place: tuple[float, float, float]) -> bytes:
    out = codec.CdrWriter()
    out.pack("I", 1)
    out.header(START, parent)
    out.string(child)
    out.pack("7d", *place, *turn.as_quat())
    return out.finish()


def test_reset_and_snapshot(
    start: Any, camera: Camera, memory_graph: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    application = start(snapshot_folder=str(tmp_path / "shots"))
    assert application.snapshot() == (False, "no picture has been processed yet")
    camera.info()
    stamp = camera.shoot()
    memory_graph.wait("humans", 1)
    until(lambda: application.last is not None)
    done, where = application.snapshot()
    assert done and where == str(tmp_path / "shots" / str(stamp))
    names = sorted(p.name for p in (tmp_path / "shots" / str(stamp)).iterdir())
    assert names == ["overlay.png", "people.json", "people.npz", "picture.png"]
    assert application.reset_tracks()[0]
    camera.shoot()
    first, second = (people(d).humans[0].track_id for d in memory_graph.wait("humans", 2))
    assert second != first
