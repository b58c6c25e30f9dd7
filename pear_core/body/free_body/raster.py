"""A small numpy z-buffer: orthographic pictures of meshes, and which triangle a pixel shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pear_core.body.free_body.source import Array, Index

_LIGHT = np.array([0.35, 0.55, 0.76])


def visible(points: Array, faces: Index, size: tuple[int, int]) -> tuple[Index, Array]:
    """Nearest triangle of every pixel.

    Args:
        points: (V, 3) x and y in pixels (y down, pixel centres at integers), z towards the viewer.
        faces: (F, 3). size: (height, width).

    Returns:
        face ids (H, W), -1 where nothing is; barycentric weights (H, W, 3).
    """
    height, width = size
    ids = np.full(height * width, -1, dtype=np.int64)
    weights = np.zeros((height * width, 3))
    best = np.full(height * width, -np.inf)
    corners = points[faces]
    limit = np.array([width, height]) - 1
    low = np.ceil(corners[..., :2].min(axis=1)).clip(0, limit + 1).astype(np.int64)
    high = np.floor(corners[..., :2].max(axis=1)).clip(-1, limit).astype(np.int64)
    extent = np.where((high >= low).all(axis=1), (high - low).max(axis=1) + 1, 0)
    step = 1
    while (extent >= step).any():
        chosen = np.flatnonzero((extent >= step) & (extent < 2 * step))
        for part in np.array_split(chosen, 1 + len(chosen) * 4 * step * step // 2_000_000):
            _fill(part, corners[part], low[part], 2 * step, width, height, ids, weights, best)
        step *= 2
    return ids.reshape(size), weights.reshape(height, width, 3)


def _fill(
    part: Index, tri: Array, low: Index, k: int, width: int, height: int,
    ids: Index, weights: Array, best: Array,
) -> None:  # fmt: skip
    grid = np.stack(np.meshgrid(np.arange(k), np.arange(k), indexing="xy"), -1).reshape(-1, 2)
    pixel = low[:, None] + grid
    a, b, c = (tri[:, None, i, :2] for i in range(3))
    p = pixel.astype(float)

    def area(u: Array, v: Array, w: Array) -> Array:
        return (v[..., 0] - u[..., 0]) * (w[..., 1] - u[..., 1]) - (v[..., 1] - u[..., 1]) * (
            w[..., 0] - u[..., 0]
        )

    total = area(a, b, c)
    total = np.where(np.abs(total) < 1e-12, np.nan, total)
    bary = np.stack([area(p, b, c), area(a, p, c), area(a, b, p)], -1) / total[..., None]
    inside = (bary >= -1e-9).all(-1) & (pixel >= 0).all(-1)
    inside &= (pixel[..., 0] < width) & (pixel[..., 1] < height)
    rows, cols = np.nonzero(inside)
    depth = (bary[rows, cols] * tri[rows, :, 2]).sum(-1)
    flat = pixel[rows, cols, 1] * width + pixel[rows, cols, 0]
    order = np.argsort(depth, kind="stable")  # the nearest is written last
    rows, cols, depth, flat = rows[order], cols[order], depth[order], flat[order]
    last = np.unique(flat[::-1], return_index=True)[1]
    rows, cols, depth, flat = (x[::-1][last] for x in (rows, cols, depth, flat))
    nearer = depth > best[flat]
    flat, rows, cols = flat[nearer], rows[nearer], cols[nearer]
    best[flat] = depth[nearer]
    ids[flat] = part[rows]
    weights[flat] = bary[rows, cols]


def project(
    vertices: Array, turn: float, centre: Array, span: float, size: tuple[int, int]
) -> Array:
    """Orthographic view from +z after turning the body by `turn` degrees about y.

    Args:
        centre: (3,) point shown in the middle. span: metres of picture height.
    """
    a = np.deg2rad(turn)
    rotation = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    seen = (vertices - centre) @ rotation.T * (size[0] / span)
    return seen * np.array([1, -1, 1]) + np.array([size[1] / 2, size[0] / 2, 0.0])


def vertex_normals(vertices: Array, faces: Index) -> Array:
    """(V, 3) unit normals, faces weighted by area."""
    normal = np.cross(vertices[faces[:, 1]] - vertices[faces[:, 0]],
                      vertices[faces[:, 2]] - vertices[faces[:, 0]])  # fmt: skip
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, faces[:, corner], normal)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def picture(
    vertices: Array, faces: Index, turn: float, centre: Array, span: float,
    size: tuple[int, int], colours: Array | None = None, edges: bool = False,
) -> NDArray[np.uint8]:  # fmt: skip
    """(H, W, 3) shaded picture; the back of a triangle is red, so inside-out meshes show.

    Args:
        colours: (V, 3) in [0, 1], skin by default. edges: darken triangle borders.
    """
    view = project(vertices, turn, centre, span, size)
    ids, bary = visible(view, faces, size)
    hit = ids >= 0
    tri = faces[ids[hit]]
    skin = np.tile([0.86, 0.70, 0.60], (len(vertices), 1)) if colours is None else colours
    up = view * np.array([1, -1, 1])
    normals = vertex_normals(up, faces)
    normal = (normals[tri] * bary[hit][..., None]).sum(1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    shade = 0.35 + 0.65 * np.clip(normal @ _LIGHT, 0, 1)
    colour = (skin[tri] * bary[hit][..., None]).sum(1) * shade[:, None]
    flat = np.cross(up[tri[:, 1]] - up[tri[:, 0]], up[tri[:, 2]] - up[tri[:, 0]])[:, 2]
    colour[flat < 0] = [0.8, 0.1, 0.1]
    if edges:
        colour[bary[hit].min(1) < 0.05] *= 0.6
    out = np.full((*size, 3), 255, dtype=np.uint8)
    out[hit] = (255 * colour.clip(0, 1)).astype(np.uint8)
    return out
