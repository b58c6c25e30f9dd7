"""The files of the shipped free body."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

FOLDER = Path(__file__).parents[4] / "models" / "free_body"
MIRROR_X = np.array([-1.0, 1.0, 1.0])

Model = Mapping[str, NDArray]


def load(name: str) -> Model:
    return dict(np.load(FOLDER / name, allow_pickle=False))


@pytest.fixture(scope="module")
def body() -> Model:
    return load("SMPLX_NEUTRAL.npz")


@pytest.fixture(scope="module")
def head() -> Model:
    return load("FLAME.npz")


@pytest.fixture(scope="module")
def ids() -> NDArray:
    return np.load(FOLDER / "SMPL-X__FLAME_vertex_ids.npy")


@pytest.fixture(scope="module")
def template(body: Model) -> NDArray:
    return body["v_template"].astype(np.float64)


@pytest.fixture(scope="module")
def joints(body: Model, template: NDArray) -> NDArray:
    return body["J_regressor"].astype(np.float64) @ template


@pytest.fixture(scope="module")
def mirror(template: NDArray) -> NDArray:
    from scipy.spatial import cKDTree

    return cKDTree(template).query(template * MIRROR_X)[1]
