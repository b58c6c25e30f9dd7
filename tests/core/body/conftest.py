"""Fabricated body folders, made once per session."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from fabricated import bodies
from pear_core.body.ehm import Ehm
from pear_core.body.files import BodyAssets, load_assets
from pear_core.body.parameters import BodyParameters


@pytest.fixture(scope="session")
def fabricated() -> ModuleType:
    return bodies


@pytest.fixture(scope="session")
def body_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the real shapes: 10475 and 5023 vertices."""
    return bodies.write_folder(tmp_path_factory.mktemp("body"))


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same formats with few vertices, for float64 gradients and fuzzing."""
    return bodies.write_folder(
        tmp_path_factory.mktemp("small"), vertices=90, head=40, faces=(150, 60), regions=(6, 5, 2)
    )


@pytest.fixture(scope="session")
def assets(body_folder: Path) -> BodyAssets:
    return load_assets(body_folder)


@pytest.fixture(scope="session")
def small_assets(small_folder: Path) -> BodyAssets:
    return load_assets(small_folder)


@pytest.fixture(scope="session")
def ehm(assets: BodyAssets) -> Ehm:
    return Ehm(assets)


def random_parameters(people: int, seed: int = 0) -> BodyParameters:
    """Plausible random parameters for every field, float32."""
    rng = np.random.default_rng(seed)

    def normal(scale: float, *shape: int) -> Tensor:
        return torch.tensor(rng.normal(0, scale, (people, *shape)), dtype=torch.float32)

    rotations = bodies.random_rotations(rng, people, 52)
    return BodyParameters(
        rotations=torch.tensor(rotations, dtype=torch.float32),
        betas=normal(1.0, 200),
        expression=normal(1.0, 50),
        hand_scale=1 + normal(0.1, 3),
        head_scale=1 + normal(0.1, 3),
        eye_pose=normal(0.3, 6),
        jaw_pose=normal(0.3, 3),
        eyelids=normal(0.5, 2),
        flame_shape=normal(1.0, 300),
        flame_expression=normal(1.0, 50),
    )


@pytest.fixture(scope="session")
def parameters() -> BodyParameters:
    return random_parameters(3)
