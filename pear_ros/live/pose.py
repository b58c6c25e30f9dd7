"""Rigid motions as translation and unit quaternion, in plain numbers: single ones are faster so."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Quaternion = tuple[float, float, float, float]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Pose:
    """Takes points of a frame to its parent: turned by rotation (x, y, z, w), then shifted."""

    translation: Vector = (0.0, 0.0, 0.0)
    rotation: Quaternion = (0.0, 0.0, 0.0, 1.0)

    def after(self, inner: Pose) -> Pose:
        """First inner, then this one."""
        x, y, z = _turn(self.rotation, inner.translation)
        a, b, c = self.translation
        return Pose((a + x, b + y, c + z), _multiply(self.rotation, inner.rotation))

    def inverse(self) -> Pose:
        x, y, z, w = self.rotation
        back = (-x, -y, -z, w)
        a, b, c = _turn(back, self.translation)
        return Pose((-a, -b, -c), back)


def matrix(rotation: Quaternion) -> NDArray[np.float64]:
    """Rotation matrix (3, 3) of a unit quaternion (x, y, z, w)."""
    x, y, z, w = rotation
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def _turn(q: Quaternion, v: Vector) -> Vector:
    """v turned by q: v + 2 w (u x v) + 2 u x (u x v), u the vector part."""
    x, y, z, w = q
    a, b, c = v
    p, r, s = 2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)
    return (
        a + w * p + y * s - z * r,
        b + w * r + z * p - x * s,
        c + w * s + x * r - y * p,
    )


def between(a: Pose, b: Pose, part: float) -> Pose:
    """Part 0 is a, 1 is b: a straight line and the shorter arc."""
    x, y, z = (p + part * (q - p) for p, q in zip(a.translation, b.translation, strict=True))
    cosine = sum(p * q for p, q in zip(a.rotation, b.rotation, strict=True))
    sign = -1.0 if cosine < 0 else 1.0
    angle = math.acos(min(1.0, abs(cosine)))
    if angle < 1e-6:
        first, second = 1.0 - part, part
    else:
        first = math.sin((1.0 - part) * angle) / math.sin(angle)
        second = math.sin(part * angle) / math.sin(angle)
    mixed = [first * p + sign * second * q for p, q in zip(a.rotation, b.rotation, strict=True)]
    norm = math.hypot(*mixed)
    qx, qy, qz, qw = (m / norm for m in mixed)
    return Pose((x, y, z), (qx, qy, qz, qw))
