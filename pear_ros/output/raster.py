"""Software rasteriser: which triangle each pixel of a pinhole picture sees, for pictures of meshes.

Triangles are expanded to pixel rows and rows to pixels with numpy alone, so the cost follows what
is visible and nothing needs a GPU or OpenGL. Edges shared by two triangles are intersected with the
same arithmetic in both, so every pixel centre on a closed surface is hit exactly once per layer
(half-open rule, no cracks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_ros.types import Intrinsics

NEAR = 0.01
"""Triangles reaching closer than this to the camera plane (metres) are dropped."""

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]


@dataclass(frozen=True)
class Fragments:
    """The visible surface: one entry per covered pixel, ordered by pixel.

    pixel (P,): row * width + column. face (P,): index of the triangle seen. depth (P,): z in
    metres.
    """

    pixel: _Int
    face: _Int
    depth: _Float
    width: int
    height: int
    _seen: _Triangles
    _owner: _Int

    def interpolate(self, values: NDArray[np.floating]) -> _Float:
        """Values (V, C) of the vertices as (C, P) on what is seen, perspective-correct."""
        at = self._seen
        x, y = self.pixel % self.width, self.pixel // self.width
        dx, dy = x - at.u[0][self._owner], y - at.v[0][self._owner]
        result = np.empty((values.shape[1], len(x)))
        for row, channel in zip(result, values.T, strict=True):
            base, along_u, along_v = at.plane(channel)
            np.multiply(along_u[self._owner], dx, out=row)
            row += along_v[self._owner] * dy
            row += base[self._owner]
            row *= self.depth
        return result

    def barycentric(self) -> _Float:
        """Weights (P, 3) of the corners of each seen triangle, perspective-correct."""
        at = self._seen
        x, y = self.pixel % self.width, self.pixel // self.width
        dx, dy = x - at.u[0][self._owner], y - at.v[0][self._owner]
        second, third = (
            (slope_u[self._owner] * dx + slope_v[self._owner] * dy)
            for slope_u, slope_v in zip(at.slope_u, at.slope_v, strict=True)
        )
        weight = np.stack((1.0 - second - third, second, third)) * at.w[:, self._owner]
        # Rounding on an edge may leave a weight a hair below zero.
        np.maximum(weight, 0.0, out=weight)
        return (weight / weight.sum(0)).T

    def depth_image(self) -> NDArray[np.float32]:
        """Depth (H, W) in metres, infinite where nothing is."""
        image = np.full(self.width * self.height, np.inf, np.float32)
        image[self.pixel] = self.depth
        return image.reshape(self.height, self.width)

    def face_image(self) -> NDArray[np.int32]:
        """Triangle index (H, W), -1 where nothing is."""
        image = np.full(self.width * self.height, -1, np.int32)
        image[self.pixel] = self.face
        return image.reshape(self.height, self.width)


@dataclass(frozen=True)
class _Triangles:
    """T triangles on the picture.

    corner (3, T): vertex indices. u, v, w (3, T): pixels and 1/z of the corners. slope_u, slope_v
    (2, T): change of the second and third corner's screen-space weight per pixel.
    """

    corner: _Int
    u: _Float
    v: _Float
    w: _Float
    slope_u: _Float
    slope_v: _Float

    def plane(self, value: NDArray[np.floating]) -> tuple[_Float, _Float, _Float]:
        """value / z at the first corner and its slopes, (T,) each; affine over the picture."""
        first, second, third = np.asarray(value, np.float64)[self.corner] * self.w
        second -= first
        third -= first
        along_u = self.slope_u[0] * second + self.slope_u[1] * third
        along_v = self.slope_v[0] * second + self.slope_v[1] * third
        return first, along_u, along_v


def supersampled(camera: Intrinsics, factor: int) -> Intrinsics:
    """The same view with factor x factor samples per pixel (sample centres spread evenly over the
    pixel).
    """
    shift = (factor - 1) / 2
    return Intrinsics(
        camera.fx * factor,
        camera.fy * factor,
        camera.cx * factor + shift,
        camera.cy * factor + shift,
        camera.width * factor,
        camera.height * factor,
    )


def cropped(camera: Intrinsics, x0: int, y0: int, x1: int, y1: int) -> Intrinsics:
    """The view of the columns x0..x1-1 and rows y0..y1-1 alone."""
    return Intrinsics(camera.fx, camera.fy, camera.cx - x0, camera.cy - y0, x1 - x0, y1 - y0)


def project(points: NDArray[np.floating], camera: Intrinsics) -> _Float:
    """Pixels (..., 2) of points (..., 3) in the optical frame; NaN behind the camera."""
    xyz = np.asarray(points, np.float64)
    z = np.where(xyz[..., 2] > NEAR, xyz[..., 2], np.nan)
    return np.stack(
        (camera.fx * xyz[..., 0] / z + camera.cx, camera.fy * xyz[..., 1] / z + camera.cy), axis=-1
    )


def rasterise(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    camera: Intrinsics,
    cull: bool = True,
) -> Fragments:
    """What each pixel centre of the camera sees of a mesh.

    vertices (V, 3): optical frame, metres. faces (F, 3): counter-clockwise seen from outside. cull:
    leave out triangles seen from behind (right and twice as fast for closed meshes).
    """
    height, width = camera.height, camera.width
    kept, seen = _visible(vertices, np.asarray(faces), camera, cull)

    # 1/z is affine over the picture, so it can be compared without a division per pixel.
    triangle, row, first, count = _spans(seen.u, seen.v, width, height)
    base, slope_u, slope_v = seen.plane(np.ones(len(vertices)))
    start = base[triangle] + slope_v[triangle] * (row - seen.v[0][triangle])
    start += slope_u[triangle] * (first - seen.u[0][triangle])
    ends = np.cumsum(count)
    along = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - count, count)
    pixel = along + np.repeat(row * width + first, count)
    closeness = np.repeat(slope_u[triangle], count) * along
    closeness += np.repeat(start, count)
    owner = np.repeat(triangle, count)

    nearest = np.zeros(width * height)
    np.maximum.at(nearest, pixel, closeness)
    covered = np.flatnonzero(nearest)
    won = closeness == nearest[pixel]
    winner = np.empty(width * height, np.int64)
    winner[pixel[won]] = owner[won]
    owner = winner[covered]
    depth = 1.0 / nearest[covered]
    return Fragments(covered, kept[owner], depth, width, height, seen, owner)


def _visible(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], camera: Intrinsics, cull: bool
) -> tuple[_Int, _Triangles]:
    """Which triangles can be seen, and where they lie on the picture."""
    corner = np.asarray(faces, np.int64).T
    u_all, v_all = project(vertices, camera).T
    u, v = u_all[corner], v_all[corner]
    with np.errstate(invalid="ignore"):
        area = (u[1] - u[0]) * (v[2] - v[0]) - (u[2] - u[0]) * (v[1] - v[0])
        seen = (area < 0) if cull else (area != 0) & ~np.isnan(area)
        seen &= _reaches(u, camera.width) & _reaches(v, camera.height)
    kept = np.flatnonzero(seen)
    corner, u, v, area = corner[:, kept], u[:, kept], v[:, kept], area[kept]
    w = 1.0 / np.asarray(vertices, np.float64)[:, 2][corner]
    slope_u = np.stack((v[2] - v[0], v[0] - v[1])) / area
    slope_v = np.stack((u[0] - u[2], u[1] - u[0])) / area
    return kept, _Triangles(corner, u, v, w, slope_u, slope_v)


def _reaches(edge: _Float, size: int) -> NDArray[np.bool_]:
    """Whether triangles reach into 0..size-1 along one image axis."""
    low = np.minimum(np.minimum(edge[0], edge[1]), edge[2])
    high = np.maximum(np.maximum(edge[0], edge[1]), edge[2])
    return np.asarray((high >= 0) & (low <= size - 1))


def _spans(u: _Float, v: _Float, width: int, height: int) -> tuple[_Int, _Int, _Int, _Int]:
    """Pixel runs inside the triangles: triangle, row, first column and length of each run."""
    order = np.argsort(v, axis=0)
    u, v = np.take_along_axis(u, order, 0), np.take_along_axis(v, order, 0)
    top = np.ceil(v[0].clip(0, height)).astype(np.int64)
    rows = np.ceil(v[2].clip(0, height)).astype(np.int64) - top
    triangle = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(triangle)) + np.repeat(top + rows - np.cumsum(rows), rows)

    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (u[[2, 1, 2]] - u[[0, 0, 1]]) / (v[[2, 1, 2]] - v[[0, 0, 1]])
    long_edge = u[0][triangle] + (row - v[0][triangle]) * slope[0][triangle]
    lower = (row >= v[1][triangle]).astype(np.int64)
    short_edge = u[lower, triangle] + (row - v[lower, triangle]) * slope[1 + lower, triangle]
    left = np.ceil(np.minimum(long_edge, short_edge).clip(0, width)).astype(np.int64)
    right = np.ceil(np.maximum(long_edge, short_edge).clip(0, width)).astype(np.int64)
    some = right > left
    return triangle[some], row[some], left[some], (right - left)[some]
