"""Bags made of pictures and videos, decoded by rosbags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from pear_ros.problems import PearError, Problems
from pear_ros.replay.makebag import MakeBagOptions, make_bag
from pear_ros.replay.reader import frames
from pear_ros.types import Intrinsics

K = Intrinsics(50.0, 50.0, 23.5, 15.5, 48, 32)


def bgr(index: int) -> np.ndarray:
    v, u = np.mgrid[0:32, 0:48]
    return np.stack([u * 5, v * 7, np.full_like(u, 20 * index)], axis=2).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    path.mkdir()
    for i in range(6):
        cv2.imwrite(str(path / f"{i:03}.png"), bgr(i))
    (path / "notes.txt").write_text("not a picture")
    return path


def test_raw_pictures_are_exact(tmp_path: Path, folder: Path) -> None:
    made = make_bag([folder], tmp_path / "out.mcap", MakeBagOptions(intrinsics=K, rate=20))
    assert (made.frames, made.failed) == (6, 0)
    assert made.topics == ("/camera/image_raw", "/camera/camera_info")
    found = list(frames(tmp_path / "out.mcap"))
    for i, frame in enumerate(found):
        np.testing.assert_array_equal(frame.image, bgr(i)[..., ::-1])
        assert frame.stamp == 1_000_000_000 + i * 50_000_000
        assert frame.frame_id == "camera_optical_frame"
        assert frame.intrinsics == K


def test_rosbags_decodes_them(tmp_path: Path, folder: Path) -> None:
    make_bag([folder / "002.png"], tmp_path / "out.mcap")
    with AnyReader([tmp_path / "out.mcap"]) as reader:
        ((connection, stamp, raw),) = reader.messages()
        message: Any = reader.deserialize(raw, connection.msgtype)
    assert (message.height, message.width, message.step) == (32, 48, 144)
    assert (message.encoding, stamp) == ("rgb8", 1_000_000_000)
    np.testing.assert_array_equal(message.data.reshape(32, 48, 3), bgr(2)[..., ::-1])


def test_jpeg_pictures(tmp_path: Path, folder: Path) -> None:
    made = make_bag([folder], tmp_path / "out.mcap", MakeBagOptions(jpeg=95))
    assert made.topics == ("/camera/image_raw/compressed",)
    with AnyReader([tmp_path / "out.mcap"]) as reader:
        connection, _, raw = next(iter(reader.messages()))
        message: Any = reader.deserialize(raw, connection.msgtype)
    assert message.format == "rgb8; jpeg compressed bgr8"
    for i, frame in enumerate(frames(tmp_path / "out.mcap")):
        assert np.abs(frame.image.astype(int) - bgr(i)[..., ::-1]).mean() < 6


def test_a_video_keeps_its_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (48, 32))
    for i in range(5):
        writer.write(bgr(i))
    writer.release()
    seen: list[Any] = []
    made = make_bag([path], tmp_path / "out.mcap", progress=lambda *step: seen.append(step))
    assert made.frames == 5
    assert seen == [(i + 1, 5) for i in range(5)]
    found = list(frames(tmp_path / "out.mcap"))
    assert [f.stamp for f in found] == [1_000_000_000 + i * 40_000_000 for i in range(5)]
    assert np.abs(found[3].image.astype(int) - bgr(3)[..., ::-1]).mean() < 8


def test_the_same_bytes_twice(tmp_path: Path, folder: Path) -> None:
    for name in ("a", "b"):
        make_bag([folder], tmp_path / f"{name}.mcap", MakeBagOptions(intrinsics=K))
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()


def test_calibration_is_scaled_to_the_pictures(tmp_path: Path, folder: Path) -> None:
    double = Intrinsics(100.0, 100.0, 47.5, 31.5, 96, 64)
    make_bag([folder], tmp_path / "out.mcap", MakeBagOptions(intrinsics=double))
    k = next(iter(frames(tmp_path / "out.mcap"))).intrinsics
    assert k == Intrinsics(50.0, 50.0, 23.5, 15.5, 48, 32)
    wrong = Intrinsics(100.0, 100.0, 47.5, 31.5, 96, 96)
    with pytest.raises(PearError, match="calibration does not fit"):
        make_bag([folder], tmp_path / "no.mcap", MakeBagOptions(intrinsics=wrong))
    assert not (tmp_path / "no.mcap").exists()


def test_a_broken_picture_is_counted_and_keeps_its_time(tmp_path: Path, folder: Path) -> None:
    (folder / "001.png").write_bytes(b"broken")
    (folder / "002.png").write_bytes(b"")
    problems = Problems()
    made = make_bag([folder], tmp_path / "out.mcap", problems=problems)
    assert (made.frames, made.failed) == (4, 2)
    assert problems.counts == {"unreadable": 2}
    stamps = [f.stamp for f in frames(tmp_path / "out.mcap")]
    assert stamps == [1_000_000_000 + i * 100_000_000 for i in (0, 3, 4, 5)]


def test_count(tmp_path: Path, folder: Path) -> None:
    assert make_bag([folder], tmp_path / "out.mcap", MakeBagOptions(count=2)).frames == 2


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "nothing to make a bag from"),
        (["absent.png"], "no such picture"),
        (["absent.mp4"], "no such video"),
        (["notes.txt"], "video cannot be opened"),
        (["notes.txt", "000.png"], "one video, or pictures"),
        (["empty"], "no pictures here"),
        (["broken.png"], "no picture can be read"),
    ],
)
def test_wrong_inputs_are_one_clear_error(
    tmp_path: Path, folder: Path, names: list[str], words: str
) -> None:
    (folder / "broken.png").write_bytes(b"broken")
    (folder / "empty").mkdir()
    with pytest.raises(PearError, match=words):
        make_bag([folder / name for name in names], tmp_path / "out.mcap")
    assert not (tmp_path / "out.mcap").exists()


def test_the_rate_must_be_positive(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(PearError, match="rate"):
        make_bag([folder], tmp_path / "out.mcap", MakeBagOptions(rate=-1.0))
