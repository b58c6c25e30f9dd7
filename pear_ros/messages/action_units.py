"""What a face does, in FACS action units: intensities in 0..1 and how sure of each.

Read from the FLAME block of a person. Where the body model's expressions carry ARKit's names, most
units are one of them (or the mean of left and right); where they are nameless (FLAME's own), only
lids, jaw and eyes speak. A unit that nothing says anything about has confidence 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pear_ros.so3 import matrices
from pear_ros.types import FloatArray, Human

COUNT = 99
"""Length of the lists of hri_msgs/FacialActionUnits: the index is the unit's number in FACS."""
JAW_DROP, EYES_CLOSED = 26, 43
EYES_LEFT, EYES_RIGHT, EYES_UP, EYES_DOWN = 61, 62, 63, 64
JAW_OPEN, EYE_TURNED = 0.5, 0.6
"""Radians of jaw and eyes that count as 1: about the largest a human reaches (28 and 35 degrees)."""
_ARKIT: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    6: ("cheekSquintLeft", "cheekSquintRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    9: ("noseSneerLeft", "noseSneerRight"),
    10: ("mouthUpperUpLeft", "mouthUpperUpRight"),
    12: ("mouthSmileLeft", "mouthSmileRight"),
    14: ("mouthDimpleLeft", "mouthDimpleRight"),
    15: ("mouthFrownLeft", "mouthFrownRight"),
    16: ("mouthLowerDownLeft", "mouthLowerDownRight"),
    17: ("mouthShrugLower",),
    18: ("mouthPucker",),
    19: ("tongueOut",),
    20: ("mouthStretchLeft", "mouthStretchRight"),
    22: ("mouthFunnel",),
    24: ("mouthPressLeft", "mouthPressRight"),
    28: ("mouthRollLower", "mouthRollUpper"),
    29: ("jawForward",),
    34: ("cheekPuff",),
}
"""Action unit -> ARKit's expressions of the same muscles; the unit is their mean."""


def action_units(
    human: Human, expression_names: Sequence[str], sure: float
) -> tuple[FloatArray, FloatArray]:
    """Intensities and confidences (99,) of a person's face.

    expression_names: of `parameters.flame_expression`, as Topology.expression_names. sure: the
    confidence of every unit that something is known about.
    """
    intensity, confidence = np.zeros(COUNT, np.float32), np.zeros(COUNT, np.float32)
    own = human.parameters
    units, weights = _table(tuple(expression_names))
    values = own.flame_expression[0]
    if len(units) and len(values) == weights.shape[1]:
        intensity[units] = weights @ values
        confidence[units] = sure
    opened = float(np.linalg.norm(own.jaw_pose[0])) / JAW_OPEN
    intensity[JAW_DROP] = max(opened, _named(values, expression_names, "jawOpen"))
    intensity[EYES_CLOSED] = own.eyelids[0].mean()
    # Where both eyes look, in the head: x to the person's left, y up, z ahead.
    x, y, z = matrices(own.eye_pose[0].reshape(2, 3))[..., 2].sum(axis=0)
    aside, up = np.arctan2(x, z) / EYE_TURNED, np.arctan2(y, np.hypot(x, z)) / EYE_TURNED
    intensity[[EYES_LEFT, EYES_RIGHT, EYES_UP, EYES_DOWN]] = aside, -aside, up, -up
    confidence[[JAW_DROP, EYES_CLOSED, EYES_LEFT, EYES_RIGHT, EYES_UP, EYES_DOWN]] = sure
    return np.clip(intensity, 0.0, 1.0), confidence


def _named(values: FloatArray, names: Sequence[str], name: str) -> float:
    return float(values[names.index(name)]) if name in names and len(values) == len(names) else 0.0


@lru_cache(maxsize=4)
def _table(names: tuple[str, ...]) -> tuple[NDArray[np.intp], FloatArray]:
    """Units (U,) that the names speak of, and their weights (U, len(names))."""
    known = [unit for unit, parts in _ARKIT.items() if all(part in names for part in parts)]
    weights = np.zeros((len(known), len(names)), np.float32)
    for row, unit in zip(weights, known, strict=True):
        for part in _ARKIT[unit]:
            row[names.index(part)] = 1 / len(_ARKIT[unit])
    return np.array(known, np.intp), weights
