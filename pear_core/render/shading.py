"""Smooth normals and simple light: one sun, an ambient gradient, a little gloss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pear_core.render.visibility import FloatArray, IntArray


@dataclass(frozen=True)
class Light:
    """Light in the camera's optical frame; colours are linear RGB gains.

    direction (3,): unit vector from the surface to the sun. sun (3,): its colour.
    ambient (3,): colour from everywhere. gradient (3, 3): first-order spherical harmonics, gain of
    colour c for a normal n is n @ gradient[:, c]. gloss: strength of the highlight.
    """

    direction: FloatArray
    sun: FloatArray
    ambient: FloatArray
    gradient: FloatArray
    gloss: float = 0.0


def corner_matrix(faces: IntArray, vertices: int) -> sparse.csr_array:
    """(V, F) 0/1 matrix that sums a per-face quantity over the faces around each vertex."""
    rows = faces.reshape(-1)
    columns = np.repeat(np.arange(len(faces)), 3)
    data = np.ones(len(rows), dtype=np.float32)
    return sparse.csr_array((data, (rows, columns)), shape=(vertices, len(faces)))


def vertex_normals(vertices: FloatArray, faces: IntArray, corners: sparse.csr_array) -> FloatArray:
    """Unit area-weighted normals (V, 3); counter-clockwise faces give outward ones."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    u, v = b - a, c - a
    cross = np.empty_like(u)
    cross[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
    cross[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
    cross[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    normals: NDArray[np.float32] = corners @ cross
    return unit(normals)


def unit(vectors: FloatArray) -> FloatArray:
    """Vectors (..., 3) divided by their length; zero vectors stay zero."""
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


def shade(albedo: FloatArray, normals: FloatArray, light: Light) -> FloatArray:
    """Lit colours (P, 3) of surface points seen from -z, not clipped.

    Lambert: albedo * (sun * max(n.l, 0) + ambient + n @ gradient), never below a tenth of the
    ambient.
    """
    facing = np.maximum(normals @ light.direction, 0.0)[:, None]
    gain = np.maximum(light.ambient + normals @ light.gradient, 0.1 * light.ambient)
    lit = albedo * (gain + facing * light.sun)
    if light.gloss > 0:
        half = light.direction + np.array([0, 0, -1], dtype=np.float32)
        half = half / max(float(np.linalg.norm(half)), 1e-6)
        lit = lit + light.gloss * np.maximum(normals @ half, 0.0)[:, None] ** 24 * light.sun
    return np.asarray(lit, dtype=np.float32)
