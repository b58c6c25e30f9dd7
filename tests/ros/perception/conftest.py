"""A made-up scene: people of known joints at known places, and an engine and a detector that see
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from pear_core import anatomy, layout
from pear_ros.types import Box, Crop, Frame, Intrinsics, Parameters, RegressorOutput

K = Intrinsics(fx=600.0, fy=620.0, cx=300.0, cy=250.0, width=640, height=480)


def standing_joints(seed: int = 0) -> np.ndarray:
    """145 joints of a 1.7 m high cloud, optical axes (y down), origin near its middle."""
    rng = np.random.default_rng(seed)
    joints = rng.uniform([-0.25, -0.85, -0.15], [0.25, 0.85, 0.15], (145, 3))
    joints[anatomy.EHM_JOINTS.index("head_top")] = (0.0, -0.85, 0.0)
    joints[anatomy.EHM_JOINTS.index("left_big_toe")] = (0.1, 0.85, 0.1)
    return joints.astype(np.float32)


def parameters(count: int) -> Parameters:
    """Neutral parameters."""
    named = (f for f in layout.FIELDS.values() if f.name in Parameters.__dataclass_fields__)
    zeros = {f.name: np.zeros((count, f.width), np.float32) for f in named}
    rotations = np.tile(np.eye(3, dtype=np.float32), (count, layout.NUM_ROTATIONS, 1, 1))
    return Parameters(rotations, **zeros)


@dataclass
class Scene:
    """People (transl (3,) by name, all with the same joints) before a pinhole camera; it is engine
    and detector.

    seen: names the detector finds. calls: what was asked of it, in order.
    """

    places: dict[str, tuple[float, float, float]]
    k: Intrinsics = K
    joints: np.ndarray = field(default_factory=standing_joints)
    seen: set[str] | None = None
    calls: list[str] = field(default_factory=list)
    crops: list[list[Crop]] = field(default_factory=list)

    def pixels(self, name: str) -> np.ndarray:
        points = self.joints.astype(np.float64) + np.array(self.places[name])
        u = self.k.fx * points[:, 0] / points[:, 2] + self.k.cx
        v = self.k.fy * points[:, 1] / points[:, 2] + self.k.cy
        return np.stack([u, v], axis=1)

    def box(self, name: str) -> Box:
        pixels = self.pixels(name)
        return Box(*pixels.min(axis=0).tolist(), *pixels.max(axis=0).tolist(), 0.9)

    def frame(self, stamp: int = 0, intrinsics: Intrinsics | None = None) -> Frame:
        image = np.zeros((self.k.height, self.k.width, 3), np.uint8)
        return Frame(image, stamp=stamp, intrinsics=intrinsics, source="/camera")

    def detect(self, frame: Frame) -> list[Box]:
        self.calls.append("detect")
        names = self.places if self.seen is None else [n for n in self.places if n in self.seen]
        return [self.box(name) for name in names]

    def _misfit(self, name: str, crop: Crop) -> float:
        pixels = self.pixels(name)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        apart = np.abs(0.5 * (low + high) - (crop.cx, crop.cy)).max() / crop.side
        return float(apart + abs(np.log(1.25 * (high - low).max() / crop.side)))

    def regress(self, image: np.ndarray, crops: Sequence[Crop]) -> RegressorOutput:
        """The person that fits each crop best in place and size, exactly."""
        self.crops.append(list(crops))
        keypoints, camera = [], []
        for crop in crops:
            name = min(self.places, key=lambda n: self._misfit(n, crop))
            keypoints.append(0.5 + (self.pixels(name) - (crop.cx, crop.cy)) / crop.side)
            x, y, z = self.places[name]
            s = 2.0 * np.sqrt(self.k.fx * self.k.fy) / (z * crop.side)
            camera.append(
                (
                    -x + (crop.cx - self.k.cx) * z / self.k.fx,
                    -y + (crop.cy - self.k.cy) * z / self.k.fy,
                    s,
                )
            )
        n = len(crops)
        return RegressorOutput(
            parameters(n),
            np.tile(self.joints, (n, 1, 1)),
            np.array(keypoints, np.float32).reshape(n, 145, 2),
            np.array(camera, np.float32).reshape(n, 3),
            crop_seconds=0.25,
            network_seconds=0.5,
            body_seconds=0.125,
        )


@pytest.fixture
def scene_of() -> type[Scene]:
    return Scene
