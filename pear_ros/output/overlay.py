"""Pictures for people to judge: the meshes over the photo, and seen from the side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros.output.mesh import Topology
from pear_ros.output.raster import project
from pear_ros.output.shading import paint
from pear_ros.palette import track_colour
from pear_ros.types import Human, HumanFrame, Intrinsics, ScaleSource

Image = NDArray[np.uint8]
_FIXED_POINT = 4  # fractional bits of OpenCV's drawing coordinates
_PAPER, _GRID, _INK = (238, 240, 243), (205, 210, 217), (70, 76, 86)


@dataclass(frozen=True)
class Style:
    """What is drawn: mesh opacity 0..1 (0: none), and whether skeleton, boxes and labels are."""

    opacity: float = 0.88
    skeleton: bool = False
    boxes: bool = False
    labels: bool = True


def draw(
    image: Image,
    frame: HumanFrame,
    vertices: Sequence[NDArray[np.floating]],
    topology: Topology,
    style: Style = Style(),
) -> Image:
    """A copy of image (H, W, 3) RGB with everybody of the frame drawn over it.

    vertices: one array (V, 3) per human in the optical frame (see output.mesh.placed), or empty for
    none.
    """
    colours = [track_colour(h.track_id) for h in frame.humans]
    result = np.ascontiguousarray(image).copy()
    if len(vertices) and style.opacity > 0:
        result = paint(result, vertices, topology.faces, colours, frame.intrinsics, style.opacity)
    unit = max(1.0, max(image.shape[:2]) / 640)
    for human, colour in zip(frame.humans, colours, strict=True):
        if style.boxes:
            _box(result, human, colour, unit)
        if style.skeleton:
            _skeleton(result, human, unit)
    for human, colour in zip(frame.humans, colours, strict=True):
        if style.labels:
            _label(result, human, colour, unit)
    return result


def panel(
    image: Image,
    frame: HumanFrame,
    vertices: Sequence[NDArray[np.floating]],
    topology: Topology,
    style: Style = Style(),
) -> Image:
    """Photo, overlay and side view next to one another, for judging pose and depth."""
    height, width = image.shape[:2]
    side = from_the_side(frame, vertices, topology, height, max(height * 3 // 4, 2))
    gap = np.full((height, max(2, width // 160), 3), 255, np.uint8)
    parts = (np.ascontiguousarray(image), draw(image, frame, vertices, topology, style), side)
    return np.concatenate((parts[0], gap, parts[1], gap, parts[2]), axis=1)


def from_the_side(
    frame: HumanFrame,
    vertices: Sequence[NDArray[np.floating]],
    topology: Topology,
    height: int,
    width: int,
) -> Image:
    """The scene turned by 90 degrees about the vertical (camera to the left), over a half-metre
    grid.
    """
    result = np.full((height, width, 3), _PAPER, np.uint8)
    if not len(vertices):
        return result
    points = np.concatenate(list(vertices)).astype(np.float64)
    low, high = points.min(0), points.max(0)
    centre = (low + high) / 2

    def turn(p: NDArray[np.floating]) -> NDArray[np.float64]:
        q = np.asarray(p, np.float64) - centre
        return np.stack((q[..., 2], q[..., 1], -q[..., 0]), axis=-1)

    reach = np.abs(turn(points)).max(0)
    distance = 3.0 * float(reach.max()) + 0.5
    near = distance - reach[2]
    focal = 0.86 * min(width / 2 * near / reach[0], height / 2 * near / reach[1])
    view = Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    offset = np.array([0.0, 0.0, distance])
    unit = max(1.0, height / 640)
    _floor(result, reach, view, distance, unit)
    colours = [track_colour(h.track_id) for h in frame.humans]
    result = paint(result, [turn(v) + offset for v in vertices], topology.faces, colours, view, 1.0)
    text = "< camera   side view   grid 0.5 m"
    _text(result, text, (round(8 * unit), height - round(9 * unit)), 0.42 * unit, _INK)
    return result


def _floor(
    image: Image, reach: NDArray[np.float64], view: Intrinsics, distance: float, unit: float
) -> None:
    """Lines every half metre on the plane under the lowest vertex."""
    step = 0.5
    along = step * np.ceil((reach[0] + 0.25) / step)
    across = step * np.ceil((reach[2] + 0.25) / step)
    level = float(reach[1])
    lines = [((x, -across), (x, across)) for x in np.arange(-along, along + step / 2, step)]
    lines += [((-along, z), (along, z)) for z in np.arange(-across, across + step / 2, step)]
    for (xa, za), (xb, zb) in lines:
        ends = project(np.array([[xa, level, za + distance], [xb, level, zb + distance]]), view)
        if not np.isnan(ends).any():
            _line(image, ends[0], ends[1], _GRID, unit)


def _fixed(point: NDArray[np.floating]) -> tuple[int, int]:
    x, y = np.rint(np.clip(point, -1e4, 1e4) * (1 << _FIXED_POINT)).astype(int)
    return int(x), int(y)


def _line(
    image: Image,
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    colour: tuple[int, int, int],
    width: float,
) -> None:
    cv2.line(image, _fixed(a), _fixed(b), colour, max(1, round(width)), cv2.LINE_AA, _FIXED_POINT)


def _box(image: Image, human: Human, colour: tuple[int, int, int], unit: float) -> None:
    b = human.box
    corners = (_fixed(np.array([b.x0, b.y0])), _fixed(np.array([b.x1, b.y1])))
    cv2.rectangle(image, *corners, colour, max(1, round(1.5 * unit)), cv2.LINE_AA, _FIXED_POINT)


def _skeleton(image: Image, human: Human, unit: float) -> None:
    """Bones of the 55 SMPL-X joints (left green, right red, middle white) and dots on the face."""
    points = human.keypoints
    shown = (human.joint_confidence > 0) & np.isfinite(points).all(1)
    names = anatomy.SMPLX_JOINTS
    for joint, parent in enumerate(anatomy.SMPLX_PARENTS):
        if parent < 0 or joint in (anatomy.LEFT_EYE, anatomy.RIGHT_EYE, anatomy.JAW):
            continue
        if shown[joint] and shown[parent]:
            colour = (255, 255, 255)
            if names[joint].startswith("left"):
                colour = (90, 220, 120)
            elif names[joint].startswith("right"):
                colour = (240, 90, 90)
            thick = 2.0 * unit if joint < len(anatomy.BODY_JOINTS) else unit
            _line(image, points[parent], points[joint], colour, thick)
    landmarks = np.r_[anatomy.STATIC_LANDMARKS, anatomy.CONTOUR_LANDMARKS]
    for i in landmarks[shown[landmarks]]:
        _dot(image, points[i], 0.8 * unit, (255, 235, 130))
    for i in np.flatnonzero(shown[: len(anatomy.BODY_JOINTS)]):
        _dot(image, points[i], 2.2 * unit, (255, 255, 255))


def _dot(
    image: Image, at: NDArray[np.floating], radius: float, colour: tuple[int, int, int]
) -> None:
    scaled = max(1, round(radius * (1 << _FIXED_POINT)))
    cv2.circle(image, _fixed(at), scaled, colour, cv2.FILLED, cv2.LINE_AA, _FIXED_POINT)


def _label(image: Image, human: Human, colour: tuple[int, int, int], unit: float) -> None:
    """Track id, and the distance where its scale is known, on a plate at the top of the box."""
    text = f"{human.track_id}"
    if human.scale != ScaleSource.NONE:
        text += f"  {float(human.transl[2]):.1f} m"
    size, base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * unit, max(1, round(unit)))
    pad = round(4 * unit)
    height, width = image.shape[:2]
    x = int(np.clip(round(human.box.x0), 0, max(width - size[0] - 2 * pad, 0)))
    y = int(
        np.clip(
            round(human.box.y0) - size[1] - base - pad, 0, max(height - size[1] - base - pad, 0)
        )
    )
    corner = (x + size[0] + 2 * pad, y + size[1] + base + pad)
    cv2.rectangle(image, (x, y), corner, colour, cv2.FILLED)
    dark = 0.30 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2] < 110
    _text(
        image,
        text,
        (x + pad, y + size[1] + pad),
        0.5 * unit,
        (255, 255, 255) if dark else (15, 15, 20),
    )


def _text(
    image: Image, text: str, at: tuple[int, int], scale: float, colour: tuple[int, int, int]
) -> None:
    cv2.putText(
        image,
        text,
        at,
        cv2.FONT_HERSHEY_SIMPLEX,
        scale,
        colour,
        max(1, round(2 * scale)),
        cv2.LINE_AA,
    )
