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
    rows = (m.reshape(-1, 9) @ _OUTER + np.eye(4).reshape(16)).reshape(-1, 4, 4)
    best = np.argmax(rows.reshape(-1, 16)[:, ::5], axis=1)
    q = rows[np.arange(len(best)), best]
    q /= np.copysign(np.sqrt(np.einsum("ni,ni->n", q, q)), q[:, 3])[:, None]
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
    values = np.asarray(q, np.float64)
    return _bilinear(values, values, _MATRIX).reshape(*values.shape[:-1], 3, 3)


def multiply(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quaternions (..., 4) of the rotations b, then a."""
    return _bilinear(a, b, _PRODUCT)


def between(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotations (..., 4) that follow the unit quaternions a, in a's axes, to become b."""
    return _bilinear(a, b, _BETWEEN)


def part_way(
    a: NDArray[np.float64], b: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Unit quaternions (..., 4) on the shorter way from a to b, share (..., 1) of it done (slerp)."""
    away = np.einsum("...i,...i->...", a, b)[..., None]
    near = np.where(away < 0, -b, b)
    step = near - a
    # The chord knows small angles to the last digit, which the cosine does not.
    chord = np.sqrt(np.einsum("...i,...i->...", step, step))[..., None]
    angle = np.maximum(2.0 * np.arcsin(np.minimum(0.5 * chord, 1.0)), 1e-9)
    done = share * angle
    out: NDArray[np.float64] = (np.sin(angle - done) * a + np.sin(done) * near) / np.sin(angle)
    return out


def exponential(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit quaternions (..., 4) of axis-angle vectors (..., 3), radians."""
    half = 0.5 * np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
    out = np.empty((*half.shape, 4))
    # sin(x) / x, which is 1 to the last digit below 1e-9
    safe = np.maximum(half, 1e-9)
    out[..., :3] = (0.5 * np.sin(safe) / safe)[..., None] * vectors
    out[..., 3] = np.cos(half)
    return out


def logarithm(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Axis-angle vectors (..., 3) of unit quaternions (..., 4), the shorter way round."""
    v, w = q[..., :3], q[..., 3]
    sine = np.sqrt(np.einsum("...i,...i->...", v, v))
    # angle / sin(angle / 2) tends to 2 at 0; below 1e-9 the quotient of two tiny numbers is not
    # needed.
    factor = np.where(sine > 1e-9, 2 * np.arctan2(sine, np.abs(w)) / np.maximum(sine, 1e-9), 2.0)
    return v * np.copysign(factor, w)[..., None]


def _bilinear(
    a: NDArray[np.float64], b: NDArray[np.float64], table: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums of products of components, as table (16, M) says; one matrix product is far quicker than
    the components one by one."""
    pairs = np.einsum("...i,...j->...ij", a, b)
    out: NDArray[np.float64] = pairs.reshape(-1, 16) @ table
    return out.reshape(*pairs.shape[:-2], table.shape[1])


def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of the product, of the inverse's product and of the matrix, from the algebra of i j k."""
    x, y, z, w = range(4)
    product = np.zeros((4, 4, 4))
    for one in range(4):
        product[one, w, one] = product[w, one, one] = 1.0
    for one, two, third in ((x, y, z), (y, z, x), (z, x, y)):
        product[one, two, third], product[two, one, third] = 1.0, -1.0
        product[one, one, w] = -1.0
    conjugate = np.array([-1.0, -1.0, -1.0, 1.0])
    inverse = conjugate[:, None, None] * product
    # R e_c = q e_c q*, with the components of both q in pairs.
    right = np.einsum("d,cde->cde", conjugate, product)
    matrix = np.einsum("aci,ibr->abrc", product[:, :3], right)[:, :, :3]
    return product.reshape(16, 4), inverse.reshape(16, 4), matrix.reshape(16, 9)


_PRODUCT, _BETWEEN, _MATRIX = _tables()
_OUTER = _MATRIX.T.copy()
"""4 q q^T of a quaternion, less the unit matrix, is this of its rotation matrix: the transpose of
the way there, whose columns are orthogonal and of length 2."""
