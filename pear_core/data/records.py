"""The training record: one person crop with labels, and which of them are valid.

Data labelled part by part (only a hand, only a face) fits: parts that are not labelled carry any
finite values and a zero flag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core import layout
from pear_core.anatomy import EHM_JOINTS

SURFACE_STRIDE = 4
SURFACE_SHAPE = (layout.CROP_SIZE // SURFACE_STRIDE, layout.STRIP_WIDTH // SURFACE_STRIDE, 5)

SHAPES: dict[str, tuple[tuple[int, ...], str]] = {
    "image": ((layout.CROP_SIZE, layout.STRIP_WIDTH, 3), "uint8"),
    "surface": (SURFACE_SHAPE, "uint8"),
    "rotations": ((layout.NUM_ROTATIONS, 3), "float32"),
    "betas": ((layout.NUM_BETAS,), "float32"),
    "expression": ((layout.NUM_EXPRESSION,), "float32"),
    "hand_scale": ((3,), "float32"),
    "head_scale": ((3,), "float32"),
    "eye_pose": ((6,), "float32"),
    "jaw_pose": ((3,), "float32"),
    "eyelids": ((2,), "float32"),
    "flame_shape": ((layout.NUM_FLAME_SHAPE,), "float32"),
    "flame_expression": ((layout.NUM_FLAME_EXPRESSION,), "float32"),
    "camera": ((3,), "float32"),
    "joints": ((len(EHM_JOINTS), 3), "float32"),
    "keypoints": ((len(EHM_JOINTS), 2), "float32"),
    "confidence": ((len(EHM_JOINTS),), "float32"),
    "valid": ((4,), "float32"),
}
"""Field -> shape of one record and type."""

FEATURE_SHAPES: dict[str, tuple[tuple[int, ...], str]] = {
    "fine": ((192, 88), "float16"),
    "coarse": ((48, 288), "float16"),
    "context": ((1152,), "float16"),
    **{name: shape for name, shape in SHAPES.items() if name != "image"},
}
"""The same for records whose picture was replaced by `model.stem.Features`."""

VALID = ("body", "left_hand", "right_hand", "face")
"""Order of the flags in `Record.valid`."""


class RecordError(ValueError):
    """A record or batch whose arrays do not fit the format."""


@dataclass(frozen=True)
class Record:
    """One labelled crop.

    image (256, 192, 3) uint8 RGB strip of the crop. surface (64, 48, 5) uint8: per 4-pixel cell
    the kind (0 other, 1 worn things, 2 body), template x, y, z and depth from the pelvis, see
    `surface.encode`. rotations (52, 3) axis-angle, root first. joints (145, 3) metres in the body
    model's output frame. keypoints (145, 2) in [0, 1] of the crop square. confidence (145,): 1
    seen in the picture, 0 outside it.
    valid (4,): flags of VALID. The rest as in BodyParameters, without the batch axis.
    """

    image: NDArray[np.uint8]
    surface: NDArray[np.uint8]
    rotations: NDArray[np.float32]
    betas: NDArray[np.float32]
    expression: NDArray[np.float32]
    hand_scale: NDArray[np.float32]
    head_scale: NDArray[np.float32]
    eye_pose: NDArray[np.float32]
    jaw_pose: NDArray[np.float32]
    eyelids: NDArray[np.float32]
    flame_shape: NDArray[np.float32]
    flame_expression: NDArray[np.float32]
    camera: NDArray[np.float32]
    joints: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    confidence: NDArray[np.float32]
    valid: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, (shape, dtype) in SHAPES.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise RecordError(
                    f"record field {name!r}: expected {dtype} {shape}, "
                    f"found {array.dtype} {array.shape}"
                )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Field -> array."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


Batch = Mapping[str, NDArray[Any]]
"""Field -> array with a leading batch axis."""


def stack(records: Sequence[Record]) -> dict[str, NDArray[Any]]:
    """A batch of records."""
    if not records:
        raise RecordError("no records to stack")
    return {name: np.stack([getattr(r, name) for r in records]) for name in SHAPES}
