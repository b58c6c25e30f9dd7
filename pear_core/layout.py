"""The regressor's output vector: which slice holds what (numpy only; shared by training and robot).

PEAR's nine linear heads write one flat vector per person; everything behind the network addresses it by
name. Source: PEAR facts section 3.3 (widths 312, 6, 200, 50, 14, 300, 50, 3; the unused 165-wide joint
offset is not part of the vector).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

NUM_ROTATIONS = 52
"""Rotations the network predicts: root, 21 body joints, 15 + 15 finger joints (no jaw, no eyes)."""
NUM_BETAS, NUM_EXPRESSION = 200, 50
NUM_FLAME_SHAPE, NUM_FLAME_EXPRESSION = 300, 50

CROP_SIZE = 256
"""Side in pixels of the square person crop that camera and key points refer to."""
STRIP_WIDTH, STRIP_MARGIN = 192, 32
"""The network sees columns 32..223 of the square: 256 (height) x 192 (width)."""
CROP_SCALE = 1.25
"""A crop's side is this times the longer side of the person's box."""
CROP_CONVENTION = (
    f"square x{CROP_SCALE} to [0,{CROP_SIZE}] in pixel indices, columns "
    f"{STRIP_MARGIN}..{STRIP_MARGIN + STRIP_WIDTH - 1}, bilinear, black border"
)
COLOUR = "rgb"
"""How a crop is cut and its channel order, in words: part of every exported graph's identity."""
FOCAL = 24.0
"""Focal length in normalised device units (tan of the half field of view is 1/24)."""


@dataclass(frozen=True)
class Field:
    """One named part of the output vector."""

    name: str
    start: int
    width: int
    shape: tuple[int, ...]
    meaning: str

    @property
    def slice(self) -> slice:
        return slice(self.start, self.start + self.width)


def _fields() -> dict[str, Field]:
    table = (
        (
            "pose_6d",
            (NUM_ROTATIONS, 6),
            "local rotations, root first; 6D = first two columns of R (a1 xyz, a2 xyz)",
        ),
        ("hand_scale", (3,), "scale of the hands per axis; predicted, not applied"),
        ("head_scale", (3,), "scale of the FLAME head per axis"),
        ("betas", (NUM_BETAS,), "SMPL-X shape"),
        ("expression", (NUM_EXPRESSION,), "SMPL-X expression"),
        ("eye_pose", (6,), "FLAME left then right eye, axis-angle, radians"),
        ("flame_global", (3,), "FLAME global rotation; predicted, not used"),
        ("jaw_pose", (3,), "FLAME jaw, axis-angle, radians"),
        ("eyelids", (2,), "left, right; 0 open, 1 closed"),
        ("flame_shape", (NUM_FLAME_SHAPE,), "FLAME identity"),
        ("flame_expression", (NUM_FLAME_EXPRESSION,), "FLAME expression"),
        ("camera", (3,), "tx, ty (metres), s (fraction of half the crop per metre)"),
    )
    fields: dict[str, Field] = {}
    start = 0
    for name, shape, meaning in table:
        width = 1
        for n in shape:
            width *= n
        fields[name] = Field(name, start, width, shape, meaning)
        start += width
    return fields


FIELDS: dict[str, Field] = _fields()
WIDTH: int = sum(f.width for f in FIELDS.values())
"""935 numbers per person."""

HEADS: dict[str, tuple[str, ...]] = {
    "pose": ("pose_6d",),
    "scale": ("hand_scale", "head_scale"),
    "shape": ("betas",),
    "expression": ("expression",),
    "flame_pose": ("eye_pose", "flame_global", "jaw_pose", "eyelids"),
    "flame_shape": ("flame_shape",),
    "flame_expression": ("flame_expression",),
    "camera": ("camera",),
}
"""Linear head -> the fields it writes, in order (widths 312, 6, 200, 50, 14, 300, 50, 3)."""


def fingerprint() -> str:
    """SHA-256 (hex) of the vector's order and of the crop convention; engines refuse another."""
    lines = [f"{f.name} {f.start} {f.width} {f.shape}" for f in FIELDS.values()]
    lines.append(f"crop {CROP_SIZE} {STRIP_WIDTH} {STRIP_MARGIN} {CROP_SCALE} {FOCAL}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
