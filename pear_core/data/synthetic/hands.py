"""Finger poses: a few hand shapes, interpolated and perturbed.

Fifteen joints per hand in the order of SMPL-X (index, middle, pinky, ring, thumb; root to tip).
Written for the left hand, whose fingers lie along +x with the palm down: bending is a turn about
-z.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pear_core.data.synthetic.poses import mirror_rotvec

FloatArray = NDArray[np.float64]

# Bend in degrees of the knuckles of index, middle, pinky, ring (three each) and of the thumb.
_SHAPES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "relaxed": ((15, 20, 12), (20, 25, 15), (25, 25, 15), (22, 25, 15), (8, 10, 10)),
    "flat": ((0, 2, 2), (0, 2, 2), (0, 2, 2), (0, 2, 2), (0, 0, 0)),
    "fist": ((75, 95, 60), (80, 98, 60), (75, 90, 60), (80, 95, 60), (25, 35, 45)),
    "point": ((0, 5, 5), (75, 95, 60), (75, 90, 60), (80, 95, 60), (25, 35, 40)),
    "grasp": ((40, 50, 30), (42, 52, 30), (45, 50, 30), (44, 52, 30), (20, 15, 20)),
    "pinch": ((45, 50, 25), (20, 25, 15), (15, 20, 12), (15, 22, 12), (25, 15, 25)),
    "thumb_up": ((75, 95, 60), (80, 98, 60), (75, 90, 60), (80, 95, 60), (-20, -5, -5)),
    "victory": ((2, 5, 3), (2, 5, 3), (75, 90, 60), (80, 95, 60), (25, 35, 45)),
}
_WEIGHTS = np.array([4.0, 2.0, 1.5, 1.0, 2.0, 1.0, 0.5, 0.5])
_SPREAD = (8.0, 2.0, -12.0, -5.0)  # degrees about y at full spread: index towards the thumb
_THUMB_AXIS = np.array([0.56, 0.63, -0.38]) / np.linalg.norm([0.56, 0.63, -0.38])


def sample_hand_pose(rng: np.random.Generator, side: str) -> FloatArray:
    """Axis-angle (15, 3) of one hand ("left" or "right"), radians."""
    names = list(_SHAPES)
    first, second = rng.choice(names, size=2, p=_WEIGHTS / _WEIGHTS.sum())
    mix = rng.uniform(0, 1) if rng.random() < 0.5 else 0.0
    bend = (1 - mix) * np.array(_SHAPES[first]) + mix * np.array(_SHAPES[second])
    bend = bend + rng.normal(0, 6, (5, 3)) + rng.normal(0, 5, (5, 1))
    pose = np.zeros((5, 3, 3))
    pose[:4, :, 2] = -np.clip(bend[:4], -10, 105)
    openness = rng.uniform(-0.3, 1.2) * (1 - np.clip(bend[:4, 0].mean() / 60, 0, 1))
    # A turn about -y carries +x towards +z, where index and thumb are.
    pose[:4, 0, 1] = -openness * np.array(_SPREAD) + rng.normal(0, 2, 4)
    pose[4] = np.clip(bend[4], -25, 60)[:, None] * _THUMB_AXIS
    pose[4, 0] += rng.normal(0, 6, 3)
    out = np.radians(pose.reshape(15, 3))
    return out if side == "left" else mirror_rotvec(out)
