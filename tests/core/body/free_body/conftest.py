"""The files of the shipped free body."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from independent.shipped_body import FOLDER, MIRROR_X, Model, load


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
