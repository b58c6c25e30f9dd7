"""People, frames and topologies with random numbers in every field."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pear_core import anatomy
from pear_ros.engine.base import EngineInfo, ModelIdentity
from pear_ros.engine.topology import Topology
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

WIDTHS = {
    "betas": 200,
    "expression": 50,
    "hand_scale": 3,
    "head_scale": 3,
    "eye_pose": 6,
    "jaw_pose": 3,
    "eyelids": 2,
    "flame_shape": 300,
    "flame_expression": 50,
}


def floats(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def parameters(rng: np.random.Generator) -> Parameters:
    rotations = Rotation.random(52, rng=rng).as_matrix().astype(np.float32)
    values = {name: floats(rng, 1, width) for name, width in WIDTHS.items()}
    return Parameters(rotations=rotations[None], **values)


def human(rng: np.random.Generator, track_id: int, *, smoothed: bool = True) -> Human:
    own = parameters(rng)
    return Human(
        track_id=track_id,
        state=TrackState(int(rng.integers(0, 3))),
        box=Box(*(float(v) for v in rng.uniform(0, 300, 4)), score=float(rng.uniform())),
        crop=Crop(*(float(v) for v in rng.uniform(0, 300, 3))),
        parameters=own,
        raw_parameters=parameters(rng) if smoothed else own,
        camera=floats(rng, 3),
        transl=floats(rng, 3),
        joints=floats(rng, 145, 3),
        keypoints=floats(rng, 145, 2),
        joint_confidence=rng.uniform(size=145).astype(np.float32),
        scale=ScaleSource(int(rng.integers(0, 4))),
        depth_sigma=float(rng.uniform()),
        raw_transl=floats(rng, 3) if smoothed else None,
        velocity=floats(rng, 3),
    )


FACING = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
"""Root rotation of somebody upright who faces the camera: half a turn about its x axis."""


def posed(track_id: int = 7, *, distance: float = 3.0, **changes: Any) -> Human:
    """Somebody in the T-pose facing the camera, upright, hips on the optical axis.

    changes: fields of Human, and of its parameters, that differ.
    """
    rng = np.random.default_rng(5)
    own = parameters(rng)
    still = {name: np.zeros((1, width), np.float32) for name, width in WIDTHS.items()}
    rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (1, 52, 3, 3)).copy()
    rotations[0, 0] = FACING
    known = {f.name for f in fields(Parameters)}
    still |= {name: changes.pop(name) for name in list(changes) if name in known - {"rotations"}}
    own = Parameters(**{"rotations": rotations} | still)
    joints = np.zeros((145, 3), np.float32)
    joints[:, 2] = distance
    index = anatomy.EHM_JOINTS.index
    # A person's left is on the right of the picture; optical y points down.
    joints[index("left_hip")] = (0.1, 0.02, distance)
    joints[index("right_hip")] = (-0.1, 0.02, distance)
    joints[index("face_27")] = (0.0, -0.7, distance - 0.1)
    joints[index("left_eye_smplhf")] = (0.03, -0.7, distance - 0.09)
    joints[index("right_eye_smplhf")] = (-0.03, -0.7, distance - 0.09)
    one = human(rng, track_id, smoothed=False)
    settled: dict[str, Any] = {
        "state": TrackState.TRACKED,
        "scale": ScaleSource.INTRINSICS,
        "parameters": own,
        "raw_parameters": own,
        "joints": joints,
        "joint_confidence": np.full(145, 0.9, np.float32),
    }
    return replace(one, **settled | changes)


def turned(own: Parameters, joint: int, rotation: Any) -> Parameters:
    """The same parameters with another local rotation of one of the 52 joints."""
    rotations = own.rotations.copy()
    rotations[0, joint] = rotation
    return replace(own, rotations=rotations)


def frame(
    rng: np.random.Generator, people: int = 1, *, frame_id: str = "camera_optical"
) -> HumanFrame:
    return HumanFrame(
        stamp=1_234_567_890_123_456_789,
        frame_id=frame_id,
        width=640,
        height=480,
        intrinsics=Intrinsics(501.5, 502.25, 319.5, 239.25, 640, 480),
        calibrated=True,
        humans=tuple(human(rng, i + 1) for i in range(people)),
        times=StageTimes(0.5, 0.25, 0.125, 0.0625, 0.03125, 1.0, 2.0),
        reference=Reference("map", Rotation.random(rng=rng).as_matrix(), rng.standard_normal(3)),
        ended=(3, 8),
    )


def topology(vertices: int = 60, faces: int = 100) -> Topology:
    rng = np.random.default_rng(3)
    return Topology(
        faces=rng.integers(0, vertices, (faces, 3)).astype(np.int32),
        lod_faces=rng.integers(0, 20, (30, 3)).astype(np.int32),
        lod_indices=rng.integers(0, vertices, (20, 4)).astype(np.int32),
        lod_weights=np.full((20, 4), 0.25, np.float32),
        uv=rng.uniform(size=(70, 2)).astype(np.float32),
        uv_faces=rng.integers(0, 70, (faces, 3)).astype(np.int32),
        joint_names=anatomy.EHM_JOINTS,
        joint_parents=anatomy.SMPLX_PARENTS.astype(np.int32),
        expression_names=tuple(f"expression_{i}" for i in range(50)),
        dominant_joint=np.zeros(vertices, np.int32),
    )


def engine_info() -> EngineInfo:
    """Every text field says its own name."""
    names: dict[str, Any] = {f.name: f.name for f in fields(ModelIdentity)} | {"step": 7}
    model = ModelIdentity(**names | {"body_sha256": "b" * 64, "weights_sha256": "c" * 64})
    texts: dict[str, Any] = {f.name: f.name for f in fields(EngineInfo)}
    return EngineInfo(**texts | {"threads": 2, "identity": model})
