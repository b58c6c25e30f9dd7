"""Procedural backgrounds: a pool of collages drawn once per seed, then windows of them.

What a background must do for training is to be full of edges, colours and blobs that are not
people.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core.data.synthetic.textures import random_colour

FloatArray = NDArray[np.float32]
POOL_SIZE, POOL_SIDE = 160, 384


def build_pool(seed: int, count: int = POOL_SIZE) -> NDArray[np.uint8]:
    """(count, 384, 384, 3) pictures."""
    rng = np.random.default_rng([seed, 0xBAC4])
    return np.stack([_picture(rng) for _ in range(count)])


def sample_background(
    rng: np.random.Generator, pool: NDArray[np.uint8], height: int, width: int
) -> FloatArray:
    """(height, width, 3) in [0, 1]: a window of the pool, zoomed, mirrored, tinted and blurred."""
    picture = pool[rng.integers(len(pool))]
    zoom = float(np.exp(rng.uniform(np.log(0.35), np.log(0.95))))
    h, w = int(POOL_SIDE * zoom), int(POOL_SIDE * zoom * width / height)
    y, x = int(rng.integers(POOL_SIDE - h + 1)), int(rng.integers(POOL_SIDE - w + 1))
    window = picture[y : y + h, x : x + w]
    if rng.random() < 0.5:
        window = window[:, ::-1]
    out = cv2.resize(np.ascontiguousarray(window), (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.5:
        out = cv2.GaussianBlur(out, (0, 0), float(rng.uniform(0.5, 6)))
    gain = rng.uniform(0.5, 1.2) * (1 + rng.normal(0, 0.08, 3))
    return np.clip(out.astype(np.float32) / 255 * gain.astype(np.float32), 0, 1)


def cloud(rng: np.random.Generator, side: int, slope: float) -> FloatArray:
    """(side, side) noise with power falling as frequency to minus slope, mean 0, deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1
    spectrum = rng.normal(size=(*frequency.shape, 2)) @ [1, 1j] * frequency ** (-slope)
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(side, side))
    return np.asarray(noise / noise.std(), dtype=np.float32)


def _picture(rng: np.random.Generator) -> NDArray[np.uint8]:
    side = POOL_SIDE
    kind = rng.choice(
        ["gradient", "cloud", "room", "collage", "street"], p=[0.12, 0.2, 0.28, 0.2, 0.2]
    )
    picture = _gradient(rng, side)
    if kind == "cloud":
        picture = _clouds(rng, side)
    elif kind == "room":
        picture = _room(rng, side)
    elif kind in ("collage", "street"):
        picture = _clouds(rng, side) if rng.random() < 0.5 else picture
        for _ in range(int(rng.integers(10, 60))):
            _shape(rng, picture, upright=kind == "street")
    if rng.random() < 0.7:
        picture = picture + rng.uniform(0, 0.12) * cloud(rng, side, 0.8)[..., None]
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, side: int) -> FloatArray:
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    t = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)[..., None]
    return np.asarray(random_colour(rng) * (1 - t) + random_colour(rng) * t, dtype=np.float32)


def _clouds(rng: np.random.Generator, side: int) -> FloatArray:
    a, b, c = (random_colour(rng) for _ in range(3))
    first = 1 / (1 + np.exp(-2 * cloud(rng, side, rng.uniform(0.9, 1.8))))[..., None]
    second = 1 / (1 + np.exp(-3 * cloud(rng, side, rng.uniform(0.7, 1.5))))[..., None]
    return np.asarray((a * first + b * (1 - first)) * second + c * (1 - second), dtype=np.float32)


def _room(rng: np.random.Generator, side: int) -> FloatArray:
    picture = np.empty((side, side, 3), np.float32)
    horizon = int(side * rng.uniform(0.45, 0.85))
    picture[:horizon] = random_colour(rng, 0.7)
    picture[horizon:] = random_colour(rng, 0.7)
    corner = int(side * rng.uniform(0.1, 0.9))
    picture[:horizon, corner:] *= rng.uniform(0.7, 1.1)
    for _ in range(int(rng.integers(4, 22))):
        _shape(rng, picture, upright=True)
    for _ in range(int(rng.integers(0, 12))):
        start, end = rng.integers(0, side, (2, 2))
        colour = [float(c) for c in random_colour(rng)]
        cv2.line(
            picture, start.tolist(), end.tolist(), colour, int(rng.integers(1, 7)), cv2.LINE_AA
        )
    light = 1 + 0.25 * cloud(rng, side, 2.2)[..., None] * rng.uniform(0, 1)
    return np.asarray(picture * light, dtype=np.float32)


def _shape(rng: np.random.Generator, picture: FloatArray, upright: bool) -> None:
    """Draws one filled shape with a light texture in place."""
    side = picture.shape[0]
    centre = rng.integers(0, side, 2)
    size = np.exp(rng.uniform(np.log(8), np.log(150), 2))
    canvas = np.zeros((side, side), np.uint8)
    kind = rng.choice(
        ["box", "ellipse", "polygon", "limb"],
        p=[0.5, 0.2, 0.15, 0.15] if upright else [0.3, 0.25, 0.25, 0.2],
    )
    angle = 0.0 if upright and rng.random() < 0.8 else float(rng.uniform(0, 180))
    if kind == "box":
        points = cv2.boxPoints((centre.tolist(), size.tolist(), angle)).astype(np.int32)
        cv2.fillConvexPoly(canvas, points, 255, cv2.LINE_AA)
    elif kind == "ellipse":
        cv2.ellipse(
            canvas,
            centre.tolist(),
            (size / 2).astype(int).tolist(),
            angle,
            0,
            360,
            255,
            -1,
            cv2.LINE_AA,
        )
    elif kind == "polygon":
        points = (centre + rng.normal(size=(int(rng.integers(3, 8)), 2)) * size / 2).astype(
            np.int32
        )
        cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA)
    else:
        points = (centre + np.cumsum(rng.normal(size=(4, 2)) * size / 2, axis=0)).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, int(rng.integers(4, 28)), cv2.LINE_AA)
    alpha = canvas[..., None].astype(np.float32) / 255
    colour = random_colour(rng)
    if rng.random() < 0.4:
        period, direction = rng.uniform(4, 30), rng.uniform(0, np.pi)
        y, x = np.mgrid[:side, :side]
        wave = np.sin((x * np.cos(direction) + y * np.sin(direction)) * 2 * np.pi / period) > 0
        fill = np.where(wave[..., None], colour, random_colour(rng)).astype(np.float32)
        picture[:] = picture * (1 - alpha) + fill * alpha
    else:
        picture[:] = picture * (1 - alpha) + colour * alpha
