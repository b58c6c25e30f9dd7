"""Plausible body poses without motion capture: hand-made archetypes, mixed, mirrored and perturbed.

A limb is described by what a person would say (where the upper arm points, how far it is twisted,
how far the elbow is bent), for the left side; the right side is its mirror image. Angles in
degrees here, radians outside. Frame: T-pose of SMPL-X, x to the person's left, y up, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core.anatomy import BODY_JOINTS

FloatArray = NDArray[np.float64]
JOINT = {name: i for i, name in enumerate(BODY_JOINTS)}


@dataclass(frozen=True)
class Limb:
    """Range of a limb: direction of its upper segment (3,), its spread, twist and bend [low, high]
    in degrees.
    """

    direction: tuple[float, float, float]
    twist: tuple[float, float]
    bend: tuple[float, float]
    spread: float = 0.12
    weight: float = 1.0


ARMS: dict[str, Limb] = {
    "down": Limb((0.2, -0.97, 0.05), (-20, 35), (3, 40), 0.10, 4.0),
    "a_pose": Limb((0.6, -0.8, 0.0), (-20, 20), (0, 25), 0.12, 1.0),
    "t_pose": Limb((1.0, 0.0, 0.05), (-40, 40), (0, 30), 0.12, 0.6),
    "reach": Limb((0.2, -0.15, 0.95), (-95, 10), (0, 60), 0.25, 1.5),
    "hold": Limb((0.25, -0.85, 0.35), (0, 55), (55, 110), 0.18, 2.5),
    "hips": Limb((0.62, -0.72, -0.25), (55, 85), (75, 105), 0.10, 1.0),
    "crossed": Limb((0.18, -0.85, 0.45), (60, 85), (85, 110), 0.10, 1.0),
    "up": Limb((0.25, 0.95, 0.1), (-50, 50), (0, 70), 0.20, 1.2),
    "wave": Limb((0.8, -0.25, 0.2), (-110, -60), (70, 135), 0.20, 1.2),
    "phone": Limb((0.45, -0.75, 0.4), (-30, 30), (115, 145), 0.15, 1.0),
    "camera": Limb((0.35, -0.5, 0.75), (-70, -15), (80, 130), 0.15, 1.0),
    "behind": Limb((0.3, -0.85, -0.4), (60, 100), (30, 95), 0.12, 0.5),
    "chin": Limb((0.2, -0.75, 0.55), (0, 40), (115, 140), 0.12, 0.8),
    "head": Limb((0.75, 0.5, 0.1), (-90, -40), (105, 140), 0.18, 0.5),
    "swing": Limb((0.2, -0.85, -0.45), (-20, 30), (20, 100), 0.20, 0.8),
}
FREE_ARM_WEIGHT = 3.0

LEGS: dict[str, Limb] = {
    "stand": Limb((0.07, -1.0, 0.0), (-5, 20), (0, 12), 0.05, 5.0),
    "apart": Limb((0.3, -0.95, 0.02), (0, 30), (0, 25), 0.08, 1.0),
    "forward": Limb((0.05, -0.85, 0.5), (-5, 15), (0, 60), 0.15, 1.5),
    "back": Limb((0.05, -0.92, -0.35), (-5, 15), (5, 80), 0.12, 1.5),
    "high": Limb((0.1, -0.1, 1.0), (-10, 20), (50, 125), 0.25, 1.0),
    "sit": Limb((0.18, -0.1, 1.0), (-10, 25), (55, 105), 0.15, 2.5),
    "squat": Limb((0.3, 0.1, 0.95), (0, 35), (90, 140), 0.2, 0.8),
    "kneel": Limb((0.1, -0.97, 0.2), (-5, 15), (80, 120), 0.12, 0.8),
    "tailor": Limb((0.65, -0.1, 0.75), (30, 60), (100, 140), 0.12, 0.5),
}
FREE_LEG_WEIGHT = 1.0
_PAIRED_LEGS = ("stand", "sit", "squat", "tailor", "apart")


def rotation_between(start: FloatArray, end: FloatArray) -> Rotation:
    """The smallest rotation that turns direction start into end (not for opposite directions)."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(a, b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return Rotation.identity()
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, float(a @ b)))


def mirror_rotvec(vector: FloatArray) -> FloatArray:
    """Rotation vector(s) (..., 3) seen in the mirror plane x = 0."""
    return vector * np.array([1.0, -1.0, -1.0])


def sample_body_pose(rng: np.random.Generator, upright: bool = False) -> FloatArray:
    """Axis-angle (21, 3) of the body joints 1..21, radians.

    upright: keep the legs straight most of the time (pictures that do not show them).
    """
    pose = np.zeros((len(BODY_JOINTS), 3))
    _torso(rng, pose, _legs(rng, pose, upright))
    _arms(rng, pose)
    noise = rng.normal(0.0, np.radians(rng.choice([1.5, 4.0])), pose.shape)
    return (pose + noise)[1:]


def _uniform(rng: np.random.Generator, low_high: tuple[float, float]) -> float:
    low, high = low_high
    slack = 0.15 * (high - low)
    return float(rng.uniform(low - slack, high + slack))


def _pick(rng: np.random.Generator, table: dict[str, Limb]) -> str:
    weights = np.array([limb.weight for limb in table.values()])
    return str(rng.choice(list(table), p=weights / weights.sum()))


