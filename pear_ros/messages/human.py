"""HumanArray: everybody in one picture as CDR bytes.

A `Human` is made of primitives of at most 4 bytes, so all people of a picture are one numpy record
array whose memory is the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_ros.messages import codec
from pear_ros.messages.identity import Identity
from pear_ros.so3 import axis_angle, quaternion
from pear_ros.types import Human, HumanFrame, Parameters, Reference, StageTimes

_SEQUENCES = ("betas", "expression", "flame_shape", "flame_expression")
_COPIED = (*_SEQUENCES, "hand_scale", "head_scale", "jaw_pose", "eye_pose", "eyelids")
_BODY, _LEFT, _RIGHT = slice(1, 22), slice(22, 37), slice(37, 52)


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
    out = codec.CdrWriter()
    out.header(frame.stamp, frame.frame_id)
    out.pack("2I", frame.width, frame.height)
    out.pack("?", frame.calibrated)
    k = frame.intrinsics
    out.pack("4d", k.fx, k.fy, k.cx, k.cy)
    _reference(out, frame.reference)
    for text in (
        identity.model, identity.body_model, identity.joint_order,
        identity.engine, identity.engine_precision, identity.engine_fallback,
    ):  # fmt: skip
        out.string(text)
    seconds = (decode_seconds, *astuple(frame.times if times is None else times))
    out.pack("9f", *seconds, sum(seconds))
    people = sorted(frame.humans, key=lambda human: human.track_id)
    out.sequence(np.asarray(frame.ended, np.int32))
    out.pack("I", len(people))
    if people:
        out.array(_records(people).view(np.uint8))
    return out.finish()


def _reference(out: codec.CdrWriter, reference: Reference | None) -> None:
    if reference is None:
        out.string("")
        out.pack("7d", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
        return
    out.string(reference.frame_id)
    out.pack("7d", *reference.translation, *quaternion(reference.rotation[None])[0])


def _records(people: Sequence[Human]) -> NDArray[np.void]:
    parameters = [human.parameters for human in people]
    lengths = tuple((name, int(getattr(parameters[0], name).shape[1])) for name in _SEQUENCES)
    rec = np.zeros(len(people), codec.packed_dtype("pear/msg/Human", lengths))
    for name, length in lengths:
        rec[f"{name}_length"] = length
    for name in _COPIED:
        rec[name] = _stack(parameters, name)
    raw = [human.raw_parameters for human in people]
    smoothed = any(a is not b for a, b in zip(raw, parameters, strict=True))
    # One conversion for both, because its cost is in the number of calls.
    vectors = axis_angle(_stack(parameters + raw if smoothed else parameters, "rotations"))
    _fill_pose(rec, "", vectors[: len(people)])
    _fill_pose(rec, "raw_", vectors[-len(people) :])
    rec["raw_jaw_pose"] = _stack(raw, "jaw_pose")
    rec["raw_eye_pose"] = _stack(raw, "eye_pose")
    for row, human in zip(rec, people, strict=True):
        _fill_person(row, human)
    return rec


def _fill_person(row: Any, human: Human) -> None:
    row["track_id"] = human.track_id
    row["state"] = int(human.state)
    row["scale_source"] = int(human.scale)
    row["depth_sigma"] = human.depth_sigma
    box, crop = human.box, human.crop
    row["score"] = box.score
    row["box"] = (box.x0, box.y0, box.x1, box.y1)
    row["crop"] = (crop.cx, crop.cy, crop.side)
    row["transl"] = human.transl
    row["velocity"] = human.velocity
    row["raw_transl"] = human.transl if human.raw_transl is None else human.raw_transl
    row["crop_camera"] = human.camera
    row["joints"] = human.joints.reshape(-1)
    row["keypoints"] = human.keypoints.reshape(-1)
    row["joint_confidence"] = human.joint_confidence


def _fill_pose(rec: NDArray[np.void], prefix: str, vectors: NDArray[np.float32]) -> None:
    """vectors (N, 52, 3)."""
    n = len(rec)
    rec[f"{prefix}global_orient"] = vectors[:, 0]
    rec[f"{prefix}body_pose"] = vectors[:, _BODY].reshape(n, -1)
    rec[f"{prefix}left_hand_pose"] = vectors[:, _LEFT].reshape(n, -1)
    rec[f"{prefix}right_hand_pose"] = vectors[:, _RIGHT].reshape(n, -1)


def _stack(parameters: Sequence[Parameters], name: str) -> NDArray[np.floating]:
    if len(parameters) == 1:
        return np.asarray(getattr(parameters[0], name))
    return np.concatenate([getattr(one, name) for one in parameters])
