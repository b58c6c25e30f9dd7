"""Single messages of hri_msgs and their like for one person of a frame, as CDR bytes.

Pictures' coordinates are fractions of width and height, from the top left corner of the top left
pixel. Headers are the source picture's.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros.messages import codec, frames
from pear_ros.messages.pictures import image as image_message
from pear_ros.types import FloatArray, Human, HumanFrame

_STAMP = struct.Struct("<iI")
_FACE, _BODY = 2, 3
"""hri_msgs/IdsMatch: FACE, BODY."""


def ids_list(frame: HumanFrame, ids: Sequence[str]) -> bytes:
    """hri_msgs/IdsList."""
    before, after = _ids(frame.frame_id, tuple(ids))
    return b"".join((before, _STAMP.pack(*codec.split_stamp(frame.stamp)), after))


@lru_cache(maxsize=64)
def _ids(frame_id: str, ids: tuple[str, ...]) -> tuple[bytes, bytes]:
    """The message before and after its stamp, which is all that changes while people stay."""
    out = codec.CdrWriter()
    start = out.offset
    out.header(0, frame_id)
    out.strings(ids)
    data = out.finish()
    return data[:start], data[start + _STAMP.size :]


def ids_match(body: str, face: str, confidence: float) -> bytes:
    """hri_msgs/IdsMatch of a body with its face."""
    out = codec.CdrWriter()
    out.string(body)
    out.pack("b", _BODY)
    out.string(face)
    out.pack("b", _FACE)
    out.pack("f", confidence)
    return out.finish()


def body_region(frame: HumanFrame, human: Human) -> bytes:
    """hri_msgs/NormalizedRegionOfInterest2D of a person's box, cut to the picture; c its score."""
    b = human.box
    return _region(frame, np.array([[b.x0, b.y0], [b.x1, b.y1]]), b.score)


def face_region(frame: HumanFrame, human: Human) -> bytes:
    """hri_msgs/NormalizedRegionOfInterest2D around the 68 face landmarks."""
    points = human.keypoints[_LANDMARKS]
    corners = np.stack([points.min(axis=0), points.max(axis=0)])
    return _region(frame, corners, float(human.joint_confidence[frames.SELLION]))


def _region(frame: HumanFrame, corners: NDArray[np.floating], c: float) -> bytes:
    out = _stamped(frame)
    out.pack("5f", *np.clip(_fractions(frame, corners), 0.0, 1.0).reshape(-1).tolist(), c)
    return out.finish()


_EHM = anatomy.EHM_JOINTS.index
_SKELETON = np.array(
    [
        _EHM("face_30"),
        _EHM("neck"),
        *(_EHM(f"right_{part}") for part in ("shoulder", "elbow", "wrist")),
        *(_EHM(f"left_{part}") for part in ("shoulder", "elbow", "wrist")),
        *(_EHM(f"right_{part}") for part in ("hip", "knee", "ankle")),
        *(_EHM(f"left_{part}") for part in ("hip", "knee", "ankle")),
        *(_EHM(f"{side}_eye_smplhf") for side in ("left", "right")),
        *(_EHM(f"{side}_ear") for side in ("left", "right")),
    ]
)
"""EHM-s joint of each of Skeleton2D's 18 points. Left eye and ear come first there, unlike OpenPose."""
_NECK, _SHOULDERS = 1, [2, 5]
_LANDMARKS = np.array([_EHM(f"face_{i}") for i in range(68)])
"""EHM-s joint of each of FacialLandmarks' first 68 points, which are iBUG's."""


def skeleton2d(frame: HumanFrame, human: Human) -> bytes:
    """hri_msgs/Skeleton2D; the neck is the middle of the shoulders, as in OpenPose.

    Points outside the picture lie on its edge and have c = 0.
    """
    points, c = human.keypoints[_SKELETON], human.joint_confidence[_SKELETON].copy()
    points[_NECK], c[_NECK] = points[_SHOULDERS].mean(axis=0), c[_SHOULDERS].min()
    out = _stamped(frame)
    out.array(_points(frame, points, c))
    return out.finish()


def facial_landmarks(frame: HumanFrame, human: Human, at: FloatArray) -> bytes:
    """hri_msgs/FacialLandmarks: 68 iBUG landmarks, right pupil, left pupil.

    at (2, 2): pixels of the left and the right pupil.
    """
    points = np.concatenate([human.keypoints[_LANDMARKS], at[::-1]])
    eyes = human.joint_confidence[[anatomy.RIGHT_EYE, anatomy.LEFT_EYE]]
    out = _stamped(frame)
    out.array(_points(frame, points, np.concatenate([human.joint_confidence[_LANDMARKS], eyes])))
    out.pack("2I", frame.height, frame.width)
    return out.finish()


_EYE_RADIUS = 0.012
"""Metres from the centre of a human eye to its pupil."""


