"""People of many frames as JSON that a person can read: every value under its name, with units.

Rotations are axis-angle vectors under the names of their joints, so they come back within rounding
(1e-6); all else comes back exactly. Values that JSON has no number for (unknown, infinite) are
null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy
from pear_ros.output.atomic import atomic_path
from pear_ros.output.records import FORMAT, PARAMETERS, POSE_PARTS, Records
from pear_ros.problems import PearError
from pear_ros.so3 import axis_angle, matrices
from pear_ros.types import (
    Box,
    Crop,
    FloatArray,
    Human,
    HumanFrame,
    Intrinsics,
    Parameters,
    Reference,
    ScaleSource,
    StageTimes,
    TrackState,
)

UNITS: dict[str, str] = {
    "positions": "metres in the camera's optical frame: x right, y down, z forward",
    "rotations": "axis-angle, radians, local to the parent joint; "
    "global_orient turns the y-up body into the optical frame",
    "pixels": "centre of the top left pixel at (0, 0); keypoints are [x, y, confidence]",
    "times": "stamp in nanoseconds, stages in seconds",
    "transl": "metres; add it to the body model's output to reach the optical frame",
    "velocity": "of the pelvis, m/s, optical axes; 0 where nothing is known",
    "reference": "where the camera was: rotation and translation take optical points to frame_id",
    "ended": "ids of the tracks that ended with the frame",
    "camera": "tx, ty (metres), s (fraction of half the crop per metre) of the crop camera",
    "null": "unknown, or infinite for depth_sigma (metres, one standard deviation)",
}
_PLAIN: tuple[str, ...] = tuple(name for name in PARAMETERS if name != "rotations")
_POSED = anatomy.BODY_JOINTS + anatomy.SMPLX_JOINTS[anatomy.LEFT_HAND.start :]


def write_json(path: str | Path, records: Records) -> None:
    """Write all frames and people to a JSON file (atomic). Raises PearError."""
    head = {
        "format": FORMAT,
        "units": UNITS,
        "identity": dict(records.identity),
        "expression_names": list(records.expression_names),
    }
    with atomic_path(path) as part, part.open("w", encoding="utf-8") as file:
        file.write(_layout(head, "")[:-2] + ',\n "frames": [')
        for i, (frame, source) in enumerate(zip(records.frames, records.sources, strict=True)):
            file.write(",\n  " if i else "\n  ")
            file.write(_layout(frame_object(frame, source), "  "))
        file.write("\n ]\n}\n")


def read_json(path: str | Path) -> Records:
    """Records of a file of write_json. Raises PearError for anything else."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise PearError("not a readable JSON file", where=str(path), found=str(error)) from None
    try:
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}")
        return Records(
            tuple(_frame(f) for f in content["frames"]),
            tuple(str(f["source"]) for f in content["frames"]),
            {str(k): str(v) for k, v in content["identity"].items()},
            tuple(str(name) for name in content["expression_names"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise PearError(
            "not a file of people",
            where=str(path),
            expected=FORMAT,
            found=f"{type(error).__name__}: {error}",
        ) from None


def frame_object(frame: HumanFrame, source: str) -> dict[str, Any]:
    """One frame as it stands in the file, also for `pear ... --json` lines."""
    return {
        "source": source,
        "stamp": frame.stamp,
        "frame_id": frame.frame_id,
        "width": frame.width,
        "height": frame.height,
        "intrinsics": asdict(frame.intrinsics),
        "calibrated": frame.calibrated,
        "times": asdict(frame.times),
        "reference": _placed(frame.reference),
        "ended": list(frame.ended),
        "people": [_person(human) for human in frame.humans],
    }


def _placed(reference: Reference | None) -> dict[str, Any] | None:
    if reference is None:
        return None
    return {
        "frame_id": reference.frame_id,
        "rotation": np.asarray(reference.rotation, np.float64).tolist(),
        "translation": np.asarray(reference.translation, np.float64).tolist(),
    }


def _person(human: Human) -> dict[str, Any]:
    marked = np.column_stack((human.keypoints, human.joint_confidence))
    person: dict[str, Any] = {
        "track_id": human.track_id,
        "state": TrackState(human.state).name,
        "box": asdict(human.box),
        "crop": asdict(human.crop),
        "scale": ScaleSource(human.scale).name,
        "depth_sigma": human.depth_sigma,
        "transl": _numbers(human.transl),
        "velocity": _numbers(human.velocity),
        "camera": _numbers(human.camera),
        **_parameters(human.parameters),
        "joints": dict(zip(anatomy.EHM_JOINTS, _numbers(human.joints), strict=True)),
        "keypoints": dict(zip(anatomy.EHM_JOINTS, _numbers(marked), strict=True)),
    }
    if human.raw_transl is not None:
        person["raw_transl"] = _numbers(human.raw_transl)
    if human.raw_parameters is not human.parameters:
        person["raw"] = _parameters(human.raw_parameters)
    return person


def _parameters(parameters: Parameters) -> dict[str, Any]:
    vectors = _numbers(axis_angle(parameters.rotations[0]))
    named = dict(zip(_POSED, vectors, strict=True))
    pose: dict[str, Any] = {"global_orient": vectors[0]}
    for part, where in POSE_PARTS.items():
        if part != "global_orient":
            pose[part] = {name: named[name] for name in _POSED[where]}
    return pose | {name: _numbers(getattr(parameters, name)[0]) for name in _PLAIN}


def _numbers(array: NDArray[np.floating]) -> list[Any]:
    """Nested lists of the shortest decimals that give back the same float32."""
    # Shortest text of a float32 first: 0.1 and not 0.10000000149011612.
    texts: list[Any] = np.asarray(array, np.float32).astype(str).astype(np.float64).tolist()
    return texts


def _layout(value: Any, indent: str) -> str:
    """JSON with one line per value and number lists on a single line."""
    if isinstance(value, Mapping) and any(isinstance(v, (list, Mapping)) for v in value.values()):
        deeper = indent + " "
        rows = (f"{deeper}{json.dumps(k)}: {_layout(v, deeper)}" for k, v in value.items())
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(v, Mapping) for v in value):
        deeper = indent + " "
        return "[\n" + ",\n".join(deeper + _layout(v, deeper) for v in value) + f"\n{indent}]"
    return json.dumps(_finite(value), allow_nan=False, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_finite(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    return value


def _frame(f: Mapping[str, Any]) -> HumanFrame:
    return HumanFrame(
        stamp=int(f["stamp"]),
        frame_id=str(f["frame_id"]),
        width=int(f["width"]),
        height=int(f["height"]),
        intrinsics=Intrinsics(**f["intrinsics"]),
        calibrated=bool(f["calibrated"]),
        humans=tuple(_human(person) for person in f["people"]),
        times=StageTimes(**f["times"]),
        reference=_reference(f.get("reference")),
        ended=tuple(int(one) for one in f.get("ended", ())),
    )


def _reference(r: Mapping[str, Any] | None) -> Reference | None:
    if r is None:
        return None
    rotation, translation = np.array(r["rotation"], float), np.array(r["translation"], float)
    if rotation.shape != (3, 3) or translation.shape != (3,):
        raise ValueError(f"reference of shapes {rotation.shape} and {translation.shape}")
    return Reference(str(r["frame_id"]), rotation, translation)


def _human(p: Mapping[str, Any]) -> Human:
    marked = _named(p["keypoints"], anatomy.EHM_JOINTS, 3)
    own = _read_parameters(p)
    return Human(
        track_id=int(p["track_id"]),
        state=TrackState[p["state"]],
        box=Box(**p["box"]),
        crop=Crop(**p["crop"]),
        parameters=own,
        raw_parameters=_read_parameters(p["raw"]) if "raw" in p else own,
        camera=_vector(p["camera"], 3),
        transl=_vector(p["transl"], 3),
        joints=_named(p["joints"], anatomy.EHM_JOINTS, 3),
        keypoints=marked[:, :2].copy(),
        joint_confidence=marked[:, 2].copy(),
        scale=ScaleSource[p["scale"]],
        depth_sigma=math.inf if p["depth_sigma"] is None else float(p["depth_sigma"]),
        raw_transl=_vector(p["raw_transl"], 3) if "raw_transl" in p else None,
        velocity=_vector(p.get("velocity", [0.0, 0.0, 0.0]), 3),
    )


def _read_parameters(p: Mapping[str, Any]) -> Parameters:
    vectors = [_vector(p["global_orient"], 3)[None]]
    for part, where in POSE_PARTS.items():
        if part != "global_orient":
            vectors.append(_named(p[part], _POSED[where], 3))
    rotations = matrices(np.concatenate(vectors)).astype(np.float32)
    return Parameters(
        rotations=rotations[None], **{name: _vector(p[name])[None] for name in _PLAIN}
    )


def _named(values: Mapping[str, Any], names: Sequence[str], width: int) -> FloatArray:
    if set(values) != set(names):
        raise ValueError(f"joint names differ: {sorted(set(values) ^ set(names))[:3]}")
    return np.stack([_vector(values[name], width) for name in names])


def _vector(values: Any, width: int | None = None) -> FloatArray:
    if not isinstance(values, list):
        raise ValueError(f"{type(values).__name__} where a list belongs")
    array = np.array([math.nan if v is None else v for v in values], np.float32)
    if array.ndim != 1 or (width is not None and len(array) != width):
        raise ValueError(f"{len(values)} values where {width} belong")
    return array