def _arms(rng: np.random.Generator, pose: FloatArray) -> None:
    names = [_arm_name(rng), _arm_name(rng)]
    if rng.random() < 0.45:
        names[1] = names[0]
    drawn = [_arm_numbers(rng, name) for name in names]
    if names[0] == names[1] and rng.random() < 0.7:
        # The same gesture of both arms, nearly mirror images.
        direction, twist, bend = drawn[0]
        twist, bend = twist + rng.normal(0, 3), bend + rng.normal(0, 3)
        drawn[1] = (direction + rng.normal(0, 0.05, 3), twist, bend)
    for side, (direction, twist, bend) in zip(("left", "right"), drawn, strict=True):
        _put_arm(rng, pose, side, direction, twist, bend)


def _arm_name(rng: np.random.Generator) -> str:
    total = sum(limb.weight for limb in ARMS.values())
    return (
        "free" if rng.random() < FREE_ARM_WEIGHT / (total + FREE_ARM_WEIGHT) else _pick(rng, ARMS)
    )


def _arm_numbers(rng: np.random.Generator, name: str) -> tuple[FloatArray, float, float]:
    if name == "free":
        direction = rng.normal(size=3) * [0.7, 1.0, 0.8] + [0.35, -0.1, 0.35]
        direction[0] = max(direction[0], -0.25)
        direction[2] = max(direction[2], -0.5)
        return direction / np.linalg.norm(direction), rng.uniform(-80, 80), rng.uniform(0, 140)
    limb = ARMS[name]
    direction = np.array(limb.direction) + rng.normal(0, limb.spread, 3)
    return direction, _uniform(rng, limb.twist), _uniform(rng, limb.bend)


def _put_arm(
    rng: np.random.Generator,
    pose: FloatArray,
    side: str,
    direction: FloatArray,
    twist: float,
    bend: float,
) -> None:
    direction = direction / np.linalg.norm(direction)
    # The collar takes a part of the arm's elevation and of its forward swing.
    collar = Rotation.from_euler(
        "zy",
        [18 * max(direction[1] + 0.3, 0) + rng.normal(0, 3), -10 * direction[2] + rng.normal(0, 3)],
        degrees=True,
    )
    direction = collar.inv().apply(direction)
    shoulder = rotation_between(np.array([1.0, 0, 0]), direction) * Rotation.from_euler(
        "x", twist, degrees=True
    )
    turn = np.clip(rng.normal(0, 35), -80, 80)
    elbow = Rotation.from_euler("yx", [-np.clip(bend, -3, 150), 0.5 * turn], degrees=True)
    wrist = Rotation.from_euler(
        "xzy", [0.5 * turn, rng.normal(0, 18), rng.normal(0, 8)], degrees=True
    )
    for name, value in (
        ("collar", collar),
        ("shoulder", shoulder),
        ("elbow", elbow),
        ("wrist", wrist),
    ):
        _put(pose, side, name, value)


def _put(pose: FloatArray, side: str, name: str, value: Rotation) -> None:
    vector = value.as_rotvec()
    pose[JOINT[f"{side}_{name}"]] = vector if side == "left" else mirror_rotvec(vector)


def _legs(rng: np.random.Generator, pose: FloatArray, upright: bool) -> str:
    first = "stand" if upright and rng.random() < 0.8 else _pick(rng, LEGS)
    if first in _PAIRED_LEGS and rng.random() < 0.85:
        second = first
    else:
        second = {"forward": "back", "back": "forward", "high": "stand", "kneel": "sit"}.get(
            first, _pick(rng, LEGS)
        )
    names = [first, second] if rng.random() < 0.5 else [second, first]
    share = FREE_LEG_WEIGHT / (FREE_LEG_WEIGHT + sum(limb.weight for limb in LEGS.values()))
    for side, name in zip(("left", "right"), names, strict=True):
        limb = LEGS[name]
        direction = np.array(limb.direction) + rng.normal(0, limb.spread, 3)
        twist, bend = _uniform(rng, limb.twist), max(_uniform(rng, limb.bend), -2.0)
        if not upright and rng.random() < share:
            direction = rng.normal(size=3) * [0.4, 0.5, 0.7] + [0.2, -0.5, 0.3]
            bend = rng.uniform(0, 130)
        direction = direction / np.linalg.norm(direction)
        direction[0] = max(direction[0], -0.3)
        hip = rotation_between(np.array([0, -1.0, 0]), direction) * Rotation.from_euler(
            "y", twist, degrees=True
        )
        _put(pose, side, "hip", hip)
        _put(pose, side, "knee", Rotation.from_euler("x", min(bend, 145), degrees=True))
        ankle = [rng.normal(0, 14), rng.normal(0, 8), rng.normal(0, 5)]
        _put(pose, side, "ankle", Rotation.from_euler("xyz", ankle, degrees=True))
        _put(pose, side, "foot", Rotation.from_euler("x", -abs(rng.normal(0, 10)), degrees=True))
    return first


def _torso(rng: np.random.Generator, pose: FloatArray, legs: str) -> None:
    lean = {"sit": 12.0, "squat": 30.0, "kneel": 10.0, "tailor": 15.0}.get(legs, 3.0)
    forward = rng.normal(lean, 10)
    if rng.random() < 0.08:
        forward = rng.uniform(25, 80)
    bend = np.array([np.clip(forward, -25, 85), rng.normal(0, 14), rng.normal(0, 8)])
    shares = rng.dirichlet([6, 6, 6])
    for name, share in zip(("spine1", "spine2", "spine3"), shares, strict=True):
        pose[JOINT[name]] = np.radians(bend * share)
    wide = rng.random() < 0.3
    head = np.array(
        [rng.normal(2 - 0.3 * forward, 10), rng.normal(0, 28 if wide else 12), rng.normal(0, 7)]
    )
    head = np.clip(head, [-45, -75, -30], [45, 75, 30])
    share = rng.uniform(0.3, 0.6)
    pose[JOINT["neck"]] = np.radians(head * share)
    pose[JOINT["head"]] = np.radians(head * (1 - share))
