"""Augmentation of batches at training time: mirror images, turned and zoomed crops, colours.

Labels follow exactly, but for the crop camera's slight change of perspective under zoom (under a
pixel).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core.anatomy import EHM_MIRROR, SMPLX_MIRROR
from pear_core.data.records import SURFACE_SHAPE, SURFACE_STRIDE, Batch
from pear_core.layout import CROP_SIZE, STRIP_MARGIN, STRIP_WIDTH

_ROTATIONS = [*range(22), *range(25, 55)]
ROTATION_MIRROR: NDArray[np.int64] = np.array(
    [_ROTATIONS.index(int(SMPLX_MIRROR[j])) for j in _ROTATIONS]
)
_FLIP_VECTOR = np.array([1, -1, -1], dtype=np.float32)
_FLIP_POINT = np.array([-1, 1, 1], dtype=np.float32)


def mirror(batch: Batch, expression_mirror: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The batch as seen in a mirror; exact for bodies whose shape basis is symmetric.

    expression_mirror: for each expression its left/right counterpart. Pixel column i of the square
    becomes 255 - i, so u becomes 255/256 - u.
    """
    out = dict(batch)
    out["image"] = batch["image"][:, :, ::-1]
    surface = batch["surface"][:, :, ::-1].copy()
    body = surface[..., 0] == 2
    surface[..., 1] = np.where(body, 255 - surface[..., 1], 0)
    out["surface"] = surface
    out["rotations"] = batch["rotations"][:, ROTATION_MIRROR] * _FLIP_VECTOR
    for name in ("expression", "flame_expression"):
        out[name] = batch[name][:, expression_mirror]
    eyes = batch["eye_pose"].reshape(-1, 2, 3)[:, ::-1] * _FLIP_VECTOR
    out["eye_pose"] = eyes.reshape(-1, 6)
    out["jaw_pose"] = batch["jaw_pose"] * _FLIP_VECTOR
    out["eyelids"] = batch["eyelids"][:, ::-1]
    camera = batch["camera"].copy()
    camera[:, 0] = 2 / (CROP_SIZE * camera[:, 2]) - camera[:, 0]
    out["camera"] = camera
    out["joints"] = batch["joints"][:, EHM_MIRROR] * _FLIP_POINT
    keypoints = batch["keypoints"][:, EHM_MIRROR].copy()
    keypoints[..., 0] = (CROP_SIZE - 1) / CROP_SIZE - keypoints[..., 0]
    out["keypoints"] = keypoints
    out["confidence"] = batch["confidence"][:, EHM_MIRROR]
    out["valid"] = batch["valid"][:, [0, 2, 1, 3]]
    return out


def turned(
    rng: np.random.Generator, batch: Batch, strength: float = 1.0
) -> dict[str, NDArray[Any]]:
    """Each crop turned, zoomed and shifted a little about its centre; what lies beyond it is black.

    strength 1: 10 degrees, 8 % and 3 % of the crop (one sigma).
    """
    out = {name: np.array(array) for name, array in batch.items()}
    half = CROP_SIZE / 2
    for i in range(len(out["image"])):
        angle = strength * np.radians(np.clip(rng.normal(0, 10), -25, 25))
        zoom = float(np.exp(strength * np.clip(rng.normal(0, 0.08), -0.16, 0.16)))
        shift = strength * np.clip(rng.normal(0, 0.03, 2), -0.06, 0.06)
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, -s], [s, c]])
        # Square pixels: p' = zoom * turn (p - half) + half + 256 shift; the strip starts at column
        # 32.
        linear = zoom * turn
        constant = half - linear @ [half, half] + CROP_SIZE * shift
        _warp(out, i, linear, constant)
        out["keypoints"][i] = (out["keypoints"][i] - 0.5) @ linear.T + 0.5 + shift
        out["joints"][i, :, :2] = out["joints"][i, :, :2] @ turn.T
        root = Rotation.from_rotvec([0, 0, angle]) * Rotation.from_rotvec(out["rotations"][i, 0])
        out["rotations"][i, 0] = root.as_rotvec()
        tx_ty, scale = out["camera"][i, :2], out["camera"][i, 2] * zoom
        out["camera"][i] = [*(turn @ tx_ty - 2 * shift / scale), scale]
    inside = ((out["keypoints"] > _STRIP_LOW) & (out["keypoints"] < _STRIP_HIGH)).all(axis=-1)
    out["confidence"] = out["confidence"] * inside
    return out


_STRIP_LOW = np.array([STRIP_MARGIN / CROP_SIZE, 0])
_STRIP_HIGH = np.array([(STRIP_MARGIN + STRIP_WIDTH) / CROP_SIZE, 1])


def _warp(
    out: dict[str, NDArray[Any]], i: int, linear: NDArray[np.float64], constant: NDArray[np.float64]
) -> None:
    """Image and surface cells of record i moved by square pixels p' = linear p + constant, in
    place.
    """
    corner = np.array([STRIP_MARGIN, 0.0])
    pixels = np.column_stack([linear, constant + linear @ corner - corner])
    size = (STRIP_WIDTH, CROP_SIZE)
    out["image"][i] = cv2.warpAffine(out["image"][i], pixels, size, flags=cv2.INTER_LINEAR)
    # Cell k shows strip pixel 4 k + 2.
    step, offset = SURFACE_STRIDE, SURFACE_STRIDE / 2
    cells = pixels.copy()
    cells[:, 2] = (pixels[:, :2] @ [offset, offset] + pixels[:, 2] - offset) / step
    shape = (SURFACE_SHAPE[1], SURFACE_SHAPE[0])
    kind_and_values = out["surface"][i]
    flags = cv2.INTER_NEAREST
    first = cv2.warpAffine(
        np.ascontiguousarray(kind_and_values[..., :3]), cells, shape, flags=flags
    )
    second = cv2.warpAffine(
        np.ascontiguousarray(kind_and_values[..., 3:]), cells, shape, flags=flags
    )
    out["surface"][i] = np.concatenate([first, second], axis=-1)


def recolour(rng: np.random.Generator, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Random gain, offset and gamma per picture and channel, through one look-up table each."""
    out = np.empty_like(images)
    ramp = np.linspace(0, 1, 256)[:, None]
    for i, image in enumerate(images):
        gain = np.exp(rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.06, 3))
        curve = np.clip(ramp ** np.exp(rng.normal(0, 0.15)) * gain + rng.normal(0, 0.02), 0, 1)
        table = (curve * 255 + 0.5).astype(np.uint8)
        if rng.random() < 0.1:
            table = np.roll(table, int(rng.integers(3)), axis=1)
        out[i] = cv2.LUT(np.ascontiguousarray(image), table[:, None])
    return out
