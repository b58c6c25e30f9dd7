"""A recorded person: what the body model needs, frame by frame, wherever it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core.exchange.arrays import ExchangeError, FloatArray
from pear_core.layout import NUM_ROTATIONS

Z_UP_FROM_OPTICAL: FloatArray = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""x right, y down, z forward -> x right, y forward, z up: the world of a level camera."""
Y_UP_FROM_OPTICAL: FloatArray = np.diag([1.0, -1.0, -1.0])
"""x right, y down, z forward -> x right, y up, z towards the camera."""
_STEADY = 1e-3
"""Seconds that a frame may be off an even grid before the motion is resampled."""

_LONGEST = 1_000_000
"""Frames of an even rate: nine hours at 30 per second; more is a broken time stamp."""


@dataclass(frozen=True)
class Motion:
    """One person over T frames (float64), in the optical frame of the camera (y down, z forward).

    rotations [T, 52, 3] axis-angle, radians, local: root, 21 body, 15 left hand, 15 right hand (no
    PCA, flat hand); the root turns the y-up body into the optical frame. transl [T, 3] metres, to
    be added to the body model's output. betas [T, B], expression [T, E]: SMPL-X coefficients.
    jaw_pose [T, 3], eye_pose [T, 6] (left, right): axis-angle. eyelids [T, 2]: 0 open, 1 closed.
    flame_shape [T, S], flame_expression [T, F]: FLAME coefficients. head_scale [T, 3].
    stamps [T]: nanoseconds, ascending. body: the body model that the coefficients belong to, empty
    where unknown. expression_names: of flame_expression, or none. Raises ExchangeError.
    """

    rotations: FloatArray
    transl: FloatArray
    betas: FloatArray
    expression: FloatArray
    jaw_pose: FloatArray
    eye_pose: FloatArray
    eyelids: FloatArray
    flame_shape: FloatArray
    flame_expression: FloatArray
    head_scale: FloatArray
    stamps: NDArray[np.int64]
    track_id: int = 0
    body: str = ""
    expression_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        frames = len(self.stamps)
        for name, shape in _SHAPES.items():
            array = np.asarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, array)
            wanted = (
                frames,
                *(found if n is None else n for n, found in zip(shape, array.shape[1:])),
            )
            if array.ndim != len(shape) + 1 or array.shape != wanted or not frames:
                text = ", ".join("any" if n is None else str(n) for n in shape)
                expected = f"shape ({frames or 'at least 1'}, {text})"
                raise ExchangeError("motion", name, expected, f"shape {array.shape}")
            if not np.isfinite(array).all():
                raise ExchangeError("motion", name, "finite values", "NaN or infinity")
        if (np.diff(self.stamps) <= 0).any():
            raise ExchangeError("motion", "stamps", "ascending", "repeated or descending stamps")

    def __len__(self) -> int:
        return len(self.stamps)

    def moved(self, transl: FloatArray) -> Motion:
        """The same motion with another translation [T, 3]."""
        return replace(self, transl=transl)

    def times(self) -> FloatArray:
        """Seconds [T] since the first frame."""
        elapsed: FloatArray = (self.stamps - self.stamps[0]) / 1e9
        return elapsed

    @property
    def fps(self) -> float:
        """Frames per second by the median distance of the stamps (30 for a single frame)."""
        if len(self) < 2:
            return 30.0
        rate = 1e9 / float(np.median(np.diff(self.stamps)))
        # Stamps in whole nanoseconds make 30.0000003 of 30.
        whole = round(rate)
        return float(whole) if abs(rate - whole) < 1e-4 * rate else rate


_SHAPES: dict[str, tuple[int | None, ...]] = {
    "rotations": (NUM_ROTATIONS, 3),
    "transl": (3,),
    "betas": (None,),
    "expression": (None,),
    "jaw_pose": (3,),
    "eye_pose": (6,),
    "eyelids": (2,),
    "flame_shape": (None,),
    "flame_expression": (None,),
    "head_scale": (3,),
}
_TURNING = ("rotations", "jaw_pose", "eye_pose")


def even_stamps(frames: int, fps: float) -> NDArray[np.int64]:
    """Stamps in nanoseconds of frames at an even rate, the first at 0."""
    if not 0 < fps < 1e6:
        raise ExchangeError("motion", "frames per second", "above 0", f"{fps}")
    return np.rint(np.arange(frames) * (1e9 / fps)).astype(np.int64)


