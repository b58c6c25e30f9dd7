"""CameraInfo messages and calibration files to `Intrinsics`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pear_ros.messages import codec
from pear_ros.problems import PearError
from pear_ros.types import Intrinsics


def intrinsics(message: Any, *, rectified: bool = False) -> Intrinsics | None:
    """Intrinsics of a CameraInfo message, None where it is not calibrated (zero K).

    message: CDR bytes or a message object. rectified: the picture is the rectified one, so P counts
    instead of K. Binning and region of interest are applied. Lens distortion is not modelled.
    Raises: PearError where the bytes are no CameraInfo.
    """
    if isinstance(message, (bytes, bytearray, memoryview)):
        message = codec.deserialize(message, codec.CAMERA_INFO)
    if rectified and message.p[0] > 0:
        fx, cx, fy, cy = (float(message.p[i]) for i in (0, 2, 5, 6))
    else:
        fx, cx, fy, cy = (float(message.k[i]) for i in (0, 2, 4, 5))
    if not (all(map(math.isfinite, (fx, fy, cx, cy))) and fx > 0 and fy > 0):
        return None
    bin_x, bin_y = max(1, int(message.binning_x)), max(1, int(message.binning_y))
    roi = message.roi
    width, height = int(roi.width) or int(message.width), int(roi.height) or int(message.height)
    return Intrinsics(
        fx / bin_x,
        fy / bin_y,
        # Pixel centres are whole numbers, so a pixel's edge is half a pixel away when sizes change.
        (cx - roi.x_offset + 0.5) / bin_x - 0.5,
        (cy - roi.y_offset + 0.5) / bin_y - 0.5,
        width // bin_x,
        height // bin_y,
    )


def fitted(k: Intrinsics, width: int, height: int) -> Intrinsics | None:
    """The same camera for a picture of another size, None where the proportions differ (over 1 %).

    A CameraInfo of size 0 x 0 is taken to be of the picture's size.
    """
    if k.width == 0 or k.height == 0 or (k.width, k.height) == (width, height):
        return Intrinsics(k.fx, k.fy, k.cx, k.cy, width, height)
    sx, sy = width / k.width, height / k.height
    if abs(sx / sy - 1) > 0.01:
        return None
    return Intrinsics(
        k.fx * sx, k.fy * sy, (k.cx + 0.5) * sx - 0.5, (k.cy + 0.5) * sy - 0.5, width, height
    )


def camera_info(k: Intrinsics, stamp: int, frame_id: str) -> bytes:
    """sensor_msgs/CameraInfo of a camera without distortion, as CDR with the 4-byte header."""
    out = codec.CdrWriter()
    out.header(stamp, frame_id)
    out.pack("2I", k.height, k.width)
    out.string("plumb_bob")
    out.pack("I", 5)
    out.pack("5d", *[0.0] * 5)
    out.pack("9d", k.fx, 0, k.cx, 0, k.fy, k.cy, 0, 0, 1)
    out.pack("9d", 1, 0, 0, 0, 1, 0, 0, 0, 1)
    out.pack("12d", k.fx, 0, k.cx, 0, 0, k.fy, k.cy, 0, 0, 0, 1, 0)
    out.pack("2I", 0, 0)
    out.pack("4I", 0, 0, 0, 0)
    out.pack("?", False)
    return out.finish()


def read_calibration(path: Path) -> Intrinsics:
    """Intrinsics of a camera_calibration YAML file (image_width, image_height, camera_matrix).

    Raises: PearError where the file cannot be read or is something else.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise PearError("calibration cannot be read", where=str(path), found=str(error)) from None
    try:
        if not isinstance(content, Mapping):
            raise TypeError("no mapping")
        values = [float(v) for v in content["camera_matrix"]["data"]]
        fx, _, cx, _, fy, cy, *_ = values
        k = Intrinsics(fx, fy, cx, cy, int(content["image_width"]), int(content["image_height"]))
    except (KeyError, TypeError, ValueError) as error:
        raise PearError(
            "not a camera calibration",
            where=str(path),
            expected="image_width, image_height, camera_matrix.data",
            found=str(error),
        ) from None
    if not (
        all(map(math.isfinite, values)) and k.fx > 0 and k.fy > 0 and k.width > 0 and k.height > 0
    ):
        raise PearError(
            "camera is not calibrated", where=str(path), expected="positive focal lengths and size"
        )
    return k
