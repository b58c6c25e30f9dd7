"""People of many frames as one npz: exact, compact, readable with numpy alone (no pickle).

Frames are rows of the `frame_*` arrays; people are rows of all other arrays, `person_frame` says in
which frame. Rotations are stored twice: as matrices (`rotations`) and as the axis-angle vectors
that `smplx` calls `global_orient`, `body_pose`, `left_hand_pose`, `right_hand_pose`. Ids of tracks
that ended are rows of `ended`, `ended_frame` says with which frame. Files from before velocity,
raw_transl, reference frames and ended tracks were kept read as if nobody had moved.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_core.layout import NUM_ROTATIONS
from pear_ros.output.atomic import write_bytes
from pear_ros.problems import UNREADABLE, PearError
from pear_ros.so3 import axis_angle
from pear_ros.types import (
    Box,
    Crop,
    Human,
    HumanFrame,
    Intrinsics,
    Parameters,
    Reference,
    ScaleSource,
    StageTimes,
    TrackState,
)

FORMAT = "pear-people-1"
NUM_JOINTS = len(anatomy.EHM_JOINTS)
PARAMETERS: tuple[str, ...] = tuple(f.name for f in fields(Parameters))
POSE_PARTS: dict[str, slice] = {
    "global_orient": slice(0, 1),
    "body_pose": slice(1, 22),
    "left_hand_pose": slice(22, 37),
    "right_hand_pose": slice(37, 52),
}
"""smplx's names for the parts of `rotations`."""
_PERSON_SHAPES: dict[str, tuple[int, ...]] = {
    "camera": (3,),
    "transl": (3,),
    "joints": (NUM_JOINTS, 3),
    "keypoints": (NUM_JOINTS, 2),
    "joint_confidence": (NUM_JOINTS,),
}
_NOTHING = np.full(3, np.nan, np.float32)
"""Row of `raw_transl` where a person has none."""


@dataclass(frozen=True)
class Records:
    """Results of a run: frames in order, where each came from, who made them (names to values)."""

    frames: tuple[HumanFrame, ...]
    sources: tuple[str, ...]
    identity: Mapping[str, str] = field(default_factory=dict)
    expression_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.frames):
            raise ValueError(f"{len(self.frames)} frames, but {len(self.sources)} sources")


