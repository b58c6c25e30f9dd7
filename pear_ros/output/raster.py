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

    pixel (P,): row * width + column. face (P,): index of the triangle seen. barycentric (P, 3):
    perspective-correct weights of its corners. depth (P,): z in metres.
    """

    pixel: _Int
    face: _Int
    barycentric: _Float
    depth: _Float
    width: int
    height: int

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
    corners = np.asarray(faces).T
    u_all, v_all = project(vertices, camera).T
    w_all = 1.0 / np.asarray(vertices, np.float64)[:, 2].clip(NEAR)
    u, v = u_all[corners], v_all[corners]
    with np.errstate(invalid="ignore"):
        area = (u[1] - u[0]) * (v[2] - v[0]) - (u[2] - u[0]) * (v[1] - v[0])
        seen = (area < 0) if cull else (area != 0) & ~np.isnan(area)
        seen &= _reaches(u, width) & _reaches(v, height)
    kept = np.flatnonzero(seen)
    u, v, w = u[:, kept], v[:, kept], w_all[corners[:, kept]]
    planes = _planes(u, v, area[kept])

    # 1/z is affine over the picture, so it can be compared (and later inverted) without perspective
    # division.
    triangle, row, first, count = _spans(u, v, width, height)
    slope_u = planes.u[0] * (w[1] - w[0]) + planes.u[1] * (w[2] - w[0])
    slope_v = planes.v[0] * (w[1] - w[0]) + planes.v[1] * (w[2] - w[0])
    row_w = w[0][triangle] + slope_v[triangle] * (row - v[0][triangle])
    row_w += slope_u[triangle] * (first - u[0][triangle])
    starts = np.cumsum(count) - count
    along = np.arange(int(count.sum())) - np.repeat(starts, count)
    pixel = np.repeat(row * width + first, count) + along
    closeness = np.repeat(row_w, count) + along * np.repeat(slope_u[triangle], count)
    owner = np.repeat(triangle, count)

    nearest = np.zeros(width * height)
    np.maximum.at(nearest, pixel, closeness)
    winner = np.full(width * height, -1, np.int64)
    won = closeness == nearest[pixel]
    winner[pixel[won]] = owner[won]
    covered = np.flatnonzero(winner >= 0)
    owner = winner[covered]
    weight = planes.at(owner, covered % width, covered // width)
    weight *= w[:, owner]
    # Rounding on an edge may leave a weight a hair below zero.
    np.maximum(weight, 0.0, out=weight)
    weight /= weight.sum(0)
    return Fragments(covered, kept[owner], weight.T, 1.0 / nearest[covered], width, height)


def _reaches(edge: _Float, size: int) -> NDArray[np.bool_]:
    """Whether triangles reach into 0..size-1 along one image axis."""
    low = np.minimum(np.minimum(edge[0], edge[1]), edge[2])
    high = np.maximum(np.maximum(edge[0], edge[1]), edge[2])
    return np.asarray((high >= 0) & (low <= size - 1))


@dataclass(frozen=True)
class _Planes:
    """Screen-space corner weights of T triangles: slopes (2, T) of the second and third along u and
    v.
    """

    u: _Float
    v: _Float
    u0: _Float
    v0: _Float

    def at(self, triangle: _Int, x: _Int, y: _Int) -> _Float:
        """Affine weights (3, P) of pixel P in its triangle."""
        dx, dy = x - self.u0[triangle], y - self.v0[triangle]
        weight = np.empty((3, len(triangle)))
        for i in (0, 1):
            weight[i + 1] = self.u[i][triangle] * dx + self.v[i][triangle] * dy
        np.subtract(1.0 - weight[1], weight[2], out=weight[0])
        return weight


def _planes(u: _Float, v: _Float, area: _Float) -> _Planes:
    return _Planes(
        np.stack((v[2] - v[0], v[0] - v[1])) / area,
        np.stack((u[0] - u[2], u[1] - u[0])) / area,
        u[0],
        v[0],
    )


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
