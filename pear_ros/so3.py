"""Rotation matrices to axis-angle vectors and quaternions and back, stable at 0 and at pi (numpy)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pear_ros.native import kernels


def quaternion(matrices: NDArray[np.floating]) -> NDArray[np.float64]:
    """Unit quaternions (..., 4) in x y z w order with w >= 0, of rotation matrices (..., 3, 3).

    A rotation matrix gives each row of four times q q^T. That of w is used for turns up to 120
    degrees, which nearly all joints are, else that of the largest component: nothing is divided by a
    small number (after Shepperd, 1978).
    """
    if kernels is not None:
        found = np.empty((*matrices.shape[:-2], 4))
        kernels.quaternions(_numbers(matrices), found)
        return found
    shape = matrices.shape[:-2]
    m = np.array(matrices.reshape(-1, 9).T, np.float64, order="C")
    q = np.empty((4, m.shape[1]))
    np.subtract(m[_LOWER], m[_UPPER], out=q[:3])
    np.add(m[0] + m[4], m[8] + 1.0, out=q[3])
    far = np.flatnonzero(q[3] < 1.0)
    # A half turn has nothing in this row.
    q /= np.sqrt(np.maximum(np.add.reduce(q * q, axis=0), 1e-300))
    if len(far):
        q[:, far] = _far_quaternions(m[:, far].T).T
    return q.T.reshape(*shape, 4)


def _numbers(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """As the kernels take them: either kind of float, without gaps."""
    if values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    return np.ascontiguousarray(values)


def _far_quaternions(m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of matrices (M, 9) of any turn, by the largest component."""
    if len(m) <= _FEW:
        return np.array([_far_quaternion(*row) for row in m.tolist()])
    rows = (m @ _OUTER + np.eye(4).reshape(16)).reshape(-1, 4, 4)
    best = np.argmax(rows.reshape(-1, 16)[:, ::5], axis=1)
    q = rows[np.arange(len(best)), best]
    q /= np.copysign(np.sqrt(np.einsum("ni,ni->n", q, q)), q[:, 3])[:, None]
    return q


_FEW = 20
"""Up to so many, scalars are quicker than arrays."""


def _far_quaternion(
    xx: float, xy: float, xz: float, yx: float, yy: float, yz: float, zx: float, zy: float,
    zz: float,
) -> tuple[float, float, float, float]:  # fmt: skip
    """Of the nine numbers of one matrix."""
    best = max(xx, yy, zz)
    if xx + yy + zz >= best:
        x, y, z, w = zy - yz, xz - zx, yx - xy, 1.0 + xx + yy + zz
    elif xx == best:
        x, y, z, w = 1.0 + xx - yy - zz, xy + yx, xz + zx, zy - yz
    elif yy == best:
        x, y, z, w = xy + yx, 1.0 + yy - xx - zz, yz + zy, xz - zx
    else:
        x, y, z, w = xz + zx, yz + zy, 1.0 + zz - xx - yy, yx - xy
    scale = 1.0 / math.copysign(math.sqrt(x * x + y * y + z * z + w * w), w)
    return x * scale, y * scale, z * scale, w * scale


def axis_angle(matrices: NDArray[np.floating]) -> NDArray[np.float32]:
    """Axis-angle vectors (..., 3), radians, length up to pi, of rotation matrices (..., 3, 3)."""
    if kernels is not None:
        out = np.empty((*matrices.shape[:-2], 3), np.float32)
        kernels.axis_angles(_numbers(matrices), out)
        return out
    return logarithm(quaternion(matrices)).astype(np.float32, order="C")


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


def matrix_rows(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `from_quaternion` for (..., 4, J): (..., 9, J).

    Components in rows: that is what numpy is fast on.
    """
    return _products(q, q, _MATRIX_ROWS)


def multiply_rows(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `multiply` for (..., 4, J)."""
    return _products(a, b, _PRODUCT_ROWS)


def between_rows(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `between` for (..., 4, J)."""
    return _products(a, b, _BETWEEN_ROWS)


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
    # angle / sin(angle / 2) tends to 2 at 0, which it is to the last digit at 1e-9.
    sine = np.maximum(np.sqrt(np.add.reduce(v * v, axis=-1)), 1e-9)
    angle = 2.0 * np.arctan2(sine, np.abs(w))
    out: NDArray[np.float64] = v * (angle / np.copysign(sine, w))[..., None]
    return out


def _bilinear(
    a: NDArray[np.float64], b: NDArray[np.float64], table: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums of products of components, as table (16, M) says; one matrix product is far quicker than
    the components one by one."""
    pairs = np.einsum("...i,...j->...ij", a, b)
    out: NDArray[np.float64] = pairs.reshape(-1, 16) @ table
    return out.reshape(*pairs.shape[:-2], table.shape[1])


def _products(
    a: NDArray[np.float64], b: NDArray[np.float64], table: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`_bilinear` of components in rows; table (M, 16)."""
    pairs = a[..., :, None, :] * b[..., None, :, :]
    out: NDArray[np.float64] = table @ pairs.reshape(*pairs.shape[:-3], 16, -1)
    return out


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
_PRODUCT_ROWS, _BETWEEN_ROWS, _MATRIX_ROWS = (t.T.copy() for t in (_PRODUCT, _BETWEEN, _MATRIX))
_LOWER, _UPPER = np.array([7, 2, 3]), np.array([5, 6, 1])
_OUTER = _MATRIX.T.copy()
"""4 q q^T of a quaternion, less the unit matrix, is this of its rotation matrix: the transpose of
the way there, whose columns are orthogonal and of length 2."""
