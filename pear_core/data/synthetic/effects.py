"""What happens to a picture between scene and file: occluders, borders, optics, sensor,
compression.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core.data.synthetic.textures import random_colour

FloatArray = NDArray[np.float32]


def add_occluders(
    rng: np.random.Generator, picture: FloatArray, pool: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Puts textured shapes over the picture in place; returns the covered pixels (H, W)."""
    height, width = picture.shape[:2]
    covered = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        canvas = np.zeros((height, width), np.uint8)
        kind = rng.choice(
            ["table", "box", "limb", "ellipse", "pole"], p=[0.25, 0.2, 0.25, 0.15, 0.15]
        )
        if kind == "table":
            top = int(rng.uniform(0.55, 0.95) * height)
            slope = int(rng.normal(0, 8))
            corners = np.array(
                [[0, top - slope], [width, top + slope], [width, height], [0, height]]
            )
            cv2.fillConvexPoly(canvas, corners.astype(np.int32), 255, cv2.LINE_AA)
        elif kind == "pole":
            x, half = int(rng.uniform(0, width)), int(rng.uniform(2, 10))
            cv2.rectangle(canvas, (x - half, 0), (x + half, height), 255, -1)
        else:
            centre = rng.uniform([0, 0.15 * height], [width, height])
            size = np.exp(rng.uniform(np.log(12), np.log(80), 2))
            if kind == "box":
                box = cv2.boxPoints((centre.tolist(), size.tolist(), float(rng.uniform(0, 180))))
                cv2.fillConvexPoly(canvas, box.astype(np.int32), 255, cv2.LINE_AA)
            elif kind == "ellipse":
                axes = (size / 2).astype(int).tolist()
                cv2.ellipse(
                    canvas,
                    centre.astype(int).tolist(),
                    axes,
                    float(rng.uniform(0, 180)),
                    0,
                    360,
                    255,
                    -1,
                )
            else:
                points = (centre + np.cumsum(rng.normal(size=(3, 2)) * size / 1.5, axis=0)).astype(
                    np.int32
                )
                cv2.polylines(canvas, [points], False, 255, int(rng.integers(5, 22)), cv2.LINE_AA)
        alpha = canvas[..., None].astype(np.float32) / 255
        picture[:] = picture * (1 - alpha) + _fill(rng, height, width, pool) * alpha
        covered |= canvas
    return covered > 127


def _fill(rng: np.random.Generator, height: int, width: int, pool: NDArray[np.uint8]) -> FloatArray:
    colour = random_colour(rng)
    if rng.random() < 0.4:
        return np.broadcast_to(colour, (height, width, 3))
    source = pool[rng.integers(len(pool))]
    y, x = (int(rng.integers(source.shape[i] - n + 1)) for i, n in ((0, height), (1, width)))
    window = source[y : y + height, x : x + width].astype(np.float32) / 255
    return np.asarray(0.5 * window + 0.5 * colour, dtype=np.float32)


def degrade(rng: np.random.Generator, picture: FloatArray) -> NDArray[np.uint8]:
    """Colour, blur, resolution, noise and JPEG of a camera; (H, W, 3) in [0, 1] -> uint8."""
    height, width = picture.shape[:2]
    picture = np.clip(picture, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.2)))
    gain = np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.05, 3))
    picture = picture * gain.astype(np.float32) + np.float32(rng.normal(0, 0.03))
    if rng.random() < 0.3:
        grey = picture.mean(axis=2, keepdims=True)
        keep = np.float32(0.0 if rng.random() < 0.25 else rng.uniform(0.3, 1.4))
        picture = grey + keep * (picture - grey)
    kind = rng.random()
    if kind < 0.3:  # far away: few pixels, enlarged
        factor = rng.uniform(0.25, 0.8)
        small = cv2.resize(
            picture, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA
        )
        picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    elif kind < 0.4:  # motion
        length, angle = int(rng.integers(3, 9)), rng.uniform(0, np.pi)
        kernel = np.zeros((9, 9), np.float32)
        step = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        ends = [tuple(int(v) for v in np.round(4 + sign * step)) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
    else:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.35, 1.1)))
    if rng.random() < 0.6:
        noise = np.empty((height, width, 3), np.float32)
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, 0, float(rng.exponential(0.015)))
        picture = picture + noise
    out = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))]
        _, data = cv2.imencode(".jpg", out, quality)
        out = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return out
