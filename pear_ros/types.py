"""The frozen values that travel through the pipeline, from `Frame` to `HumanFrame`.

Conventions: camera frames are optical (x right, y down, z forward), metres, radians, pixels with the centre of
the top left pixel at (0, 0). Images are RGB. Arrays are float32 unless said. N is the number of people.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


class TrackState(IntEnum):
    """Life of a track."""

    NEW = 0
    TRACKED = 1
    PREDICTED = 2
    LOST = 3


class ScaleSource(IntEnum):
    """Where the metric scale of a position comes from, weakest first."""

    NONE = 0
    INTRINSICS = 1
    KNOWN_SHAPE = 2
    DEPTH = 3


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera: focal lengths and principal point in pixels, for an image of width x height."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


@dataclass(frozen=True)
class Reference:
    """Where a camera was at a picture's stamp: frame_id names a gravity-aligned frame (z up).

    rotation (3, 3), translation (3,), float64: a point of the optical frame times rotation plus
    translation lies in the reference frame.
    """

    frame_id: str
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """Axis-aligned person box in pixels: left, top, right, bottom; may reach outside the image."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float = 1.0


@dataclass(frozen=True)
class Frame:
    """One camera picture: image (H, W, 3) uint8 RGB, stamp in nanoseconds, optical frame id."""

    image: NDArray[np.uint8]
    stamp: int = 0
    frame_id: str = "camera"
    intrinsics: Intrinsics | None = None
    depth: FloatArray | None = None
    """Depth in metres (H, W), NaN where unknown, aligned to the image."""
    reference: Reference | None = None
    """Where the camera was, None where nobody knows."""
    boxes: tuple[Box, ...] | None = None
    """People somebody else found in this picture; None where nobody looked."""
    source: str = ""
    """Topic or file the picture came from, for messages about it."""


@dataclass(frozen=True)
class Crop:
    """Square around a person: centre and side in pixels of the full image (layout.CROP_SIZE is its network size)."""

    cx: float
    cy: float
    side: float


@dataclass(frozen=True)
class Parameters:
    """Everything the body model needs, for N people (see pear_core.layout for meaning and order).

    rotations (N, 52, 3, 3): local rotations, root first; the root turns the y-up body into the optical frame.
    """

    rotations: FloatArray
    betas: FloatArray
    expression: FloatArray
    hand_scale: FloatArray
    head_scale: FloatArray
    eye_pose: FloatArray
    jaw_pose: FloatArray
    eyelids: FloatArray
    flame_shape: FloatArray
    flame_expression: FloatArray

    def __len__(self) -> int:
        return int(self.rotations.shape[0])

    def person(self, i: int) -> Parameters:
        """The parameters of one person, still with a leading axis of length 1."""
        return Parameters(
            **{name: getattr(self, name)[i : i + 1] for name in self.__dataclass_fields__}
        )


@dataclass(frozen=True)
class RegressorOutput:
    """What the engine says about all people of a frame.

    joints (N, 145, 3): metres, in the body model's output frame (optical axes, origin at the model's origin).
    keypoints (N, 145, 2): the joints seen by the crop camera, in [0, 1] of the crop square.
    camera (N, 3): tx, ty, s of the crop camera (facts section 4).
    """

    parameters: Parameters
    joints: FloatArray
    keypoints: FloatArray
    camera: FloatArray
    crop_seconds: float = 0.0
    network_seconds: float = 0.0
    body_seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.parameters)


@dataclass(frozen=True)
class Human:
    """One person in one frame.

    transl (3,): add to joints or vertices of the body model's output frame to reach the optical frame, metres.
    joints (145, 3): optical frame, metres. keypoints (145, 2): pixels of the full image.
    joint_confidence (145,): 0 where the joint falls outside the image or the crop, else the detection score.
    depth_sigma: one standard deviation of transl[2] in metres (infinite where scale is NONE).
    raw_parameters: as regressed, before smoothing; the same object as parameters where nothing smooths.
    raw_transl (3,): as placed from this picture alone; None where nothing smooths.
    velocity (3,): of the pelvis in m/s, axes of the optical frame, motion of the camera taken out where a
    reference frame is known; 0 until a second picture.
    """

    track_id: int
    state: TrackState
    box: Box
    crop: Crop
    parameters: Parameters
    raw_parameters: Parameters
    camera: FloatArray
    transl: FloatArray
    joints: FloatArray
    keypoints: FloatArray
    joint_confidence: FloatArray
    scale: ScaleSource
    depth_sigma: float
    raw_transl: FloatArray | None = None
    velocity: FloatArray = field(default_factory=lambda: np.zeros(3, np.float32))


@dataclass(frozen=True)
class StageTimes:
    """Seconds spent per stage of the pipeline on one frame."""

    detect: float = 0.0
    track: float = 0.0
    crop: float = 0.0
    network: float = 0.0
    body: float = 0.0
    place: float = 0.0
    smooth: float = 0.0


@dataclass(frozen=True)
class HumanFrame:
    """The one result type: everybody seen in one frame."""

    stamp: int
    frame_id: str
    width: int
    height: int
    intrinsics: Intrinsics
    """The calibration given with the frame, or the assumed one (calibrated False)."""
    calibrated: bool
    humans: tuple[Human, ...]
    times: StageTimes = field(default_factory=StageTimes)
    reference: Reference | None = None
    """Where the camera was at the stamp, as the frame came with it."""
    ended: tuple[int, ...] = ()
    """Ids of the tracks that ended with this frame (state LOST); they are not in `humans`."""
