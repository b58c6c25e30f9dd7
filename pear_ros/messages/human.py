"""HumanArray: everybody in one picture as CDR bytes.

A `Human` is made of primitives of at most 4 bytes, so all people of a picture are rows of one array
whose memory is the message. What does not change from picture to picture is laid out once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from pear_ros.messages import codec
from pear_ros.messages.identity import Identity
from pear_ros.so3 import axis_angle, quaternion
from pear_ros.types import Human, HumanFrame, Intrinsics, Reference, StageTimes

_SEQUENCES = ("betas", "expression", "flame_shape", "flame_expression")
_STAGES = tuple(StageTimes.__dataclass_fields__)


def human_array(
    frame: HumanFrame,
    identity: Identity,
    *,
    decode_seconds: float = 0.0,
    times: StageTimes | None = None,
) -> bytes:
    """pear/msg/HumanArray of one frame, as CDR with the 4-byte header.

    decode_seconds: time from message to pixels. times: per stage; `frame.times` where None.
    """
    lasting, stamp_at, reference_at = _lasting(
        frame.frame_id, frame.width, frame.height, frame.calibrated, frame.intrinsics,
        "" if frame.reference is None else frame.reference.frame_id, identity,
    )  # fmt: skip
    start = bytearray(lasting)
    _STAMP.pack_into(start, stamp_at, *codec.split_stamp(frame.stamp))
    _POSE.pack_into(start, reference_at, *_pose(frame.reference))
    spent = frame.times if times is None else times
    seconds = [decode_seconds, *(getattr(spent, name) for name in _STAGES)]
    people = sorted(frame.humans, key=_track_id)
    ended = len(frame.ended)
    numbers = struct.pack(
        f"<9fI{ended}iI", *seconds, sum(seconds), ended, *frame.ended, len(people)
    )
    return b"".join((start, numbers, _records(people).data if people else b""))


_STAMP, _POSE, _START = struct.Struct("<iI"), struct.Struct("<7d"), struct.Struct("<iBBxx2f4f3f")


def _track_id(human: Human) -> int:
    return human.track_id


@lru_cache(maxsize=16)
def _lasting(
    frame_id: str, width: int, height: int, calibrated: bool, k: Intrinsics, reference: str,
    identity: Identity,
) -> tuple[bytes, int, int]:  # fmt: skip
    """What stays from picture to picture: everything before the times, and where in it lie the stamp
    and the camera's pose."""
    out = codec.CdrWriter()
    stamp_at = out.offset
    out.header(0, frame_id)
    out.pack("2I", width, height)
    out.pack("?", calibrated)
    out.pack("4d", k.fx, k.fy, k.cx, k.cy)
    out.string(reference)
    out.align(8)
    reference_at = out.offset
    out.pack("7d", *[0.0] * 7)
    for text in (
        identity.model, identity.body_model, identity.joint_order,
        identity.engine, identity.engine_precision, identity.engine_fallback,
    ):  # fmt: skip
        out.string(text)
    out.align(4)
    return out.finish(), stamp_at, reference_at


def _pose(reference: Reference | None) -> tuple[float, ...]:
    """Place and quaternion of the camera."""
    if reference is None:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0
    turn = quaternion(reference.rotation[None])[0]
    return (*reference.translation.tolist(), *turn.tolist())


@cache
def _lengths(widths: tuple[int, ...]) -> tuple[NDArray[np.float32], ...]:
    """Counts of the sequences as they lie in the message, seen as a float each; and the size of a
    record, to see that what is written is a pear/msg/Human.
    """
    record = codec.packed_dtype("pear/msg/Human", tuple(zip(_SEQUENCES, widths, strict=True)))
    return (*np.array(widths, "<u4").view("<f4")[:, None], np.empty(record.itemsize // 4, "<f4"))


def _records(people: Sequence[Human]) -> NDArray[np.float32]:
    """One row per person: all numbers of a record are 4 bytes wide but state and scale source, which
    share 4; so a row is the person's arrays one after the other, in the order of the message.
    """
    one = people[0].parameters
    *counts, empty = _lengths(tuple(int(getattr(one, name).shape[1]) for name in _SEQUENCES))
    vectors, raw = _poses(people)
    rows = np.empty((len(people), len(empty)), "<f4")
    for i, (row, human) in enumerate(zip(rows, people, strict=True)):
        own, regressed, box, crop = human.parameters, human.raw_parameters, human.box, human.crop
        before = _START.pack(
            human.track_id, human.state, human.scale, human.depth_sigma, box.score,
            box.x0, box.y0, box.x1, box.y1, crop.cx, crop.cy, crop.side,
        )  # fmt: skip
        np.concatenate(
            (
                np.frombuffer(before, "<f4"), human.transl, human.velocity, human.camera,
                vectors[i],
                counts[0], own.betas[0], counts[1], own.expression[0],
                own.hand_scale[0], own.head_scale[0],
                counts[2], own.flame_shape[0], counts[3], own.flame_expression[0],
                own.jaw_pose[0], own.eye_pose[0], own.eyelids[0],
                human.joints.reshape(-1), human.keypoints.reshape(-1), human.joint_confidence,
                human.transl if human.raw_transl is None else human.raw_transl,
                raw[i], regressed.jaw_pose[0], regressed.eye_pose[0],
            ),
            out=row, casting="same_kind",
        )  # fmt: skip
    return rows.reshape(-1)


def _poses(people: Sequence[Human]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Axis-angle vectors (N, 156) of the rotations as told and as regressed, root first."""
    told = [human.parameters.rotations for human in people]
    smoothed = any(human.raw_parameters is not human.parameters for human in people)
    raw = [human.raw_parameters.rotations for human in people] if smoothed else []
    # One conversion for both, because its cost is in the number of calls.
    vectors = axis_angle(np.concatenate(told + raw)).reshape(len(told) + len(raw), -1)
    return vectors[: len(people)], vectors[-len(people) :]
