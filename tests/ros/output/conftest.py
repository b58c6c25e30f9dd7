"""Fabricated people for the tests of the outputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

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

MakeFrame = Callable[..., HumanFrame]
_WIDTHS = {
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


def _parameters(rng: np.random.Generator) -> Parameters:
    rotations = Rotation.random(52, random_state=rng).as_matrix()[None].astype(np.float32)
    rest = {k: rng.normal(size=(1, n)).astype(np.float32) for k, n in _WIDTHS.items()}
    return Parameters(rotations=rotations, **rest)


def _human(track_id: int, rng: np.random.Generator, smoothed: bool) -> Human:
    own = _parameters(rng)
    f32 = np.float32
    x0, y0 = rng.uniform(0, 300, 2)
    return Human(
        track_id=track_id,
        state=TrackState(int(rng.integers(4))),
        box=Box(x0, y0, x0 + 80.5, y0 + 200.25, 0.875),
        crop=Crop(x0 + 40, y0 + 100, 250.5),
        parameters=own,
        raw_parameters=_parameters(rng) if smoothed else own,
        camera=rng.normal(size=3).astype(f32),
        transl=np.array([rng.normal(), rng.normal(), rng.uniform(2, 5)], f32),
        joints=rng.normal(size=(145, 3)).astype(f32),
        keypoints=rng.uniform(0, 400, (145, 2)).astype(f32),
        joint_confidence=rng.uniform(size=145).astype(f32),
        scale=ScaleSource(int(rng.integers(4))),
        depth_sigma=float(rng.choice([np.inf, 0.25])),
        raw_transl=rng.normal(size=3).astype(f32) if smoothed else None,
        velocity=rng.normal(size=3).astype(f32),
    )


def _reference(rng: np.random.Generator) -> Reference:
    return Reference("map", Rotation.random(random_state=rng).as_matrix(), rng.normal(size=3))


@pytest.fixture
def make_frame() -> MakeFrame:
    """make_frame(people=2, seed=0, smoothed=False, stamp=...) -> HumanFrame of 640x480."""

    def make(
        people: int = 2, seed: int = 0, smoothed: bool = False, stamp: int = 123
    ) -> HumanFrame:
        rng = np.random.default_rng(seed)
        return HumanFrame(
            stamp=stamp,
            frame_id="camera_optical",
            width=640,
            height=480,
            intrinsics=Intrinsics(550.5, 551.25, 319.5, 239.5, 640, 480),
            calibrated=bool(seed % 2),
            humans=tuple(_human(i + 1, rng, smoothed) for i in range(people)),
            times=StageTimes(*rng.uniform(0, 0.1, 7).tolist()),
            reference=_reference(rng) if smoothed else None,
            ended=tuple(range(7, 7 + seed % 3)),
        )

    return make
