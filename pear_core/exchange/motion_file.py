"""Our own file of one recorded person: an npz with the names that the `smplx` package uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pear_core.exchange.arrays import Arrays, ExchangeError, npz_bytes
from pear_core.exchange.motion import Motion

FORMAT = "pear-motion-1"
_POSE = {
    "global_orient": slice(0, 1),
    "body_pose": slice(1, 22),
    "left_hand_pose": slice(22, 37),
    "right_hand_pose": slice(37, 52),
}
_PLAIN = {
    "transl": 3,
    "betas": None,
    "expression": None,
    "jaw_pose": 3,
    "eye_pose": 6,
    "eyelids": 2,
    "flame_shape": None,
    "flame_expression": None,
    "head_scale": 3,
}


def encode(motion: Motion) -> bytes:
    """The file of a motion; `decode` gives back exactly the same."""
    arrays: dict[str, Any] = {
        "format": np.array(FORMAT),
        "stamps": motion.stamps,
        "track_id": np.array(motion.track_id),
        "body_model": np.array(motion.body),
        "expression_names": np.array(motion.expression_names, dtype=str),
    }
    for name, part in _POSE.items():
        arrays[name] = motion.rotations[:, part].reshape(len(motion), -1)
    for name in _PLAIN:
        arrays[name] = getattr(motion, name)
    return npz_bytes(arrays)


def is_motion(arrays: Arrays) -> bool:
    """True for the arrays of a file of this kind, of whatever version."""
    return "format" in arrays and arrays.text("format").startswith("pear-motion")


def decode(arrays: Arrays) -> Motion:
    """The motion of a file. Raises ExchangeError."""
    found = arrays.text("format", "no format")
    if found != FORMAT:
        raise ExchangeError(arrays.where, "key 'format'", FORMAT, found)
    stamps = arrays.integers("stamps")
    frames = len(stamps)
    pose = [arrays.rows(n, 3 * (p.stop - p.start), frames) for n, p in _POSE.items()]
    plain = {}
    for name, width in _PLAIN.items():
        empty = width is None and arrays.floats(name).size == 0
        plain[name] = np.zeros((frames, 0)) if empty else arrays.rows(name, width, frames)
    return Motion(
        rotations=np.concatenate(pose, axis=1).reshape(frames, -1, 3),
        stamps=stamps,
        track_id=int(arrays.number("track_id")),
        body=arrays.text("body_model"),
        expression_names=arrays.texts("expression_names"),
        **plain,
    )


def read(path: str | Path) -> Motion:
    """The motion of an npz file. Raises ExchangeError."""
    return decode(Arrays.open(path))
