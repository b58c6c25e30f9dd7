"""Things worn that are no part of the body mesh: hair volume, hats, helmets, collars, bags,
skirts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import SMPLX_JOINTS
from pear_core.data.synthetic.canvas import Canvas
from pear_core.data.synthetic.outfit import Outfit
from pear_core.data.synthetic.textures import Pattern, random_pattern, waves

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]
_RINGS, _SECTORS = 9, 16


@dataclass(frozen=True)
class Extra:
    """A small mesh fixed to a joint. local (V, 3): metres in the joint's T-pose frame, origin at
    the joint.
    """

    joint: int
    local: FloatArray
    faces: IntArray
    pattern: Pattern


def sample_extras(rng: np.random.Generator, canvas: Canvas, outfit: Outfit) -> list[Extra]:
    """Zero to three extras."""
    extras: list[Extra] = []
    eye = (canvas.joint("left_eye_smplhf") + canvas.joint("right_eye_smplhf")) / 2
    head = canvas.joint("head")
    height = canvas.top - eye[1]
    middle = np.array([0, eye[1] + 0.35 * height, (eye[2] + head[2]) / 2 - 0.03]) - head
    hair = _constant(outfit.hair, rng)
    kind = rng.random()
    if outfit.hairline < 2 and kind < 0.35:  # long or big hair, behind the face
        drop = rng.uniform(0.0, 0.14)
        radii = [
            rng.uniform(0.085, 0.13),
            rng.uniform(0.11, 0.15) + drop / 2,
            rng.uniform(0.075, 0.105),
        ]
        centre = middle + [0, 0.01 - drop, -0.035]
        extras.append(_blob(rng, "head", centre, radii, hair, 0.12))
    elif kind < 0.42:  # hat
        pattern = random_pattern(rng, plain=0.8)
        centre = middle + [0, rng.uniform(0.03, 0.05), 0]
        extras.append(
            _blob(rng, "head", centre, [0.095, rng.uniform(0.08, 0.13), 0.12], pattern, 0.04)
        )
        if rng.random() < 0.6:
            brim = centre + [0, 0.0, rng.choice([0.0, 0.06])]
            extras.append(
                _blob(
                    rng,
                    "head",
                    brim,
                    [rng.uniform(0.09, 0.17), 0.01, rng.uniform(0.1, 0.18)],
                    pattern,
                    0,
                )
            )
    elif kind < 0.45:  # bun
        extras.append(_blob(rng, "head", middle + [0, 0.08, -0.09], [0.05, 0.05, 0.05], hair, 0.1))
    if rng.random() < 0.1:  # scarf, hood, ring of a suit
        radii = [rng.uniform(0.09, 0.17), rng.uniform(0.025, 0.05), rng.uniform(0.09, 0.15)]
        pattern = outfit.top if rng.random() < 0.4 else random_pattern(rng, plain=0.7)
        extras.append(_blob(rng, "neck", np.array([0, -0.005, 0.01]), radii, pattern, 0.05))
    if rng.random() < 0.06:  # bag on the back
        radii = [rng.uniform(0.12, 0.18), rng.uniform(0.17, 0.26), rng.uniform(0.07, 0.12)]
        extras.append(
            _blob(rng, "spine3", np.array([0, -0.02, -0.17]), radii, random_pattern(rng, 0.8), 0.05)
        )
    return extras


def skirt(
    rng: np.random.Generator, canvas: Canvas, joints: FloatArray, pattern: Pattern
) -> tuple[FloatArray, IntArray, FloatArray]:
    """A cone around posed legs: vertices (V, 3) in the frame of `joints` (55, 3), faces, canonical
    points.
    """
    index = {name: i for i, name in enumerate(SMPLX_JOINTS)}
    top, hips = joints[index["spine1"]], joints[[index["left_hip"], index["right_hip"]]]
    knees = joints[[index["left_knee"], index["right_knee"]]]
    length = rng.uniform(0.5, 1.25)
    end = hips.mean(axis=0) + length * (knees.mean(axis=0) - hips.mean(axis=0))
    axis = end - top
    side = hips[0] - hips[1] + length * (knees[0] - knees[1])
    side = side - axis * (side @ axis) / (axis @ axis)
    side = side / max(float(np.linalg.norm(side)), 1e-6)
    front = np.cross(side, axis)
    front /= max(float(np.linalg.norm(front)), 1e-6)
    half = 0.5 * length * abs(float((knees[0] - knees[1]) @ side)) + rng.uniform(0.11, 0.2)
    t = np.linspace(0, 1, _RINGS)[:, None, None]
    angle = np.linspace(0, 2 * np.pi, _SECTORS, endpoint=False)[None, :, None]
    fold = 1 + 0.06 * np.sin(5 * angle + rng.uniform(0, 6)) * t
    wide = (0.16 + t**0.7 * (half - 0.16)) * fold
    deep = (0.13 + t * rng.uniform(0.0, 0.08)) * fold
    points = top + t * axis + wide * np.cos(angle) * side + deep * np.sin(angle) * front
    canonical = np.concatenate(
        [wide * np.cos(angle), -t * np.linalg.norm(axis) + 0 * angle, deep * np.sin(angle)], axis=-1
    )
    faces = _tube(_RINGS, _SECTORS)
    return (
        points.reshape(-1, 3).astype(np.float32),
        faces,
        canonical.reshape(-1, 3).astype(np.float32),
    )


def _constant(colour: FloatArray, rng: np.random.Generator) -> Pattern:
    grain = waves(rng, 0.03, 4)

    def pattern(points: FloatArray) -> FloatArray:
        gain = 1 + 0.08 * np.sin(points[:, :1] * 600) + 0.12 * grain(points)[:, None]
        return np.clip(colour * gain, 0, 1).astype(np.float32)

    return pattern


def _blob(
    rng: np.random.Generator,
    joint: str,
    centre: NDArray[np.floating],
    radii: list[float],
    pattern: Pattern,
    bumps: float,
) -> Extra:
    latitude = np.linspace(0, np.pi, _RINGS)[:, None]
    longitude = np.linspace(0, 2 * np.pi, _SECTORS, endpoint=False)[None]
    sphere = np.stack(
        [np.sin(latitude) * np.cos(longitude), np.cos(latitude) + 0 * longitude,
         -np.sin(latitude) * np.sin(longitude)], axis=-1,
    ).reshape(-1, 3)  # fmt: skip
    noise = waves(rng, 1.2, 4)(sphere.astype(np.float32))
    local = centre + sphere * np.asarray(radii) * (1 + bumps * noise[:, None])
    return Extra(
        SMPLX_JOINTS.index(joint), local.astype(np.float32), _tube(_RINGS, _SECTORS), pattern
    )


def _tube(rings: int, sectors: int) -> IntArray:
    ring, sector = np.mgrid[: rings - 1, :sectors]
    following = (sector + 1) % sectors
    a, b = ring * sectors + sector, ring * sectors + following
    c, d = a + sectors, b + sectors
    return np.concatenate(
        [np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)]
    ).astype(np.int32)
