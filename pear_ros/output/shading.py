"""Light and colour of meshes in pictures: three lights, smooth edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pear_ros.output.mesh import vertex_normals
from pear_ros.output.raster import cropped, project, rasterise, supersampled
from pear_ros.types import FloatArray, Intrinsics

_SAMPLES = 2
_AMBIENT = np.array([0.13, 0.14, 0.17])
# Towards the light in the optical frame (x right, y down, z forward), colour in linear light.
_LIGHTS = (
    (np.array([-0.66, -0.62, -0.42]), np.array([1.02, 0.97, 0.90])),
    (np.array([0.80, -0.15, -0.58]), np.array([0.16, 0.19, 0.24])),
)
_RIM, _GLOSS, _SHARPNESS = 0.30, 0.10, 18


def _linear(srgb: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(srgb, np.float64) ** 2.2


def shade(
    vertices: NDArray[np.floating], normals: NDArray[np.floating], colour: tuple[int, int, int]
) -> FloatArray:
    """Lit colours (V, 3) in 0..255 of a surface in the optical frame, seen from the origin."""
    view = -np.asarray(vertices, np.float64)
    view /= np.maximum(np.linalg.norm(view, axis=1, keepdims=True), 1e-9)
    light = np.broadcast_to(_AMBIENT, (len(view), 3)) * (1.0 - 0.35 * normals[:, 1:2])
    for direction, strength in _LIGHTS:
        toward = normals @ (direction / np.linalg.norm(direction))
        # Wrapped diffuse: the shadow side keeps its form instead of going flat.
        light = light + np.maximum((toward + 0.15) / 1.15, 0.0)[:, None] * strength
    facing = np.clip((normals * view).sum(1), 0.0, 1.0)
    key = _LIGHTS[0][0] / np.linalg.norm(_LIGHTS[0][0])
    halfway = view + key
    halfway /= np.maximum(np.linalg.norm(halfway, axis=1, keepdims=True), 1e-9)
    gloss = _GLOSS * np.clip((normals * halfway).sum(1), 0.0, 1.0) ** _SHARPNESS
    rim = _RIM * (1.0 - facing) ** 3 * np.clip(0.6 - 0.6 * normals[:, 1], 0.0, 1.0)
    lit = _linear(np.array(colour) / 255.0) * light + (rim + gloss)[:, None]
    return (255.0 * np.clip(lit, 0.0, 1.0) ** (1 / 2.2)).astype(np.float32)


def paint(
    image: NDArray[np.uint8],
    vertices: Sequence[NDArray[np.floating]],
    faces: NDArray[np.integer],
    colours: Sequence[tuple[int, int, int]],
    camera: Intrinsics,
    opacity: float = 0.88,
) -> NDArray[np.uint8]:
    """A copy of image (H, W, 3) with optical-frame meshes (V, 3) drawn in depth order."""
    result = np.array(image, copy=True)
    if not vertices:
        return result
    window = _window(vertices, camera)
    if window is None:
        return result
    x0, y0, x1, y1 = window
    base = np.cumsum([0] + [len(v) for v in vertices[:-1]])
    all_faces = np.concatenate([np.asarray(faces) + b for b in base])
    all_colours = np.concatenate(
        [shade(v, vertex_normals(v, faces), c) for v, c in zip(vertices, colours, strict=True)]
    )
    view = supersampled(cropped(camera, x0, y0, x1, y1), _SAMPLES)
    seen = rasterise(np.concatenate(list(vertices)), all_faces, view)

    share = opacity / _SAMPLES**2
    owner = seen.pixel // view.width // _SAMPLES * (x1 - x0) + seen.pixel % view.width // _SAMPLES
    patch = result[y0:y1, x0:x1]
    count = (y1 - y0) * (x1 - x0)
    left = 1.0 - share * np.bincount(owner, minlength=count).reshape(patch.shape[:2])
    for channel, light in enumerate(seen.interpolate(all_colours)):
        # Slivers seen edge-on may extrapolate a little.
        np.clip(light, 0.0, 255.0, out=light)
        total = np.bincount(owner, light, minlength=count).reshape(patch.shape[:2])
        patch[..., channel] = share * total + patch[..., channel] * left + 0.5
    return result


def _window(
    vertices: Sequence[NDArray[np.floating]], camera: Intrinsics
) -> tuple[int, int, int, int] | None:
    """The part of the picture that the meshes can touch: x0, y0, x1, y1."""
    pixels = np.concatenate([project(v, camera) for v in vertices])
    pixels = pixels[~np.isnan(pixels[:, 0])]
    if not len(pixels):
        return None
    size = np.array([camera.width, camera.height])
    low = np.floor(np.clip(pixels.min(0), 0, size)).astype(int)
    high = np.ceil(np.clip(pixels.max(0) + 1, 0, size)).astype(int)
    if (high <= low).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])
