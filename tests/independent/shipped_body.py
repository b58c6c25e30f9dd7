"""The shipped free body's files, and what its tests measure on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import SMPLX_JOINTS

FOLDER = Path(__file__).parents[2] / "models" / "free_body"
J = {name: i for i, name in enumerate(SMPLX_JOINTS)}
MIRROR_X = np.array([-1.0, 1.0, 1.0])

Model = Mapping[str, NDArray]


def load(name: str) -> Model:
    return dict(np.load(FOLDER / name, allow_pickle=False))


def landmark(vertices: NDArray, body: Model, row: int | None = None) -> NDArray:
    prefix = "lmk_" if row is None else "dynamic_lmk_"
    faces, bary = body[f"{prefix}faces_idx"], body[f"{prefix}bary_coords"]
    if row is not None:
        faces, bary = faces[row], bary[row]
    return (vertices[body["f"].astype(int)[faces]] * bary[..., None]).sum(-2)


def volume(vertices: NDArray, faces: NDArray) -> float:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
