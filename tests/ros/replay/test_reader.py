"""Frames of bags: pixels, stamps, calibration, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pear_ros.problems import PearError, Problems
from pear_ros.replay.bag import Bag
from pear_ros.replay.reader import BagFrame, FrameReader, frames
from pear_ros.types import Intrinsics

IMAGE, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
STEP = 100_000_000


@pytest.mark.parametrize("plugin", ["mcap", "sqlite3"])
def test_every_picture_with_its_stamp_and_calibration(
    tmp_path: Path, bags: Any, plugin: str
) -> None:
    folder = bags.write_bag(tmp_path / "bag", bags.recording(), plugin=plugin)
    problems = Problems()
    found = list(frames(folder, problems=problems))
    assert len(found) == 12
    for i, frame in enumerate(found):
        np.testing.assert_array_equal(frame.image, bags.pixels(i))
        assert frame.stamp == (i + 10) * STEP
        assert (frame.frame_id, frame.source) == ("eye", "/camera/image_raw")
        assert frame.intrinsics == Intrinsics(40, 40, 15.5, 11.5, 32, 24)
    assert not len(problems)


def test_the_latest_calibration_counts_and_the_first_before_it_comes(
    tmp_path: Path, bags: Any
) -> None:
    """CameraInfo arrives behind its picture; until the second one, the first is the calibration."""
    messages = [
        ("/camera/image_raw", IMAGE, 10, bags.image(0)),
        ("/camera/camera_info", INFO, 11, bags.info(0, 40.0)),
        ("/camera/image_raw", IMAGE, 20, bags.image(1)),
        ("/camera/camera_info", INFO, 21, bags.info(1, 50.0)),
        ("/camera/image_raw", IMAGE, 30, bags.image(2)),
    ]
    found = list(frames(bags.write_bag(tmp_path / "bag", messages)))
    assert [f.intrinsics.fx for f in found if f.intrinsics] == [40, 40, 50]


def test_calibration_of_another_resolution_is_scaled(tmp_path: Path, bags: Any) -> None:
    messages = [
        ("/camera/image_raw", IMAGE, 10, bags.image(0)),
        ("/camera/camera_info", INFO, 11, bags.info(0, 40.0, (64, 48))),
    ]
    (frame,) = frames(bags.write_bag(tmp_path / "bag", messages))
    assert frame.intrinsics == Intrinsics(20, 20, 7.5, 5.5, 32, 24)


@pytest.mark.parametrize(
    ("infos", "words"),
    [
        (None, "no CameraInfo beside /camera/image_raw"),
        ((0.0, (32, 24)), "zero camera matrix"),
        ((40.0, (32, 32)), "is for 32x32, the pictures are 32x24"),
    ],
)
def test_missing_calibration_is_one_warning(
    tmp_path: Path, bags: Any, infos: Any, words: str
) -> None:
    messages = [("/camera/image_raw", IMAGE, i, bags.image(i)) for i in range(5)]
    if infos is not None:
        messages.append(("/camera/camera_info", INFO, 9, bags.info(0, *infos)))
    problems = Problems()
    found = list(frames(bags.write_bag(tmp_path / "bag", messages), problems=problems))
    assert [f.intrinsics for f in found] == [None] * 5
    assert problems.counts == {"calibration": 1}
    (example,) = problems.examples["calibration"]
    assert words in example.reason
    assert (example.topic, example.stamp) == ("/camera/image_raw", 10 * STEP)


def test_broken_pictures_are_counted_and_the_rest_is_read(tmp_path: Path, bags: Any) -> None:
    faults = {
        2: ("encoding", {"encoding": "weird"}),
        3: ("step", {"step": 7}),
        5: ("size", {"width": 0}),
        6: ("truncated", {"data": np.zeros(10, np.uint8)}),
        8: ("encoding", {"encoding": "32FC1"}),
    }
    messages = [
        ("/camera/image_raw", IMAGE, i, bags.image(i, **faults.get(i, ("", {}))[1]))
        for i in range(10)
    ]
    messages.append(("/camera/image_raw", IMAGE, 10, b"\0\1\0\0garbage"))
    problems = Problems()
    found = list(frames(bags.write_bag(tmp_path / "bag", messages), problems=problems))
    assert [f.stamp // STEP - 10 for f in found] == [0, 1, 4, 7, 9]
    del problems.counts["calibration"]
    assert problems.counts == {"encoding": 2, "step": 1, "size": 1, "truncated": 2}
    first = problems.examples["encoding"][0]
    assert (first.topic, first.stamp) == ("/camera/image_raw", 12 * STEP)
    assert "'weird'" in first.reason


def test_a_header_without_stamp_takes_the_time_of_recording(tmp_path: Path, bags: Any) -> None:
    store = bags.STORE if hasattr(bags, "STORE") else None
    assert store is None
    zero = bags.header(-10)
    messages = [("/camera/image_raw", IMAGE, 777, bags.image(0, header=zero))]
    (frame,) = frames(bags.write_bag(tmp_path / "bag", messages))
    assert frame.stamp == 777


def test_other_topics_come_unchanged_in_between(tmp_path: Path, bags: Any) -> None:
    folder = bags.write_bag(tmp_path / "bag", bags.recording(3))
    problems = Problems()
    with Bag(folder, problems) as bag:
        reader = FrameReader(bag, problems)
        items = list(reader.read({"/notes", "/camera/image_raw"}))
        kinds = ["frame" if isinstance(item, BagFrame) else item.topic.name for item in items]
        assert kinds == ["/camera/image_raw", "frame", "/notes"] * 3
        assert bytes(items[2].data) == bags.text("note 0")  # type: ignore[union-attr]
        assert items[1].message.stamp == 10 * STEP + 1000  # type: ignore[union-attr]


def test_a_bag_without_pictures(tmp_path: Path, bags: Any) -> None:
    messages = [m for m in bags.recording() if m[0] == "/notes"]
    with pytest.raises(PearError, match=r"no topic with pictures.*/notes \(std_msgs/msg/String\)"):
        list(frames(bags.write_bag(tmp_path / "bag", messages)))


def test_named_topics_must_be_there(tmp_path: Path, bags: Any) -> None:
    folder = bags.write_bag(tmp_path / "bag", bags.recording(1))
    with pytest.raises(PearError, match="no topic /other"):
        list(frames(folder, topic="/other"))
    with pytest.raises(PearError, match="no topic /other"):
        list(frames(folder, info_topic="/other"))
