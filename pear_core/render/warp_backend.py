"""The fast back end: NVIDIA Warp kernels (CPU or CUDA from one source), about 2 ms for a body at
256 x 256.

Two passes, so that the result does not depend on the order in which triangles run: the smallest
depth of each pixel first, then the lowest triangle that has it.
"""

# Warp reads the annotations of kernels at run time, so no `from __future__ import annotations`
# here.

import functools
from typing import Any

import numpy as np
import warp as wp

from pear_core.render.visibility import NEAR, FloatArray, IntArray, Visibility

_NEAR = wp.constant(NEAR)
_NOBODY = 2147483647


@wp.func  # type: ignore[untyped-decorator]
def _affine(a: wp.vec3, b: wp.vec3, c: wp.vec3, x: float, y: float) -> wp.vec3:
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if wp.abs(area) < 1.0e-9:
        return wp.vec3(-1.0, -1.0, -1.0)
    u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
    v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
    w = ((a[0] - x) * (b[1] - y) - (a[1] - y) * (b[0] - x)) / area
    return wp.vec3(u, v, w)


@wp.func  # type: ignore[untyped-decorator]
def _inverse_depth(a: wp.vec3, b: wp.vec3, c: wp.vec3, weights: wp.vec3) -> float:
    return weights[0] / a[2] + weights[1] / b[2] + weights[2] / c[2]


@wp.kernel  # type: ignore[untyped-decorator]
def _draw(
    screen: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    faces: wp.array2d(dtype=int),  # type: ignore[valid-type]
    second_pass: int,
    depth: wp.array2d(dtype=float),  # type: ignore[valid-type]
    face: wp.array2d(dtype=int),  # type: ignore[valid-type]
) -> None:
    f = wp.tid()
    a = screen[faces[f, 0]]
    b = screen[faces[f, 1]]
    c = screen[faces[f, 2]]
    if wp.min(wp.min(a[2], b[2]), c[2]) < _NEAR:
        return
    height = depth.shape[0]
    width = depth.shape[1]
    x0 = wp.max(wp.ceil(wp.min(wp.min(a[0], b[0]), c[0])), 0.0)
    x1 = wp.min(wp.floor(wp.max(wp.max(a[0], b[0]), c[0])), float(width - 1))
    y0 = wp.max(wp.ceil(wp.min(wp.min(a[1], b[1]), c[1])), 0.0)
    y1 = wp.min(wp.floor(wp.max(wp.max(a[1], b[1]), c[1])), float(height - 1))
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if wp.abs(area) < 1.0e-9:
        return
    scale = 1.0 / area
    for row in range(int(y0), int(y1) + 1):
        y = float(row)
        for column in range(int(x0), int(x1) + 1):
            x = float(column)
            u = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) * scale
            v = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) * scale
            w = ((a[0] - x) * (b[1] - y) - (a[1] - y) * (b[0] - x)) * scale
            if u >= 0.0 and v >= 0.0 and w >= 0.0:
                z = 1.0 / (u / a[2] + v / b[2] + w / c[2])
                if second_pass == 0:
                    wp.atomic_min(depth, row, column, z)
                elif z == depth[row, column]:
                    wp.atomic_min(face, row, column, f)


@wp.kernel  # type: ignore[untyped-decorator]
def _weigh(
    screen: wp.array(dtype=wp.vec3),  # type: ignore[valid-type]
    faces: wp.array2d(dtype=int),  # type: ignore[valid-type]
    face: wp.array2d(dtype=int),  # type: ignore[valid-type]
    barycentric: wp.array2d(dtype=wp.vec3),  # type: ignore[valid-type]
) -> None:
    row, column = wp.tid()  # type: ignore[misc]
    f = face[row, column]
    if f == _NOBODY:
        face[row, column] = -1
    else:
        a = screen[faces[f, 0]]
        b = screen[faces[f, 1]]
        c = screen[faces[f, 2]]
        w = _affine(a, b, c, float(column), float(row))
        z = 1.0 / _inverse_depth(a, b, c, w)
        barycentric[row, column] = wp.vec3(w[0] / a[2] * z, w[1] / b[2] * z, w[2] / c[2] * z)


@functools.cache
def _start() -> None:
    # Older and newer Warp spell silence differently.
    for name, value in (("quiet", True), ("log_level", 40)):
        if hasattr(wp.config, name):
            setattr(wp.config, name, value)
    wp.init()


def rasterise(
    screen: FloatArray, faces: IntArray, height: int, width: int, device: str = "cpu"
) -> Visibility:
    """See `visibility.rasterise`."""
    _start()
    points = wp.array(screen, dtype=wp.vec3, device=device)
    triangles = wp.array(faces, dtype=wp.int32, device=device)
    depth = wp.array(np.full((height, width), np.inf, np.float32), dtype=float, device=device)
    face = wp.array(np.full((height, width), _NOBODY, np.int32), dtype=int, device=device)
    weights = wp.zeros((height, width), dtype=wp.vec3, device=device)
    for second_pass in (0, 1):
        _launch(_draw, len(faces), [points, triangles, second_pass, depth, face], device)
    _launch(_weigh, (height, width), [points, triangles, face, weights], device)
    return Visibility(face.numpy(), depth.numpy(), weights.numpy())


def _launch(kernel: Any, dim: int | tuple[int, int], inputs: list[Any], device: str) -> None:
    if dim:
        wp.launch(kernel, dim=dim, inputs=inputs, device=device)
