"""Rotation matrices to axis-angle vectors and quaternions and back, stable at 0 and at pi (numpy)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def quaternion(matrices: NDArray[np.floating]) -> NDArray[np.float64]:
    """Unit quaternions (..., 4) in x y z w order with w >= 0, of rotation matrices (..., 3, 3).

    Each of the four rows below is the quaternion times four times one of its components; the row of
    the largest component is used, so nothing is divided by a small number (Shepperd, 1978).
    """
    m = np.asarray(matrices, dtype=np.float64)
    flat = m.reshape(-1, 9)
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = flat.T
    rows = np.empty((flat.shape[0], 4, 4))
    rows[:, 0, 0] = 1 + m00 - m11 - m22
    rows[:, 1, 1] = 1 - m00 + m11 - m22
    rows[:, 2, 2] = 1 - m00 - m11 + m22
    rows[:, 3, 3] = 1 + m00 + m11 + m22
    rows[:, 0, 1] = rows[:, 1, 0] = m01 + m10
    rows[:, 0, 2] = rows[:, 2, 0] = m02 + m20
    rows[:, 1, 2] = rows[:, 2, 1] = m12 + m21
    rows[:, 0, 3] = rows[:, 3, 0] = m21 - m12
    rows[:, 1, 3] = rows[:, 3, 1] = m02 - m20
    rows[:, 2, 3] = rows[:, 3, 2] = m10 - m01
    best = np.argmax(rows.reshape(-1, 16)[:, ::5], axis=1)
    q = rows[np.arange(len(best)), best]
    q /= np.sqrt(np.einsum("ni,ni->n", q, q))[:, None]
    q[q[:, 3] < 0] *= -1
    return q.reshape(*m.shape[:-2], 4)


def axis_angle(matrices: NDArray[np.floating]) -> NDArray[np.float32]:
    """Axis-angle vectors (..., 3), radians, length up to pi, of rotation matrices (..., 3, 3)."""
    return logarithm(quaternion(matrices)).astype(np.float32)


def matrices(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3) in radians (Rodrigues)."""
    v = np.asarray(vectors, dtype=np.float64)
    angle = np.sqrt(np.einsum("...i,...i->...", v, v))[..., None, None]
    cross = np.zeros((*v.shape[:-1], 3, 3))
    cross[..., 2, 1], cross[..., 0, 2], cross[..., 1, 0] = v[..., 0], v[..., 1], v[..., 2]
    cross -= cross.swapaxes(-1, -2)
    # sinc(x) = sin(pi x) / (pi x); half angles keep the second factor exact near 0.
    half = np.sinc(angle / (2 * np.pi))
    out: NDArray[np.float64] = (
        np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * half**2 * (cross @ cross)
    )
    return out


def from_quaternion(q: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    x, y, z, w = np.moveaxis(np.asarray(q, np.float64), -1, 0)
    out = np.empty((*x.shape, 3, 3))
    out[..., 0, 0] = 1 - 2 * (y * y + z * z)
    out[..., 0, 1] = 2 * (x * y - z * w)
    out[..., 0, 2] = 2 * (x * z + y * w)
    out[..., 1, 0] = 2 * (x * y + z * w)
    out[..., 1, 1] = 1 - 2 * (x * x + z * z)
    out[..., 1, 2] = 2 * (y * z - x * w)
    out[..., 2, 0] = 2 * (x * z - y * w)
    out[..., 2, 1] = 2 * (y * z + x * w)
    out[..., 2, 2] = 1 - 2 * (x * x + y * y)
    return out


def multiply(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quaternions (..., 4) of the rotations b, then a."""
    ax, ay, az, aw = np.moveaxis(a, -1, 0)
    bx, by, bz, bw = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        axis=-1,
    )


def inverse(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """The opposite rotations of unit quaternions (..., 4)."""
    return q * np.array([-1.0, -1.0, -1.0, 1.0])


def exponential(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit quaternions (..., 4) of axis-angle vectors (..., 3), radians."""
    half = 0.5 * np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    # sinc(x) = sin(pi x) / (pi x)
    return np.concatenate([0.5 * np.sinc(half / np.pi) * vectors, np.cos(half)], axis=-1)


def logarithm(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axis-angle vectors (..., 3) of unit quaternions (..., 4), the shorter way round."""
    sign = np.where(q[..., 3:] < 0, -1.0, 1.0)
    v, w = q[..., :3] * sign, q[..., 3] * sign[..., 0]
    sine = np.sqrt(np.einsum("...i,...i->...", v, v))
    # angle / sin(angle / 2) tends to 2 at 0; below 1e-9 the quotient of two tiny numbers is not
    # needed.
    factor = np.where(sine > 1e-9, 2 * np.arctan2(sine, w) / np.maximum(sine, 1e-9), 2.0)
    return v * factor[..., None]