def write_npz(path: str | Path, records: Records) -> None:
    """Write all frames and people to an npz file (atomic). Raises PearError."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **_arrays(records))
    write_bytes(path, buffer.getvalue())


def read_npz(path: str | Path) -> Records:
    """Records of a file of write_npz, equal to what was written. Raises PearError for anything
    else.
    """
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("one array, not an archive")
        with file:
            arrays = {name: file[name] for name in file.files}
    except UNREADABLE as error:
        raise PearError("not a readable npz file", where=str(path), found=str(error)) from None
    try:
        return _records(arrays)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise PearError(
            "not a file of people",
            where=str(path),
            expected=FORMAT,
            found=f"{type(error).__name__}: {error}",
        ) from None


def _arrays(records: Records) -> dict[str, Any]:
    frames = records.frames
    people = [(i, h) for i, frame in enumerate(frames) for h in frame.humans]
    humans = [h for _, h in people]
    rows: dict[str, Any] = {
        "format": np.array(FORMAT),
        "identity": np.array(json.dumps(dict(records.identity), sort_keys=True)),
        "joint_names": np.array(anatomy.EHM_JOINTS),
        "expression_names": np.array(records.expression_names, dtype=str),
        "frame_source": np.array(records.sources, dtype=str),
        "frame_stamp": np.array([f.stamp for f in frames], np.int64),
        "frame_id": np.array([f.frame_id for f in frames], dtype=str),
        "frame_size": np.array([(f.width, f.height) for f in frames], np.int64).reshape(-1, 2),
        "frame_intrinsics": np.array([astuple(f.intrinsics) for f in frames], np.float64).reshape(
            -1, 6
        ),
        "frame_calibrated": np.array([f.calibrated for f in frames], bool),
        "frame_times": np.array([astuple(f.times) for f in frames]).reshape(
            -1, len(fields(StageTimes))
        ),
        "frame_times_names": np.array([f.name for f in fields(StageTimes)]),
        "frame_reference": np.array([_placed(f.reference) for f in frames]).reshape(-1, 12),
        "frame_reference_id": np.array(
            [f.reference.frame_id if f.reference else "" for f in frames], dtype=str
        ),
        "ended": np.array([one for f in frames for one in f.ended], np.int64),
        "ended_frame": np.array([i for i, f in enumerate(frames) for _ in f.ended], np.int64),
        "person_frame": np.array([i for i, _ in people], np.int64),
        "track_id": np.array([h.track_id for h in humans], np.int64),
        "state": np.array([h.state for h in humans], np.int64),
        "scale": np.array([h.scale for h in humans], np.int64),
        "depth_sigma": np.array([h.depth_sigma for h in humans], np.float64),
        "box": np.array([astuple(h.box) for h in humans], np.float64).reshape(-1, 5),
        "crop": np.array([astuple(h.crop) for h in humans], np.float64).reshape(-1, 3),
    }
    for name, shape in _PERSON_SHAPES.items():
        rows[name] = _stack([getattr(h, name) for h in humans], shape)
    rows["velocity"] = _stack([h.velocity for h in humans], (3,))
    if any(h.raw_transl is not None for h in humans):
        raw = [_NOTHING if h.raw_transl is None else h.raw_transl for h in humans]
        rows["raw_transl"] = _stack(raw, (3,))
    rows.update(_parameter_arrays([h.parameters for h in humans], ""))
    if any(h.raw_parameters is not h.parameters for h in humans):
        rows.update(_parameter_arrays([h.raw_parameters for h in humans], "raw_"))
    for name, part in POSE_PARTS.items():
        vectors = axis_angle(rows["rotations"][:, part])
        rows[name] = vectors.reshape(len(humans), 3 * (part.stop - part.start))
    return rows


def _placed(reference: Reference | None) -> NDArray[np.float64]:
    """Twelve numbers: rotation row by row, then translation."""
    if reference is None:
        return np.full(12, np.nan)
    return np.concatenate([np.reshape(reference.rotation, 9), np.reshape(reference.translation, 3)])


def _stack(values: list[NDArray[np.floating]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.array(values, np.float32).reshape(len(values), *shape)


def _parameter_arrays(people: list[Parameters], prefix: str) -> dict[str, NDArray[np.float32]]:
    if not people:
        empty = {name: np.zeros((0, 0), np.float32) for name in PARAMETERS}
        empty["rotations"] = np.zeros((0, NUM_ROTATIONS, 3, 3), np.float32)
        return {prefix + name: array for name, array in empty.items()}
    return {
        prefix + name: np.concatenate([np.asarray(getattr(p, name), np.float32) for p in people])
        for name in PARAMETERS
    }


def _records(a: dict[str, NDArray[Any]]) -> Records:
    if str(a["format"]) != FORMAT:
        raise ValueError(f"format {str(a['format'])!r}")
    if tuple(a["joint_names"].tolist()) != anatomy.EHM_JOINTS:
        raise ValueError("another joint order")
    count, total = len(a["frame_stamp"]), len(a["person_frame"])
    owner = a["person_frame"].astype(np.int64)
    if total and not (owner.min() >= 0 and owner.max() < count):
        raise ValueError("people of frames that do not exist")
    if (np.diff(owner) < 0).any():
        raise ValueError("people are not in the order of their frames")
    for name, shape in (_PERSON_SHAPES | {"rotations": (NUM_ROTATIONS, 3, 3)}).items():
        if a[name].shape != (total, *shape):
            raise ValueError(f"{name} has shape {a[name].shape}, expected {(total, *shape)}")
    parameters = Parameters(**{name: _floats(a, name, total) for name in PARAMETERS})
    raw = None
    if "raw_rotations" in a:
        raw = Parameters(**{name: _floats(a, "raw_" + name, total) for name in PARAMETERS})
    a = _completed(a, count, total)
    humans = [_human(a, i, parameters, raw) for i in range(total)]
    bounds = np.searchsorted(owner, np.arange(count + 1))
    frames = tuple(_frame(a, i, tuple(humans[bounds[i] : bounds[i + 1]])) for i in range(count))
    identity = json.loads(str(a["identity"]))
    if not isinstance(identity, dict):
        raise ValueError("identity is not an object")
    return Records(
        frames,
        tuple(a["frame_source"].tolist()),
        {str(k): str(v) for k, v in identity.items()},
        tuple(a["expression_names"].tolist()),
    )


def _completed(a: dict[str, NDArray[Any]], count: int, total: int) -> dict[str, NDArray[Any]]:
    """The arrays with those that older files lack, all of the right shape."""
    old: dict[str, NDArray[Any]] = {
        "velocity": np.zeros((total, 3), np.float32),
        "raw_transl": np.full((total, 3), np.nan, np.float32),
        "frame_reference": np.full((count, 12), np.nan),
        "frame_reference_id": np.full(count, ""),
        "ended": np.zeros(0, np.int64),
        "ended_frame": np.zeros(0, np.int64),
    }
    whole = old | a
    for name in ("velocity", "raw_transl", "frame_reference", "frame_reference_id"):
        if whole[name].shape != old[name].shape:
            raise ValueError(f"{name} has shape {whole[name].shape}, expected {old[name].shape}")
    owners = whole["ended_frame"]
    if whole["ended"].shape != owners.shape or owners.ndim != 1:
        raise ValueError(f"ended has shape {whole['ended'].shape}, ended_frame {owners.shape}")
    if owners.size and not (owners.min() >= 0 and owners.max() < count):
        raise ValueError("tracks ended in frames that do not exist")
    return whole


def _floats(a: dict[str, NDArray[Any]], name: str, total: int) -> NDArray[np.float32]:
    if len(a[name]) != total:
        raise ValueError(f"{name} has {len(a[name])} rows, expected {total}")
    return a[name].astype(np.float32, casting="same_kind")


def _human(
    a: dict[str, NDArray[Any]], i: int, parameters: Parameters, raw: Parameters | None
) -> Human:
    own = parameters.person(i)
    raw_transl = a["raw_transl"][i].astype(np.float32)
    return Human(
        track_id=int(a["track_id"][i]),
        state=TrackState(int(a["state"][i])),
        box=Box(*a["box"][i].tolist()),
        crop=Crop(*a["crop"][i].tolist()),
        parameters=own,
        raw_parameters=own if raw is None else raw.person(i),
        scale=ScaleSource(int(a["scale"][i])),
        depth_sigma=float(a["depth_sigma"][i]),
        raw_transl=None if np.isnan(raw_transl).all() else raw_transl,
        velocity=a["velocity"][i].astype(np.float32),
        **{name: a[name][i].astype(np.float32) for name in _PERSON_SHAPES},
    )


def _frame(a: dict[str, NDArray[Any]], i: int, humans: tuple[Human, ...]) -> HumanFrame:
    fx, fy, cx, cy, width, height = a["frame_intrinsics"][i].tolist()
    names = a["frame_times_names"].tolist()
    known = asdict(StageTimes())
    times = dict(zip(names, a["frame_times"][i].tolist(), strict=True))
    return HumanFrame(
        stamp=int(a["frame_stamp"][i]),
        frame_id=str(a["frame_id"][i]),
        width=int(a["frame_size"][i][0]),
        height=int(a["frame_size"][i][1]),
        intrinsics=Intrinsics(fx, fy, cx, cy, int(width), int(height)),
        calibrated=bool(a["frame_calibrated"][i]),
        humans=humans,
        times=StageTimes(**{name: times[name] for name in known}),
        reference=_reference(str(a["frame_reference_id"][i]), a["frame_reference"][i]),
        ended=tuple(a["ended"][a["ended_frame"] == i].tolist()),
    )


def _reference(frame_id: str, numbers: NDArray[np.floating]) -> Reference | None:
    if not frame_id:
        return None
    values = numbers.astype(np.float64)
    return Reference(frame_id, values[:9].reshape(3, 3), values[9:])
