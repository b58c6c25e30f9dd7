"""Rendered people at known places, and what a depth camera makes of them, for placement.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core.data.synthetic.motions import UPRIGHT, Actor
from pear_core.data.synthetic.people import sample_person
from pear_core.data.synthetic.sequence import Pinhole, Shot, Stage, camera_path
from pear_ros.types import Intrinsics

BODY = Path(__file__).resolve().parents[1] / "models" / "free_body"
STAGES = 6
"""Rooms with their light, per set."""
TILTS = (-20, -10, 0, 10, 20, 30)
"""Degrees by which the camera looks down."""
RANGE, HOLES, NOISE = 10.0, 0.2, 0.002
"""Of the depth camera: metres, share of pixels without a depth, standard deviation in 1/m times the
depth squared."""


@dataclass(frozen=True)
class Scene:
    """A rendered picture of one person. hidden: share of the person's pixels behind the occluder."""

    shot: Shot
    intrinsics: Intrinsics
    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    hidden: float

    @property
    def pelvis(self) -> NDArray[np.float32]:
        return self.shot.joints[0, 0]


class Studio:
    """Draws scene number i of a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._stages = [Stage(BODY, seed * 100 + i) for i in range(STAGES)]

    def scene(self, i: int) -> Scene:
        rng = np.random.default_rng([self.seed, i])
        stage = self._stages[i % STAGES]
        person = sample_person(rng, stage.identities, upright=bool(rng.random() < 0.75))
        turn = rng.normal(0, 35) if rng.random() < 0.6 else rng.uniform(-180, 180)
        lean = rng.normal(0, 4, 2)
        camera = pinhole(rng)
        away = float(np.exp(rng.uniform(np.log(1.6), np.log(7.0))))
        bearing = rng.uniform(-0.6, 0.6) * np.arctan(320 / camera.fx)
        height = rng.uniform(0.5, 1.8)
        pitch = np.arctan2(height - 0.9, away) + np.radians(rng.normal(0, 6))
        face = Rotation.from_euler("zxy", [180 + turn + np.degrees(bearing), *lean], degrees=True)
        person["rotations"][0] = (face * UPRIGHT).as_rotvec()
        floor = away * np.array([np.cos(bearing), np.sin(bearing)]) - (1.0, 0.0)
        path = camera_path(
            (-1.0, 0.0, height), pitch=pitch, roll=np.radians(rng.normal(0, 2)), frames=1
        )
        return self._scene(rng, stage, person, floor, camera, path, i, rng.random() < 0.5)

    def tilted(self, i: int) -> Iterator[Scene]:
        """One person in the middle of the room, seen by a camera that is pitched by TILTS."""
        rng = np.random.default_rng([self.seed, i, 7])
        stage = self._stages[i % STAGES]
        person = sample_person(rng, stage.identities, upright=True)
        face = Rotation.from_euler("z", 180 + rng.normal(0, 35), degrees=True)
        person["rotations"][0] = (face * UPRIGHT).as_rotvec()
        away = rng.uniform(3.5, 4.5)
        camera = replace(pinhole(rng), fx=420.0, fy=420.0)
        for tilt in TILTS:
            # A camera that looks down stands higher, so that the person stays in the picture.
            height = 1.0 + 0.55 * away * np.tan(np.radians(tilt))
            height = float(np.clip(height, 0.1, 3.0))
            path = camera_path((-1.0, 0.0, height), pitch=np.radians(tilt), frames=1)
            yield self._scene(
                rng, stage, person, np.array([away - 1.0, 0.0]), camera, path, i, False
            )

    def _scene(
        self, rng: np.random.Generator, stage: Stage, person: dict[str, Any], floor: Any,
        camera: Pinhole, path: Any, look: int, occluded: bool,
    ) -> Scene:  # fmt: skip
        actor = Actor([person], floor[None], np.zeros(1), look)
        shot = stage.shot(
            [person], stage.pelvis([actor], 0), [look], camera,
            path.rotation[0], path.translation[0],
        )  # fmt: skip
        k = Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height)
        image, far = shot.image.copy(), shot.depth.copy()
        hidden = occlude(rng, stage, shot, image, far) if occluded else 0.0
        return Scene(shot, k, image, far, hidden)


def pinhole(rng: np.random.Generator) -> Pinhole:
    focal = rng.uniform(420, 640)
    cx, cy = 319.5 + rng.normal(0, 8), 239.5 + rng.normal(0, 8)
    return Pinhole(focal, focal * rng.uniform(0.99, 1.01), cx, cy)


def occlude(
    rng: np.random.Generator, stage: Stage, shot: Shot, image: NDArray[np.uint8],
    far: NDArray[np.float32],
) -> float:  # fmt: skip
    """Puts a table, a post or a board before the person; returns the share of it that is hidden."""
    x0, y0, x1, y1 = shot.boxes[0]
    if not np.isfinite(x0):
        return 0.0
    mask, kind = np.zeros(far.shape, np.uint8), rng.random()
    if kind < 0.4:
        left, right = np.sort(rng.uniform(x0 - 60, x1 + 60, 2)) + [
            -0.3 * (x1 - x0),
            0.3 * (x1 - x0),
        ]
        top = y1 - rng.uniform(0.15, 0.5) * (y1 - y0)
        cv2.rectangle(mask, (int(left), int(top)), (int(right), far.shape[0]), 1, -1)
    elif kind < 0.7:
        centre, half = rng.uniform(x0, x1), rng.uniform(0.06, 0.2) * (x1 - x0)
        cv2.rectangle(mask, (int(centre - half), 0), (int(centre + half), far.shape[0]), 1, -1)
    else:
        centre = (rng.uniform(x0, x1), rng.uniform(y0, y1))
        size = (rng.uniform(0.2, 0.6) * (x1 - x0), rng.uniform(0.15, 0.4) * (y1 - y0))
        corners = cv2.boxPoints((centre, size, float(rng.uniform(0, 180))))
        cv2.fillConvexPoly(mask, corners.astype(np.int32), 1)
    covered = mask > 0
    hidden = float((covered & (shot.owner == 0)).sum() / max((shot.owner == 0).sum(), 1))
    wall = stage.room.walls[int(rng.integers(6))]
    texture = cv2.resize(wall, far.shape[::-1], interpolation=cv2.INTER_LINEAR)
    mixed = 0.5 * texture + 0.5 * rng.uniform(0, 1, 3)
    image[covered] = (255 * mixed[covered]).astype(np.uint8)
    near = max(shot.joints[0, 0, 2] - rng.uniform(0.35, 1.3), 0.4)
    y, x = np.mgrid[: far.shape[0], : far.shape[1]]
    slope = rng.normal(0, 6e-4, 2) * near
    board = near + slope[0] * (x - x0) + slope[1] * (y - y0)
    far[covered] = np.minimum(far, board)[covered]
    return hidden


def sensed(far: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """What a depth camera makes of it: noise 0.002 z^2 and 1.2 mm, a fifth of the pixels missing in
    patches and specks, nothing beyond 10 m, and pixels between near and far at edges.
    """
    rng = np.random.default_rng([seed, 3])
    edge = cv2.blur(far, (3, 3))
    mixed = np.where(rng.random(far.shape) < 0.5, edge, far)
    noisy = mixed + rng.normal(size=far.shape) * np.hypot(0.0012, NOISE * mixed**2)
    patches = cv2.GaussianBlur(rng.normal(size=far.shape).astype(np.float32), (0, 0), 3)
    noisy[patches < np.quantile(patches, HOLES / 2)] = np.nan
    noisy[rng.random(far.shape) < HOLES / 2 / (1 - HOLES / 2)] = np.nan
    noisy[far > RANGE] = np.nan
    return noisy.astype(np.float32)
