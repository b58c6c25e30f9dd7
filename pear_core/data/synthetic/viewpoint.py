"""Where the camera stands, what the picture cuts off, and the crop a detector would hand on.

All true cameras look at the person (crop centre within a few degrees of the optical axis), so a
person's root rotation is what it looks like in the crop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core.layout import CROP_SCALE, CROP_SIZE
from pear_core.render.projection import fit_crop_camera

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """A person in front of a camera, and the square crop around it.

    screen (V, 3): pixels of the 256 crop square and depth in metres. image: left, top, right,
    bottom border of the photograph in those pixels (beyond it the crop is black). camera (3,):
    crop camera label.
    """

    screen: NDArray[np.float32]
    image: tuple[float, float, float, float]
    camera: NDArray[np.float32]
    offset: FloatArray
    centre: FloatArray
    side: float

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """(P, 3) crop pixels and depth of further points of the body model's output frame."""
        moved = points + self.offset
        out = np.empty(moved.shape, dtype=np.float32)
        depth = np.maximum(moved[:, 2], 0.05)
        scale = CROP_SIZE / self.side
        out[:, :2] = (moved[:, :2] / depth[:, None] - self.centre) * scale + CROP_SIZE / 2
        out[:, 2] = moved[:, 2]
        return out


def sample_root(rng: np.random.Generator) -> FloatArray:
    """Axis-angle (3,) of the root: turns the y-up body into the optical frame."""
    kind = rng.random()
    if kind < 0.6:
        yaw = rng.normal(0, 35)
    elif kind < 0.8:
        yaw = rng.uniform(-110, 110)
    else:
        yaw = rng.uniform(-180, 180)
    lean = rng.normal(0, [6, 4], 2)
    elevation = np.clip(rng.normal(5, 13), -35, 60)
    roll = rng.normal(0, 5)
    if rng.random() < 0.04:  # lying, upside down, far from upright
        lean = rng.uniform(-110, 110, 2)
    body = Rotation.from_euler("xz", lean, degrees=True) * Rotation.from_euler(
        "y", yaw, degrees=True
    )
    view = Rotation.from_euler("z", roll, degrees=True) * Rotation.from_euler(
        "x", 180 + elevation, degrees=True
    )
    return np.asarray((view * body).as_rotvec())


def sample_view(
    rng: np.random.Generator,
    vertices: NDArray[np.float32],
    cut: float | None,
    head: NDArray[np.intp],
    label_points: NDArray[np.intp],
) -> View:
    """A view of a posed mesh (V, 3).

    Args:
        cut: None shows the whole person; else the fraction of the way from the top of the head to
            the lowest point that the photograph shows (it ends there, as in a portrait).
        head: vertex ids of the head. label_points: vertex ids that the crop camera label is fitted
            on (the seen ones among them).
    """
    distance = 20.0 if rng.random() < 0.25 else float(np.exp(rng.uniform(np.log(1.4), np.log(7.0))))
    if cut is not None:
        distance *= 0.3 + 0.7 * cut
    lowest, highest = _bounds(vertices)
    middle = (lowest + highest) / 2
    nearest = float(middle[2] - lowest[2])
    distance = max(distance, nearest + 0.35)
    drift = np.tan(np.radians(rng.normal(0, 4, 2))) * distance
    offset = np.array([drift[0], drift[1], distance]) - middle
    moved = vertices + offset
    seen = moved[:, :2] / moved[:, 2:]
    low, high = _bounds(seen)
    border = _border(rng, low, high, float(seen[head, 1].min()), cut)
    low, high = np.maximum(low, border[:2]), np.minimum(high, border[2:])
    if cut is not None:
        x, y = seen[:, 0], seen[:, 1]
        inside = (x > border[0]) & (y > border[1]) & (x < border[2]) & (y < border[3])
        if inside.sum() > 50:
            low, high = _bounds(seen[inside])
    side = CROP_SCALE * float((high - low).max())
    centre = (low + high) / 2 + np.clip(rng.normal(0, 0.035, 2), -0.1, 0.1) * side
    side *= float(np.exp(np.clip(rng.normal(0, 0.08), -0.2, 0.2)))
    scale = CROP_SIZE / side
    left, top, right, bottom = (
        float(x) for x in ((border.reshape(2, 2) - centre) * scale + CROP_SIZE / 2).reshape(-1)
    )
    empty = np.empty((0, 3), np.float32)
    view = View(empty, (left, top, right, bottom), empty[:, 0], offset, centre, side)
    screen = view.project(vertices)
    uv = (screen[label_points, :2] / CROP_SIZE).astype(np.float32)
    inside = (uv > 0).all(axis=1) & (uv < 1).all(axis=1)
    used = inside if inside.sum() > 20 else np.ones_like(inside)
    camera = fit_crop_camera(vertices[label_points[used]], uv[used])
    if camera[2] < 0.2:  # too few, too near points for a fit
        camera = fit_crop_camera(vertices[label_points], uv)
    return View(screen, view.image, camera, offset, centre, side)


def _bounds(points: NDArray[np.floating]) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest coordinates of (P, C); by column, which numpy does ten times faster."""
    columns = np.ascontiguousarray(points.T)
    return columns.min(axis=1).astype(float), columns.max(axis=1).astype(float)


def _border(
    rng: np.random.Generator, low: FloatArray, high: FloatArray, head_top: float, cut: float | None
) -> FloatArray:
    size = (high - low).max()
    room = rng.exponential(0.5, 4) * size
    room[rng.random(4) < 0.45] = 10 * size  # the picture goes on beyond the crop
    border = np.concatenate([low - room[:2], high + room[2:]])
    if cut is not None:
        border[3] = head_top + cut * (high[1] - head_top)
        if rng.random() < 0.15:
            side = int(rng.integers(2))
            depth = rng.uniform(0.05, 0.3) * (high[0] - low[0])
            border[0 if side == 0 else 2] = low[0] + depth if side == 0 else high[0] - depth
    elif rng.random() < 0.08:
        border[1] = low[1] + rng.uniform(0.02, 0.12) * (high[1] - low[1])
    return np.asarray(border)
