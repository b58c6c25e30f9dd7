"""The picture somebody looks at while a robot runs: skeletons, boxes and labels, as cheap as it gets.

Meshes over the picture are `overlay.draw`; this needs no vertices and a few milliseconds.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros.messages.pictures import compressed_image
from pear_ros.palette import track_colour
from pear_ros.types import Box, Frame, Human, HumanFrame, ScaleSource, TrackState

Image = NDArray[np.uint8]
WIDEST = 960
"""Pixels; wider pictures are halved until they fit, because encoding is what costs."""
_BONES = tuple(
    (int(parent), child)
    for child, parent in enumerate(anatomy.SMPLX_PARENTS)
    if parent >= 0 and child not in (anatomy.JAW, anatomy.LEFT_EYE, anatomy.RIGHT_EYE)
)
_LANDMARKS = np.r_[anatomy.STATIC_LANDMARKS, anatomy.CONTOUR_LANDMARKS]
_LEFT, _RIGHT, _MIDDLE = (90, 220, 120), (240, 90, 90), (255, 255, 255)
_SIDES = {"l": _LEFT, "r": _RIGHT}
_COLOURS = tuple(
    _SIDES[name[0]] if name.startswith(("left_", "right_")) else _MIDDLE
    for name in anatomy.SMPLX_JOINTS
)
_FINE = 3
"""Fractional bits of OpenCV's drawing coordinates."""


def debug_image(frame: Frame, result: HumanFrame, quality: int = 80) -> bytes:
    """sensor_msgs/CompressedImage (JPEG of this quality) of a frame with its people drawn on it.

    Stamp and frame are the picture's. CDR with the 4-byte header.
    """
    image, people = shrunk(frame.image, result)
    drawn = sketch(image, people)
    pixels = np.asarray(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR, dst=drawn), np.uint8)
    return compressed_image(pixels, result.stamp, result.frame_id, quality)


def shrunk(image: Image, frame: HumanFrame, widest: int = WIDEST) -> tuple[Image, HumanFrame]:
    """Picture and people at a half, a third, ... of the size, so that it is at most `widest` wide."""
    step = -(-image.shape[1] // widest)
    if step <= 1:
        return image, frame
    height, width = image.shape[0] // step, image.shape[1] // step
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    # The centre of the first pixel is (0, 0) in both pictures.
    scale = np.array([width / image.shape[1], height / image.shape[0]])
    moved = [_scaled(human, scale) for human in frame.humans]
    return np.asarray(small, np.uint8), replace(frame, humans=tuple(moved))


def _scaled(human: Human, scale: NDArray[np.float64]) -> Human:
    b = human.box
    x0, y0, x1, y1 = ((np.array([[b.x0, b.y0], [b.x1, b.y1]]) + 0.5) * scale - 0.5).reshape(-1)
    box = Box(float(x0), float(y0), float(x1), float(y1), b.score)
    points = ((human.keypoints + 0.5) * scale - 0.5).astype(np.float32)
    return replace(human, box=box, keypoints=points)


def sketch(image: Image, frame: HumanFrame) -> Image:
    """A copy of image (H, W, 3) RGB with everybody of the frame drawn over it.

    Bones: left green, right red, middle white, dark where the person is only predicted; joints
    outside the picture are left out. Box and label have the track's colour.
    """
    result = np.ascontiguousarray(image).copy()
    unit = max(1.0, max(image.shape[:2]) / 640)
    for human in frame.humans:
        _bones(result, human, unit)
    for human in frame.humans:
        colour = track_colour(human.track_id)
        b = human.box
        corners = _fixed(np.array([[b.x0, b.y0], [b.x1, b.y1]]))
        cv2.rectangle(result, corners[0], corners[1], colour, round(unit), cv2.LINE_8, _FINE)
        _label(result, human, colour, frame.calibrated, unit)
    return result


def _bones(image: Image, human: Human, unit: float) -> None:
    shown = (human.joint_confidence > 0) & np.isfinite(human.keypoints).all(axis=1)
    points = _fixed(np.where(shown[:, None], human.keypoints, 0.0))
    faint = human.state == TrackState.PREDICTED
    thick, thin = round(2 * unit), round(unit)
    for parent, child in _BONES:
        if shown[parent] and shown[child]:
            colour = _COLOURS[child]
            if faint:
                colour = (colour[0] // 2, colour[1] // 2, colour[2] // 2)
            width = thick if child < len(anatomy.BODY_JOINTS) else thin
            cv2.line(image, points[parent], points[child], colour, width, cv2.LINE_8, _FINE)
    for i in _LANDMARKS[shown[_LANDMARKS]].tolist():
        cv2.circle(image, points[i], round(unit * 2**_FINE), (255, 235, 130), -1, 8, _FINE)


def label(human: Human, calibrated: bool) -> str:
    """Id, distance with its standard deviation, and the state where it is an unusual one."""
    text = f"#{human.track_id}"
    if human.scale != ScaleSource.NONE:
        text += f" {float(human.transl[2]):.1f} +- {human.depth_sigma:.1f} m"
    elif not calibrated:
        text += " uncalibrated"
    return text if human.state == TrackState.TRACKED else f"{text} {human.state.name.lower()}"


def _label(
    image: Image, human: Human, colour: tuple[int, int, int], calibrated: bool, unit: float
) -> None:
    text, scale = label(human, calibrated), 0.45 * unit
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, round(unit))
    x = int(np.clip(human.box.x0, 0, max(0, image.shape[1] - width)))
    y = int(np.clip(human.box.y0, height + base, image.shape[0]))
    cv2.rectangle(image, (x, y - height - base), (x + width, y), colour, cv2.FILLED)
    dark = 0.30 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 110
    ink = (255, 255, 255) if dark else (15, 15, 20)
    at = (x, y - base)
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, round(unit), cv2.LINE_AA)


def _fixed(points: NDArray[np.floating]) -> list[list[int]]:
    """Points (P, 2) in OpenCV's fixed-point coordinates; far ones are pulled in."""
    fixed: list[list[int]] = np.rint(np.clip(points, -1e4, 1e4) * 2**_FINE).astype(int).tolist()
    return fixed
