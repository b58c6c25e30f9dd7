"""Rotation matrices of 6D vectors and of axis-angles in numpy, as the body graph computes them.

Float32 in, float32 out; the torch side is `pear_core.geometry.rotations`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pear_ros.native import kernels
from pear_ros.types import FloatArray

_NO_ANGLE_SQUARED = np.float32(1e-24)
_NOISE_SQUARED = np.float32((8 * np.finfo(np.float32).eps) ** 2)
_TINY = np.float32(1e-12)
_NEXT, _AFTER = [1, 2, 0], [2, 0, 1]
_EYE: FloatArray = np.eye(3, dtype=np.float32)


def matrix_from_6d(sixd: FloatArray) -> FloatArray:
    """Rotation matrices (n, 3, 3) from 6D vectors (n, 6) = (a1, a2), by Gram-Schmidt.

    b1, b2, b3 = b1 x b2 are the columns (PEAR facts 3.3). Zero and parallel vectors give some
    rotation too.
    """
    if kernels is not None:
        out = np.empty((len(sixd), 3, 3), np.float32)
        kernels.matrices_of_6d(np.ascontiguousarray(sixd, np.float32), out)
        return out
    return _matrix_from_6d(sixd)


def _matrix_from_6d(sixd: FloatArray) -> FloatArray:
    # Components first: every operation is one pass over n numbers.
    a: Any = np.ascontiguousarray(sixd.T).reshape(2, 3, -1)
    largest = np.abs(a).max(axis=1, keepdims=True)
    a = a / np.where(largest > 0, largest, np.float32(1.0))
    zero = largest[0, 0] == 0
    if zero.any():
        a[0][:, zero] = _EYE[0][:, None]
    b1 = _unit(a[0])
    rest = a[1] - _dot(b1, a[1]) * b1
    flat = _dot(rest, rest) <= _NOISE_SQUARED
    if flat.any():
        across = np.where(np.abs(b1[0]) < 0.5, _EYE[0][:, None], _EYE[1][:, None])
        rest = np.where(flat, across - _dot(b1, across) * b1, rest)
    # The second rejection removes what rounding left along b1 when a2 is nearly parallel to a1.
    b2 = _unit(rest)
    b2 = _unit(b2 - _dot(b1, b2) * b1)
    out = np.empty((a.shape[2], 3, 3), np.float32)
    out[..., 0], out[..., 1] = b1.T, b2.T
    out[..., 2] = (b1[_NEXT] * b2[_AFTER] - b1[_AFTER] * b2[_NEXT]).T
    return out


def matrix_from_axis_angle(axis_angle: FloatArray) -> FloatArray:
    """Rotation matrices (n, 3, 3) from axis-angles (n, 3) in radians (Rodrigues)."""
    if kernels is not None:
        out = np.empty((len(axis_angle), 3, 3), np.float32)
        kernels.matrices_of_axis_angles(np.ascontiguousarray(axis_angle, np.float32), out)
        return out
    return _matrix_from_axis_angle(axis_angle)


def _matrix_from_axis_angle(axis_angle: FloatArray) -> FloatArray:
    # At no angle the quotients of the tiny numbers below are exactly 1.
    angle = np.sqrt(np.maximum(np.einsum("ni,ni->n", axis_angle, axis_angle), _NO_ANGLE_SQUARED))
    half = angle * np.float32(0.5)
    sine, chord = np.sin(angle) / angle, np.sin(half) / half
    skew = np.zeros((len(axis_angle), 3, 3), np.float32)
    x, y, z = axis_angle.T
    skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0] = x, y, z
    skew[:, 1, 2], skew[:, 2, 0], skew[:, 0, 1] = -x, -y, -z
    out: FloatArray = skew @ skew
    out *= (np.float32(0.5) * chord * chord)[:, None, None]
    skew *= sine[:, None, None]
    out += skew
    out += _EYE
    return out


def _dot(first: FloatArray, second: FloatArray) -> FloatArray:
    out: FloatArray = np.einsum("in,in->n", first, second)
    return out


def _unit(vectors: FloatArray) -> FloatArray:
    length: Any = np.sqrt(_dot(vectors, vectors))
    out: FloatArray = vectors / np.maximum(length, _TINY)
    return out
