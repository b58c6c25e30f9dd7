"""Picture and video files to frames: one clear error for what cannot be read, 8-bit RGB for all
else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.problems import PearError, Problems
from pear_ros.types import Frame, Intrinsics

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
Calibration = tuple[float, float, float, float]


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) RGB of a picture file, turned upright by its EXIF orientation.

    Grey becomes RGB, transparency is dropped, 16-bit samples are scaled by 1/257. Raises PearError.
    """
    where = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PearError(
            "cannot read the picture", where=where, found=error.strerror or str(error)
        ) from None
    if not data:
        raise PearError("picture is empty", where=where, found="0 bytes")
    _check_complete(data, where)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except (cv2.error, MemoryError) as error:
        raise PearError(
            "cannot decode the picture", where=where, found=str(error).strip()
        ) from None
    if pixels is None or not pixels.size:
        raise PearError(
            "cannot decode the picture",
            where=where,
            expected="an intact JPEG, PNG, WebP, TIFF or BMP file",
        )
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    if pixels.dtype != np.uint8:
        raise PearError(
            "picture has unusual samples",
            where=where,
            expected="8 or 16 bits",
            found=str(pixels.dtype),
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)


def _check_complete(data: bytes, where: str) -> None:
    """Some decoders fill what was cut off with grey and say nothing: look for the end."""
    if data.startswith(_JPEG):
        # Thumbnails have end markers too, but they lie before the scan.
        if data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
            raise PearError(
                "picture is cut off",
                where=where,
                expected="the end marker of a JPEG",
                found=f"{len(data)} bytes",
            )
    elif data.startswith(_PNG) and b"IEND" not in data[-4096:]:
        raise PearError(
            "picture is cut off",
            where=where,
            expected="the IEND chunk of a PNG",
            found=f"{len(data)} bytes",
        )


def picture_frame(path: str | Path, calibration: Calibration | None = None) -> Frame:
    """A picture file as a frame; calibration: fx, fy, cx, cy in its pixels."""
    image = read_picture(path)
    return Frame(image=image, intrinsics=_intrinsics(calibration, image), source=str(path))


def _intrinsics(calibration: Calibration | None, image: NDArray[np.uint8]) -> Intrinsics | None:
    if calibration is None:
        return None
    return Intrinsics(*calibration, width=image.shape[1], height=image.shape[0])


@dataclass(frozen=True)
class VideoInfo:
    """Rate in frames per second (30 where the file does not say) and the number of frames it claims
    (0: unknown).
    """

    rate: float
    frames: int


def video_info(path: str | Path) -> VideoInfo:
    """What the file says about itself. Raises PearError if it is no video."""
    capture = _open(path)
    rate, count = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return VideoInfo(rate if 0 < rate < 1000 else 30.0, round(count) if 0 < count < 1e9 else 0)


def video_frames(
    path: str | Path, calibration: Calibration | None = None, problems: Problems | None = None
) -> Iterator[Frame]:
    """The frames of a video, stamped from its start by its frame rate; a file that ends early is
    counted.

    Raises PearError if it is no video or has no frame at all.
    """
    info, capture, count = video_info(path), _open(path), 0
    try:
        while True:
            good, pixels = capture.read()
            if not good:
                break
            image = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
            stamp = round(count * 1e9 / info.rate)
            yield Frame(
                image=image,
                stamp=stamp,
                intrinsics=_intrinsics(calibration, image),
                source=str(path),
            )
            count += 1
    finally:
        capture.release()
    if not count:
        raise PearError("no frame can be decoded", where=str(path), expected="a video")
    if count < info.frames and problems is not None:
        reason = f"video ends early: {count} of {info.frames} frames can be decoded"
        problems.add("truncated", str(path), round(count * 1e9 / info.rate), reason)


def _open(path: str | Path) -> cv2.VideoCapture:
    where = str(path)
    if not Path(path).is_file():
        raise PearError("no such video", where=where, expected="a file")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        # By backend: OpenCV otherwise tries file names with digits as sequences of pictures.
        capture = cv2.VideoCapture(where, cv2.CAP_FFMPEG)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not capture.isOpened():
        raise PearError(
            "cannot open the video", where=where, expected="a file that FFmpeg can decode"
        )
    return capture
