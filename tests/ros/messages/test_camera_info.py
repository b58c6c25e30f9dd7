"""Intrinsics from CameraInfo messages and calibration files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_ros.messages import codec
from pear_ros.messages.camera_info import camera_info, fitted, intrinsics, read_calibration
from pear_ros.problems import PearError
from pear_ros.types import Intrinsics

POSITIVE = st.floats(1, 5000)


def message(**changes: Any) -> Any:
    types = codec.typestore().types
    values: dict[str, Any] = {
        "header": types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](1, 2), "c"),
        "height": 480,
        "width": 640,
        "distortion_model": "plumb_bob",
        "d": np.zeros(5),
        "k": np.array([500.0, 0, 320, 0, 510, 240, 0, 0, 1]),
        "r": np.eye(3).reshape(-1),
        "p": np.array([400.0, 0, 300, -40, 0, 410, 200, 0, 0, 0, 1, 0]),
        "binning_x": 0,
        "binning_y": 0,
        "roi": types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False),
    }
    return types[codec.CAMERA_INFO](**values | changes)


@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE, st.integers(1, 9999), st.integers(1, 9999))
def test_written_and_read_again(
    fx: float, fy: float, cx: float, cy: float, width: int, height: int
) -> None:
    k = Intrinsics(fx, fy, cx, cy, width, height)
    raw = camera_info(k, 5, "eye")
    decoded = codec.deserialize(raw, codec.CAMERA_INFO)
    assert codec.serialize(decoded, codec.CAMERA_INFO) == raw
    again = intrinsics(raw)
    assert again is not None
    np.testing.assert_allclose([again.fx, again.fy], [fx, fy])
    np.testing.assert_allclose([again.cx, again.cy], [cx, cy], atol=1e-12)
    assert (again.width, again.height) == (width, height)
    assert intrinsics(raw, rectified=True) == again


def test_k_for_raw_pictures_and_p_for_rectified_ones() -> None:
    raw = codec.serialize(message(), codec.CAMERA_INFO)
    assert intrinsics(raw) == Intrinsics(500, 510, 320, 240, 640, 480)
    assert intrinsics(raw, rectified=True) == Intrinsics(400, 410, 300, 200, 640, 480)
    assert intrinsics(message(p=np.zeros(12)), rectified=True) == intrinsics(raw)


@pytest.mark.parametrize(
    "k", [np.zeros(9), np.full(9, np.nan), np.array([-500.0, 0, 320, 0, 510, 240, 0, 0, 1])]
)
def test_no_calibration_is_none(k: np.ndarray) -> None:
    assert intrinsics(message(k=k)) is None


def test_region_and_binning_move_the_same_point() -> None:
    """A point at pixel u of the full sensor lies at (u - x0 + .5) / b - .5 of the picture."""
    roi = codec.typestore().types["sensor_msgs/msg/RegionOfInterest"](100, 60, 200, 400, False)
    k = intrinsics(message(roi=roi, binning_x=2, binning_y=4))
    assert k is not None
    point = np.array([0.3, -0.2, 2.0])
    full = np.array([500 * point[0] / 2 + 320, 510 * point[1] / 2 + 240])
    expected = (full - [100, 60] + 0.5) / [2, 4] - 0.5
    found = [k.fx * point[0] / 2 + k.cx, k.fy * point[1] / 2 + k.cy]
    np.testing.assert_allclose(found, expected)
    assert (k.width, k.height) == (200, 50)


@given(st.integers(1, 8), st.integers(50, 200), st.integers(50, 200))
def test_a_resized_picture_sees_the_same_directions(factor: int, width: int, height: int) -> None:
    k = Intrinsics(300.0, 310.0, width / 2, height / 3, width * factor, height * factor)
    small = fitted(k, width, height)
    assert small is not None
    # The left edge of the picture is the same ray in both, half a pixel before the first centre.
    assert (-0.5 - k.cx) / k.fx == pytest.approx((-0.5 - small.cx) / small.fx)
    right = (width * factor - 0.5 - k.cx) / k.fx
    assert right == pytest.approx((width - 0.5 - small.cx) / small.fx)


def test_other_proportions_are_another_camera() -> None:
    assert fitted(Intrinsics(500, 500, 320, 240, 640, 480), 640, 360) is None


def test_a_size_of_zero_is_the_pictures_size() -> None:
    k = fitted(Intrinsics(500, 500, 320, 240, 0, 0), 640, 480)
    assert k == Intrinsics(500, 500, 320, 240, 640, 480)


def test_calibration_file(tmp_path: Path) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(
        "image_width: 640\nimage_height: 480\ncamera_name: head\n"
        "camera_matrix:\n  rows: 3\n  cols: 3\n  data: [500.5, 0, 320, 0, 501, 240, 0, 0, 1]\n"
    )
    assert read_calibration(path) == Intrinsics(500.5, 501, 320, 240, 640, 480)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a camera calibration"),
        ("[1, 2]", "not a camera calibration"),
        ("image_width: 1\nimage_height: 1\ncamera_matrix: {data: [1, 2]}", "not a camera"),
        ("image_width: 9\nimage_height: 9\ncamera_matrix: {data: [0,0,0,0,0,0,0,0,0]}", "not cal"),
        ("a: [", "cannot be read"),
    ],
)
def test_other_files_are_one_clear_error(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    with pytest.raises(PearError, match=reason) as caught:
        read_calibration(path)
    assert "camera.yaml" in str(caught.value)


def test_a_missing_file_is_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(PearError, match=r"absent\.yaml"):
        read_calibration(tmp_path / "absent.yaml")
