"""What of the body never changes: topology.npz of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import EHM_JOINTS, SMPLX_PARENTS
from pear_core.body.files import BodyAssets, BodyFileError
from pear_core.layout import NUM_EXPRESSION

LOD_FILE = "lod_2k.npz"


def topology_arrays(assets: BodyAssets) -> dict[str, NDArray[Any]]:
    """Arrays of `pear_ros.engine.topology.Topology` for the body in assets.folder.

    lod_2k.npz there (f, vertex_ids, vertex_weights) gives the level of detail; without it the full
    mesh is its own. Raises BodyFileError for files that do not fit the mesh.
    """
    smplx = assets.smplx
    path = assets.folder / "SMPLX_NEUTRAL.npz"
    uv, uv_faces = _uv(path, len(smplx.faces))
    lod_faces, lod_indices, lod_weights = _lod(assets)
    return {
        "faces": smplx.faces.astype(np.int32),
        "lod_faces": lod_faces,
        "lod_indices": lod_indices,
        "lod_weights": lod_weights,
        "uv": uv,
        "uv_faces": uv_faces,
        "joint_names": np.array(EHM_JOINTS),
        "joint_parents": SMPLX_PARENTS.astype(np.int32),
        "expression_names": _expression_names(path),
        "dominant_joint": smplx.weights.argmax(axis=1).astype(np.int32),
    }


def _uv(path: Path, faces: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    with np.load(path, allow_pickle=False) as file:
        if "vt" not in file.files or "ft" not in file.files:
            return np.zeros((0, 2), np.float32), np.zeros((0, 3), np.int32)
        uv, uv_faces = file["vt"].astype(np.float32), file["ft"].astype(np.int32)
    if uv_faces.shape != (faces, 3):
        raise BodyFileError(path, "key 'ft'", f"shape ({faces}, 3)", f"shape {uv_faces.shape}")
    return uv, uv_faces


def _lod(
    assets: BodyAssets,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    path = assets.folder / LOD_FILE
    count = len(assets.smplx.v_template)
    if not path.is_file():
        every = np.arange(count, dtype=np.int32)[:, None]
        return assets.smplx.faces.astype(np.int32), every, np.ones((count, 1), np.float32)
    with np.load(path, allow_pickle=False) as file:
        missing = {"f", "vertex_ids", "vertex_weights"} - set(file.files)
        if missing:
            raise BodyFileError(path, f"keys {sorted(missing)} are missing")
        faces, indices, weights = file["f"], file["vertex_ids"], file["vertex_weights"]
    if indices.shape != weights.shape or indices.max() >= count or faces.max() >= len(indices):
        raise BodyFileError(path, "level of detail does not fit the mesh", f"{count} vertices")
    return faces.astype(np.int32), indices.astype(np.int32), weights.astype(np.float32)


def _expression_names(path: Path) -> NDArray[np.str_]:
    """Names of the 50 expressions where the file has them (the free body does, SMPL-X does not)."""
    with np.load(path, allow_pickle=False) as file:
        if "expression_names" not in file.files:
            return np.array([f"expression_{i}" for i in range(NUM_EXPRESSION)])
        names = file["expression_names"]
    if names.shape != (NUM_EXPRESSION,) or names.dtype.kind != "U":
        expected, found = f"{NUM_EXPRESSION} strings", f"{names.shape} {names.dtype}"
        raise BodyFileError(path, "key 'expression_names'", expected, found)
    return names
