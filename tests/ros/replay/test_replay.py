"""The whole way of a bag through a pretended pipeline, read back by rosbags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from pear_ros.problems import PearError, Problems
from pear_ros.replay.replay import MarkerMesh, ReplayOptions, replay

STEP = 100_000_000


def read(path: Path) -> dict[str, list[tuple[int, Any]]]:
    found: dict[str, list[tuple[int, Any]]] = {}
    with AnyReader([path]) as reader:
        for c, stamp, raw in reader.messages():
            found.setdefault(c.topic, []).append((stamp, reader.deserialize(raw, c.msgtype)))
    return found


@pytest.fixture
def bag(tmp_path: Path, bags: Any) -> Path:
    folder: Path = bags.write_bag(tmp_path / "in", bags.recording())
    return folder


def test_people_are_written_beside_their_pictures(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any
) -> None:
    options = ReplayOptions(meshes=True, passed=("/notes",))
    summary = replay(bag, tmp_path / "out.mcap", pipeline, engine, options)
    found = read(tmp_path / "out.mcap")
    counts = {topic: len(messages) for topic, messages in found.items()}
    assert counts == {
        "/body_model": 1,
        "/humans": 12,
        "/markers": 12,
        "/humans/meshes": 5 * 2 + 7,
        "/notes": 12,
    }
    assert summary.messages == counts
    assert (summary.frames, summary.failed, summary.people, summary.tracks) == (12, 0, 17, 2)
    assert (summary.topic, summary.info_topic) == ("/camera/image_raw", "/camera/camera_info")
    assert (summary.first_stamp, summary.last_stamp) == (10 * STEP, 21 * STEP)
    for i, (logged, message) in enumerate(found["/humans"]):
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        assert stamp == (10 + i) * STEP
        assert logged == stamp + 1000
        assert message.header.frame_id == "eye"
        assert (message.image_width, message.calibrated) == (32, True)
        assert message.model == "model@cccccccccccc"
        assert len(message.humans) == (2 if i < 5 else 1)
    assert engine.calls == [2] * 5 + [1] * 7


def test_meshes_and_markers_hold_the_vertices_in_the_camera(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any
) -> None:
    options = ReplayOptions(meshes=True, markers=MarkerMesh.FULL)
    replay(bag, tmp_path / "out.mcap", pipeline, engine, options)
    found = read(tmp_path / "out.mcap")
    human = found["/humans"][0][1].humans[0]
    mesh = found["/humans/meshes"][0][1]
    assert mesh.track_id == human.track_id
    base = np.arange(180, dtype=np.float32).reshape(60, 3) + human.betas[0]
    np.testing.assert_allclose(mesh.vertices.reshape(-1, 3), base + human.transl, atol=1e-4)
    marker = found["/markers"][0][1].markers[0]
    points = np.array([(p.x, p.y, p.z) for p in marker.points])
    faces = found["/body_model"][0][1].faces
    np.testing.assert_allclose(points, mesh.vertices.reshape(-1, 3)[faces], atol=1e-4)


@pytest.mark.parametrize(
    ("mesh", "triangles"), [(MarkerMesh.LOD, 30), (MarkerMesh.FULL, 100), (MarkerMesh.NONE, 0)]
)
def test_marker_meshes(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any, mesh: MarkerMesh, triangles: int
) -> None:
    replay(bag, tmp_path / "out.mcap", pipeline, engine, ReplayOptions(markers=mesh))
    markers = read(tmp_path / "out.mcap")["/markers"][0][1].markers
    sizes = [len(m.points) // 3 for m in markers if m.ns == "mesh"]
    assert sizes == ([triangles] * 2 if triangles else [])
    assert {m.ns for m in markers} >= {"skeleton", "label"}
    assert bool(engine.calls) == bool(triangles)


def test_people_who_leave_are_deleted_once(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any
) -> None:
    replay(bag, tmp_path / "out.mcap", pipeline, engine)
    deleted = [
        {m.id for m in message.markers if m.action == m.DELETE}
        for _, message in read(tmp_path / "out.mcap")["/markers"]
    ]
    assert deleted == [set()] * 5 + [{2}] + [set()] * 6


def test_without_markers_and_meshes_no_vertices_are_made(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any
) -> None:
    replay(bag, tmp_path / "out.mcap", pipeline, engine, ReplayOptions(markers=None))
    assert set(read(tmp_path / "out.mcap")) == {"/body_model", "/humans"}
    assert engine.calls == []


def test_the_same_bytes_twice(tmp_path: Path, bag: Path, pipeline: Any, engine: Any) -> None:
    """Although the pipeline's times differ from run to run."""
    options = ReplayOptions(meshes=True, passed=("*",))
    for name in ("a", "b"):
        replay(bag, tmp_path / f"{name}.mcap", pipeline, engine, options)
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()


