"""Motions and bodies for the tests of the exchange formats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fabricated import bodies
from independent import gltf_player
from pear_core.body.files import BodyAssets, load_assets
from pear_core.exchange.motion import Motion, even_stamps
from pear_core.exchange.skeleton import RestJoints

HERE = Path(__file__).parent
FREE_BODY = HERE.parents[2] / "models" / "free_body"
MakeMotion = Callable[..., Motion]


@pytest.fixture(scope="session")
def player() -> Any:
    """player(data) is an independent reader and player of .glb files."""
    return gltf_player.Player


@pytest.fixture(scope="session")
def small_body(tmp_path_factory: pytest.TempPathFactory) -> BodyAssets:
    """A fabricated body of 90 vertices without pose correctives, which no other format has."""
    folder = bodies.write_folder(
        tmp_path_factory.mktemp("small"), vertices=90, head=40, faces=(150, 60), regions=(6, 5, 2)
    )
    assets = load_assets(folder)
    smplx = replace(assets.smplx, posedirs=np.zeros_like(assets.smplx.posedirs))
    flame = replace(assets.flame, posedirs=np.zeros_like(assets.flame.posedirs))
    return replace(assets, smplx=smplx, flame=flame)


@pytest.fixture(scope="session")
def free_body() -> BodyAssets:
    return load_assets(FREE_BODY)


@pytest.fixture(scope="session")
def small_rest(small_body: BodyAssets) -> RestJoints:
    return RestJoints.of(small_body.smplx)


def motion_like(
    frames: int,
    seed: int,
    widths: tuple[int, int, int, int] = (200, 50, 300, 50),
    angle: float = 0.5,
    **given: Any,
) -> Motion:
    """A person of one shape who moves at random, half turned about x as a camera sees people.

    widths: of betas, expression, flame_shape, flame_expression. given: fields to replace.
    """
    rng = np.random.default_rng(seed)
    betas, expression, identity, face = widths

    def normal(scale: float, *shape: int) -> NDArray[np.float64]:
        return rng.normal(0, scale, (frames, *shape))

    def steady(scale: float, width: int) -> NDArray[np.float64]:
        return np.tile(rng.normal(0, scale, width), (frames, 1))

    rotations = normal(angle, 52, 3)
    rotations[:, 0] += (np.pi, 0, 0)
    motion = Motion(
        rotations=rotations,
        transl=normal(0.3, 3) + (0, 0, 3),
        betas=steady(1, betas),
        expression=normal(1, expression),
        jaw_pose=normal(0.2, 3),
        eye_pose=normal(0.2, 6),
        eyelids=rng.uniform(0, 1, (frames, 2)),
        flame_shape=steady(1, identity),
        flame_expression=normal(1, face),
        head_scale=1 + steady(0.1, 3),
        stamps=even_stamps(frames, 30.0),
        track_id=7,
        body="free_body@abc",
    )
    return replace(motion, **given)


@pytest.fixture(scope="session")
def make_motion() -> MakeMotion:
    """make_motion(frames, seed, widths=..., angle=..., **fields)."""
    return motion_like


def still_face(motion: Motion) -> Motion:
    """The motion without expression, open eyes, closed mouth."""
    names = ("expression", "jaw_pose", "eye_pose", "eyelids", "flame_expression")
    return replace(motion, **{name: np.zeros_like(getattr(motion, name)) for name in names})


@pytest.fixture(scope="session")
def calm() -> Callable[[Motion], Motion]:
    return still_face


def _parameters(motion: Motion) -> Any:
    import torch
    from scipy.spatial.transform import Rotation

    from pear_core.body.parameters import BodyParameters

    def tensor(array: NDArray[Any]) -> torch.Tensor:
        return torch.tensor(array, dtype=torch.float32)

    matrices = Rotation.from_rotvec(motion.rotations.reshape(-1, 3)).as_matrix()
    names = ("betas", "expression", "head_scale", "eye_pose", "jaw_pose", "eyelids",
             "flame_shape", "flame_expression")  # fmt: skip
    return BodyParameters(
        rotations=tensor(matrices.reshape(len(motion), -1, 3, 3)),
        hand_scale=tensor(np.ones((len(motion), 3))),
        **{name: tensor(getattr(motion, name)) for name in names},
    )


@pytest.fixture(scope="session")
def parameters_of() -> Callable[[Motion], Any]:
    """parameters_of(motion) is what the torch body model takes."""
    return _parameters
