"""Hard visibility: which triangle is seen in which pixel, how far away, and where on the triangle.

One value type and one function; the back ends (`warp_backend`, `reference`) agree pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]

NEAR = 1e-3
"""Triangles with a corner nearer than this (metres) are not drawn."""


class RenderError(ValueError):
    """Mesh or picture size that cannot be drawn."""


@dataclass(frozen=True)
class Visibility:
    """What each pixel of an (H, W) picture sees.

    face: int32, index of the triangle, -1 where nothing is.
    depth: float32, z of the seen point in the unit of the input, +inf where nothing is.
    barycentric: float32 (H, W, 3), perspective-correct weights of the triangle's corners, 0 where
    nothing is.
    """

    face: IntArray
    depth: FloatArray
    barycentric: FloatArray

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Pixels that see the mesh."""
        return np.asarray(self.face >= 0)


Backend = Callable[[FloatArray, IntArray, int, int], Visibility]


def rasterise(
    screen: FloatArray, faces: IntArray, height: int, width: int, backend: Backend | None = None
) -> Visibility:
    """Draws triangles without culling; the nearest wins, equal depths go to the lower face index.

    Args:
        screen: (V, 3) x and y in pixels (pixel centres at integers), z > 0 depth along the optical
        axis.
        faces: (F, 3) corner indices.
        backend: function that does it; None takes Warp.

    Raises:
        RenderError: wrong shapes, indices outside the mesh, or an empty picture.
    """
    if screen.ndim != 2 or screen.shape[1] != 3:
        raise RenderError(f"screen points must be (V, 3), found {screen.shape}")
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise RenderError(f"faces must be (F, 3), found {faces.shape}")
    if height < 1 or width < 1:
        raise RenderError(f"picture must have pixels, found {height} x {width}")
    if faces.size and (faces.min() < 0 or faces.max() >= len(screen)):
        raise RenderError(f"face index {faces.max()} outside a mesh of {len(screen)} vertices")
    draw = _warp() if backend is None else backend
    points = np.ascontiguousarray(screen, dtype=np.float32)
    return draw(points, np.ascontiguousarray(faces, dtype=np.int32), height, width)


def _warp() -> Backend:
    from pear_core.render import warp_backend

    return warp_backend.rasterise


def interpolate(visibility: Visibility, faces: IntArray, attributes: FloatArray) -> FloatArray:
    """Vertex attributes (V, C) at the visible pixels, (P, C), in the row-major order of the
    mask.
    """
    mask = visibility.mask
    corners = faces[visibility.face[mask]]
    weights = visibility.barycentric[mask]
    out = attributes[corners[:, 0]] * weights[:, :1]
    out += attributes[corners[:, 1]] * weights[:, 1:2]
    out += attributes[corners[:, 2]] * weights[:, 2:]
    return np.asarray(out, dtype=np.float32)