def motion_of(
    rotations: FloatArray,
    transl: FloatArray,
    stamps: NDArray[np.int64],
    body: str = "",
    **given: FloatArray,
) -> Motion:
    """A Motion of what a format has; the rest is neutral (no coefficients, eyes open, scale 1).

    given: further arrays of Motion.
    """
    frames = len(stamps)
    neutral: dict[str, Any] = {
        "betas": np.zeros((frames, 0)),
        "expression": np.zeros((frames, 0)),
        "jaw_pose": np.zeros((frames, 3)),
        "eye_pose": np.zeros((frames, 6)),
        "eyelids": np.zeros((frames, 2)),
        "flame_shape": np.zeros((frames, 0)),
        "flame_expression": np.zeros((frames, 0)),
        "head_scale": np.ones((frames, 3)),
    }
    return Motion(rotations, transl, stamps=stamps, body=body, **(neutral | given))


def fitted(coefficients: FloatArray, width: int) -> FloatArray:
    """Coefficients [T, C] as [T, width]: cut off or filled with zeros."""
    result = np.zeros((len(coefficients), width))
    kept = min(width, coefficients.shape[1])
    result[:, :kept] = coefficients[:, :kept]
    return result


def turned(motion: Motion, turn: FloatArray, pelvis: FloatArray) -> Motion:
    """The motion in another world whose axes are turn [3, 3] @ the old ones.

    pelvis [T, 3]: the root joint of the rest pose. The body model turns about it, not about the
    origin, so the translation alone does not say where a person is.
    """
    world = Rotation.from_matrix(turn)
    rotations = motion.rotations.copy()
    rotations[:, 0] = (world * Rotation.from_rotvec(rotations[:, 0])).as_rotvec()
    transl = (motion.transl + pelvis) @ turn.T - pelvis
    return replace(motion, rotations=rotations, transl=transl)


def one_shape(motion: Motion) -> Motion:
    """The same person in one shape: betas, flame_shape and head_scale are medians over time."""

    def still(name: str) -> FloatArray:
        array: FloatArray = getattr(motion, name)
        middle = np.median(array, axis=0, keepdims=True)
        return np.repeat(middle, len(motion), axis=0)

    names = ("betas", "flame_shape", "head_scale")
    arrays: dict[str, Any] = {name: still(name) for name in names}
    return replace(motion, **arrays)


def evenly_timed(motion: Motion) -> Motion:
    """The motion at an even rate (`motion.fps`), the first frame kept.

    Untouched where the stamps are even to a millisecond; else rotations are interpolated along the
    shortest arc and everything else linearly, gaps in a track included. Raises ExchangeError where
    a stray stamp would make it endless.
    """
    times, fps = motion.times(), motion.fps
    count = round(times[-1] * fps) + 1
    if count > _LONGEST:
        raise ExchangeError("motion", "frames at an even rate", f"at most {_LONGEST}", str(count))
    grid = np.arange(count) / fps
    if len(grid) == len(times) and np.abs(grid - times).max() < _STEADY:
        return motion
    before = np.clip(np.searchsorted(times, grid, side="right") - 1, 0, len(times) - 2)
    share = np.clip((grid - times[before]) / (times[before + 1] - times[before]), 0.0, 1.0)
    arrays: dict[str, Any] = {}
    for name in _SHAPES:
        array: FloatArray = getattr(motion, name)
        first, second = array[before], array[before + 1]
        if name in _TURNING:
            arrays[name] = _between(first, second, share)
        else:
            weight = share.reshape(-1, *[1] * (array.ndim - 1))
            arrays[name] = first + weight * (second - first)
    return replace(motion, stamps=motion.stamps[0] + even_stamps(len(grid), fps), **arrays)


def _between(first: FloatArray, second: FloatArray, share: FloatArray) -> FloatArray:
    """Axis-angles at a share [N] of the way from first to second [N, ..., 3 k]."""
    start = Rotation.from_rotvec(first.reshape(-1, 3))
    way = (start.inv() * Rotation.from_rotvec(second.reshape(-1, 3))).as_rotvec()
    steps = np.repeat(share, way.shape[0] // len(share))
    moved = start * Rotation.from_rotvec(steps[:, None] * way)
    return moved.as_rotvec().reshape(first.shape)