def test_measured_times_are_written_where_asked_for(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any
) -> None:
    out = tmp_path / "out.mcap"
    summary = replay(bag, out, pipeline, engine, ReplayOptions(measured=True))
    humans = [m for _, m in read(out)["/humans"]]
    assert all(m.decode_seconds > 0 for m in humans)
    assert sum(m.network_seconds for m in humans) == pytest.approx(
        summary.seconds["network"], rel=1e-5
    )
    assert set(summary.seconds) >= {"decode", "detect", "mesh", "messages", "write", "wall"}


def test_passed_topics_are_the_same_bytes(
    tmp_path: Path, bag: Path, bags: Any, pipeline: Any, engine: Any
) -> None:
    replay(bag, tmp_path / "out.mcap", pipeline, engine, ReplayOptions(passed=("*",)))
    with AnyReader([tmp_path / "out.mcap"]) as reader:
        theirs = [c for c in reader.connections if c.topic in {m[0] for m in bags.recording()}]
        found = [
            (c.topic, c.msgtype, stamp, bytes(raw)) for c, stamp, raw in reader.messages(theirs)
        ]
    assert found == bags.recording()


def test_first_and_count(tmp_path: Path, bag: Path, pipeline: Any, engine: Any) -> None:
    summary = replay(bag, tmp_path / "out.mcap", pipeline, engine, ReplayOptions(first=3, count=4))
    assert (summary.frames, summary.first_stamp, summary.last_stamp) == (4, 13 * STEP, 16 * STEP)


def test_observer_and_progress_see_everything(bag: Path, pipeline: Any, engine: Any) -> None:
    seen: list[Any] = []
    steps: list[Any] = []
    summary = replay(
        bag,
        None,
        pipeline,
        engine,
        progress=lambda done, total: steps.append((done, total)),
        observe=lambda frame, humans, vertices: seen.append((frame, humans, vertices)),
    )
    assert summary.out == ""
    assert steps == [(i + 1, 12) for i in range(12)]
    assert [f.stamp for f, _, _ in seen] == [(10 + i) * STEP for i in range(12)]
    assert seen[0][2].shape == (2, 60, 3)
    assert all(h.stamp == f.stamp for f, h, _ in seen)


def test_broken_pictures_cost_only_themselves(
    tmp_path: Path, bags: Any, pipeline: Any, engine: Any
) -> None:
    messages = bags.recording()
    messages[6] = (*messages[6][:3], bags.image(2, encoding="weird"))
    bag = bags.write_bag(tmp_path / "in", messages)
    problems = Problems()
    summary = replay(bag, tmp_path / "out.mcap", pipeline, engine, problems=problems)
    assert (summary.frames, summary.failed) == (11, 1)
    assert problems.counts == {"encoding": 1}
    assert len(read(tmp_path / "out.mcap")["/humans"]) == 11


def test_no_picture_at_all_is_one_error_and_no_file(
    tmp_path: Path, bags: Any, pipeline: Any, engine: Any
) -> None:
    messages = [
        ("/image", "sensor_msgs/msg/Image", i, bags.image(i, encoding="weird")) for i in range(3)
    ]
    bag = bags.write_bag(tmp_path / "in", messages)
    with pytest.raises(PearError, match=r"no picture of /image can be read.*'weird'"):
        replay(bag, tmp_path / "out.mcap", pipeline, engine)
    assert not (tmp_path / "out.mcap").exists()


def test_a_failing_pipeline_leaves_no_file(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any
) -> None:
    def fail(parameters: Any) -> Any:
        raise RuntimeError("no memory")

    engine.mesh = fail
    with pytest.raises(RuntimeError, match="no memory"):
        replay(bag, tmp_path / "out.mcap", pipeline, engine)
    assert {p.name for p in tmp_path.iterdir()} == {"in"}


@pytest.mark.parametrize("plugin", ["mcap", "sqlite3"])
def test_a_cut_off_bag_gives_what_it_has(
    tmp_path: Path, bags: Any, pipeline: Any, engine: Any, plugin: str
) -> None:
    folder = bags.write_bag(tmp_path / "in", bags.recording(40), plugin=plugin)
    (file,) = (p for p in folder.iterdir() if p.suffix in (".mcap", ".db3"))
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 7 // 10])
    problems = Problems()
    summary = replay(file, tmp_path / "out.mcap", pipeline, engine, problems=problems)
    assert 15 < summary.frames < 40
    assert summary.failed == 0
    assert set(problems.counts) == {"truncated"}
    assert len(read(tmp_path / "out.mcap")["/humans"]) == summary.frames


def test_topics_to_pass_on_must_be_there_and_not_ours(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any
) -> None:
    for name, words in (("/nothing", "no topic /nothing"), ("/humans", "written by pear")):
        with pytest.raises(PearError, match=words):
            replay(bag, tmp_path / "out.mcap", pipeline, engine, ReplayOptions(passed=(name,)))


def test_a_bag_is_never_written_over_itself(
    tmp_path: Path, bag: Path, pipeline: Any, engine: Any
) -> None:
    for source in (bag, bag / "in.mcap"):
        with pytest.raises(PearError, match="the output lies in the input"):
            replay(source, bag / "in.mcap", pipeline, engine)
