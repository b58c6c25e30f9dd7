"""What people wear, in a few numbers: histograms of lightness and colour on the torso and the legs.

Pixels are taken on the projected skeleton, where clothes are and the background is not, and only a
few dozen of them, so that the price does not depend on how large a person is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import BODY_JOINTS
from pear_ros.native import kernels
from pear_ros.types import FloatArray

BINS = 6
REGIONS = 2
"""Torso, legs."""
SIZE = REGIONS * 3 * BINS
"""Length of a descriptor: per region histograms of L, a and b."""

_CENTRES = np.stack([np.linspace(15, 240, BINS)] + [128 + np.linspace(-45, 45, BINS)] * 2)
_STEPS = _CENTRES[:, 1] - _CENTRES[:, 0]
_CHANNEL = 256 * np.arange(3)


def _shares() -> FloatArray:
    """(3 * 256, BINS): how each value of each channel is shared between its two neighbouring bins, so
    that nothing jumps."""
    values = np.clip(np.arange(256.0), _CENTRES[:, :1], _CENTRES[:, -1:])[..., None]
    shares = 1.0 - np.abs(values - _CENTRES[:, None]) / _STEPS[:, None, None]
    return np.maximum(shares, 0.0).reshape(-1, BINS).astype(np.float32)


_SHARES = _shares()


def _points() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sampled points (P, 22) as weights of the body joints, and their regions (2, P)."""
    at = {name: i for i, name in enumerate(BODY_JOINTS)}
    rows: list[dict[str, float]] = []
    for v in np.linspace(0.12, 0.92, 6):
        for u in np.linspace(0.15, 0.85, 5):
            rows.append({
                "left_shoulder": (1 - v) * (1 - u), "right_shoulder": (1 - v) * u,
                "left_hip": v * (1 - u), "right_hip": v * u,
            })  # fmt: skip
    torso = len(rows)
    for side in ("left", "right"):
        for t in np.linspace(0.15, 0.95, 8):
            rows.append({f"{side}_hip": 1 - t, f"{side}_knee": t})
        for t in np.linspace(0.1, 0.75, 6):
            rows.append({f"{side}_knee": 1 - t, f"{side}_ankle": t})
    weights = np.zeros((len(rows), len(BODY_JOINTS)), np.float32)
    for i, row in enumerate(rows):
        for name, share in row.items():
            weights[i, at[name]] = share
    region = np.zeros((REGIONS, len(rows)), np.float32)
    region[0, :torso], region[1, torso:] = 1.0, 1.0
    return weights, region


_WEIGHTS, _REGION = _points()


def _corners() -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.uint8]]:
    """The sampled points as the kernels take them: at most four joints each, their weights, regions."""
    joints = np.argsort(-_WEIGHTS, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(_WEIGHTS, joints, axis=1)
    joints = np.where(weights > 0, joints, joints[:, :1])
    return joints.astype(np.int32), weights, _REGION.argmax(axis=0).astype(np.uint8)


_CORNERS = _corners()


def describe(image: NDArray[np.uint8], keypoints: FloatArray) -> FloatArray:
    """Descriptors (N, SIZE) of N people: image (H, W, 3) RGB, keypoints (N, J, 2) in pixels.

    Square roots of histograms that each sum to 1, so that descriptors have a length of at most
    sqrt(6). A region that lies outside the picture is all zero.
    """
    if not len(keypoints):
        return np.zeros((0, SIZE), np.float32)
    return describe_all(image, keypoints)


def _describe(image: NDArray[np.uint8], keypoints: FloatArray) -> FloatArray:
    count, (height, width) = len(keypoints), image.shape[:2]
    body = keypoints[:, : len(BODY_JOINTS)]
    if not np.isfinite(body).all():
        body = np.nan_to_num(body, nan=-1e6, posinf=-1e6, neginf=-1e6)
    pixels = np.rint(_WEIGHTS @ body)
    x, y = pixels[..., 0], pixels[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    # Pixels outside are read somewhere and count nothing.
    row, column = (np.where(inside, v, 0).astype(np.intp) for v in (y, x))
    lab = cv2.cvtColor(image[row, column].reshape(1, -1, 3), cv2.COLOR_RGB2LAB)
    values = lab.reshape(count, -1, 3) + _CHANNEL
    shares = _SHARES.take(values, axis=0).reshape(count, -1, 3 * BINS)
    chosen = _REGION * inside[:, None]
    sums = (chosen @ shares).reshape(count, REGIONS, 3 * BINS)
    sums /= np.maximum(chosen.sum(axis=2), 1e-6)[:, :, None]
    return np.sqrt(sums, out=sums).reshape(count, SIZE)


def _describe_compiled(image: NDArray[np.uint8], keypoints: FloatArray) -> FloatArray:
    """As `_describe`, in two calls around OpenCV's."""
    assert kernels is not None
    count, points = len(keypoints), len(_WEIGHTS)
    pixels = np.empty((1, count * points, 3), np.uint8)
    inside = np.empty(count * points, np.uint8)
    kernels.sample(*_CORNERS, image, np.ascontiguousarray(keypoints, np.float32), pixels, inside)
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)
    found = np.empty((count, SIZE), np.float32)
    kernels.histograms(*_CORNERS, lab, inside, _SHARES, found, REGIONS)
    return found


describe_all = _describe if kernels is None else _describe_compiled


def distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Hellinger distances (N, M) of descriptors (N, SIZE) and (M, SIZE): 0 equal, 1 nothing alike.

    Over the regions both have; NaN where they share none.
    """
    # Regions first. One that is unknown is all zero, so it adds nothing to the sums.
    first = a.reshape(len(a), REGIONS, -1).transpose(1, 0, 2)
    second = b.reshape(len(b), REGIONS, -1).transpose(1, 2, 0)
    of_first = np.asarray(first.any(axis=2), np.float32)
    of_second = np.asarray(second.any(axis=1), np.float32)
    known = of_first.T @ of_second
    mean = (first @ second).sum(axis=0) / (3.0 * np.where(known > 0, known, np.float32(np.nan)))
    away = np.maximum(np.float32(1.0) - mean, np.float32(0.0))
    return np.asarray(np.sqrt(np.minimum(away, np.float32(1.0))), dtype=np.float32)