def pupils(frame: HumanFrame, humans: Sequence[Human]) -> FloatArray:
    """Pixels (N, 2, 2) of left and right pupils: the eyes' key points moved along the gaze."""
    if not humans:
        return np.zeros((0, 2, 2), np.float32)
    eyes = [anatomy.LEFT_EYE, anatomy.RIGHT_EYE]
    centres = np.stack([h.joints[eyes] for h in humans]).astype(np.float64)
    ends = centres + _EYE_RADIUS * frames.eye_directions(humans)
    focal = np.array([frame.intrinsics.fx, frame.intrinsics.fy])
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = focal * (ends[..., :2] / ends[..., 2:] - centres[..., :2] / centres[..., 2:])
    return np.stack([h.keypoints[eyes] for h in humans]) + np.nan_to_num(moved, posinf=0, neginf=0)


def facial_action_units(frame: HumanFrame, intensity: FloatArray, confidence: FloatArray) -> bytes:
    """hri_msgs/FacialActionUnits of what action_units said."""
    out = _stamped(frame)
    out.array(intensity.astype("<f4"))
    out.array(confidence.astype("<f4"))
    return out.finish()


_PROTOTYPES: dict[str, tuple[int, ...]] = {
    "happy": (6, 12),
    "surprised": (1, 2, 5, 26),
    "sad": (1, 4, 15),
    "angry": (4, 7, 24),
    "disgusted": (9, 10),
}
"""Action units of prototypical faces (after Ekman and Friesen's EMFACS), without doubtful ones."""


def expression(frame: HumanFrame, intensity: FloatArray, confidence: FloatArray) -> bytes | None:
    """hri_msgs/Expression: which prototypical face this is, None where too little is known.

    Says what the face looks like, not what the person feels. The strength of a prototype is the
    mean of its units; the strongest wins from one half on, else the face is neutral; confidence is
    the share that speaks for the word. valence and arousal are not estimated: NaN.
    """
    units = [unit for parts in _PROTOTYPES.values() for unit in parts]
    if not confidence[units].all():
        return None
    strength = {word: float(intensity[list(u)].mean()) for word, u in _PROTOTYPES.items()}
    word = max(strength, key=lambda w: strength[w])
    share = strength[word]
    if share < 0.5:
        word, share = "neutral", 1.0 - share
    out = _stamped(frame)
    out.string(word)
    out.pack("3f", np.nan, np.nan, share * float(confidence[units].min()))
    return out.finish()


def position(frame: HumanFrame, at: NDArray[np.floating]) -> bytes:
    """geometry_msgs/PointStamped of the middle of the hips (3,), optical frame, metres."""
    out = _stamped(frame)
    out.pack("3d", *at.tolist())
    return out.finish()


def velocity(frame: HumanFrame, human: Human) -> bytes:
    """geometry_msgs/TwistStamped of the pelvis, optical axes, m/s; no angular part."""
    out = _stamped(frame)
    out.pack("6d", *human.velocity.tolist(), 0.0, 0.0, 0.0)
    return out.finish()


def cropped(
    image: NDArray[np.uint8], frame: HumanFrame, region: tuple[float, float, float, float],
    size: tuple[int, int] | None = None,
) -> bytes:  # fmt: skip
    """sensor_msgs/Image (rgb8) of a region (left, top, right, bottom; pixels) of image (H, W, 3).

    The region is cut to the picture; size (width, height): scale it to fit, centred, black around,
    as REP-155 wants of faces. A region outside the picture gives one black pixel.
    """
    height, width = image.shape[:2]
    x0, y0 = (max(0, int(np.floor(v + 0.5))) for v in region[:2])
    x1, y1 = (int(np.ceil(v + 0.5)) for v in region[2:])
    part = image[y0 : min(y1, height), x0 : min(x1, width)]
    if part.size == 0:
        part = np.zeros((1, 1, 3), np.uint8)
    if size is not None:
        scale = min(size[0] / part.shape[1], size[1] / part.shape[0])
        fitted = tuple(
            min(limit, max(1, round(n * scale)))
            for n, limit in zip((part.shape[1], part.shape[0]), size, strict=True)
        )
        canvas = np.zeros((size[1], size[0], 3), np.uint8)
        x, y = (size[0] - fitted[0]) // 2, (size[1] - fitted[1]) // 2
        canvas[y : y + fitted[1], x : x + fitted[0]] = cv2.resize(
            part, fitted, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        )
        part = canvas
    return image_message(np.ascontiguousarray(part), frame.stamp, frame.frame_id)


def _stamped(frame: HumanFrame) -> codec.CdrWriter:
    out = codec.CdrWriter()
    out.header(frame.stamp, frame.frame_id)
    return out


def _fractions(frame: HumanFrame, pixels: NDArray[np.floating]) -> NDArray[np.floating]:
    """Pixels (..., 2) as fractions: the picture's corners, half a pixel out, are 0 and 1."""
    return (pixels + 0.5) / (frame.width, frame.height)


def _points(frame: HumanFrame, pixels: FloatArray, c: FloatArray) -> NDArray[np.float32]:
    """NormalizedPointOfInterest2D of points (P, 2): rows x, y, c."""
    where = _fractions(frame, pixels)
    inside = ((where >= 0) & (where <= 1)).all(axis=1)
    rows = np.column_stack([np.clip(np.nan_to_num(where), 0.0, 1.0), c * inside])
    return rows.astype("<f4")
