"""Made-up body files in the formats of SMPL-X and FLAME: right structure, random content."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import FLAME_PARENTS, SMPLX_PARENTS

SMPLX_VERTICES, FLAME_VERTICES = 10475, 5023
SMPLX_FACES, FLAME_FACES = 20908, 9976
NECK, BOUNDARY, SHARED = 253, 114, 52
"""Sizes of the FLAME mask regions and of their overlap, as in the published file."""


def regressor(rng: np.random.Generator, joints: int, vertices: int) -> NDArray[np.float32]:
    """Each joint the convex combination of a few vertices."""
    matrix = np.zeros((joints, vertices), np.float32)
    for row in matrix:
        few = rng.choice(vertices, 20, replace=False)
        row[few] = rng.dirichlet(np.ones(20))
    return matrix


def weights(rng: np.random.Generator, vertices: int, joints: int) -> NDArray[np.float32]:
    """Each vertex follows four joints; rows sum to one."""
    matrix = np.zeros((vertices, joints), np.float32)
    columns = rng.integers(0, joints, (vertices, 4))
    np.add.at(matrix, (np.arange(vertices)[:, None], columns), rng.dirichlet(np.ones(4), vertices))
    return matrix


def model(
    rng: np.random.Generator,
    parents: NDArray[np.int64],
    vertices: int,
    faces: int,
    columns: int = 400,
) -> dict[str, NDArray]:
    """The arrays every SMPL-like file has."""
    joints = len(parents)
    shapedirs = rng.standard_normal((vertices, 3, columns), np.float32) * np.float32(1e-3)
    return {
        "v_template": rng.normal(0, 0.3, (vertices, 3)).astype(np.float32),
        "f": rng.integers(0, vertices, (faces, 3)).astype(np.uint32),
        "shapedirs": shapedirs,
        "posedirs": rng.standard_normal((vertices, 3, 9 * (joints - 1)), np.float32)
        * np.float32(1e-3),
        "J_regressor": regressor(rng, joints, vertices),
        "weights": weights(rng, vertices, joints),
        "kintree_table": np.stack(
            (np.where(parents < 0, 2**32 - 1, parents), np.arange(joints))
        ).astype(np.uint32),
    }


def smplx_arrays(
    rng: np.random.Generator,
    vertices: int = SMPLX_VERTICES,
    faces: int = SMPLX_FACES,
    columns: int = 400,
) -> dict[str, NDArray]:
    """Everything the `smplx` package and ours read from SMPLX_NEUTRAL.npz."""
    return {
        **model(rng, SMPLX_PARENTS, vertices, faces, columns),
        "lmk_faces_idx": rng.integers(0, faces, 51).astype(np.uint32),
        "lmk_bary_coords": rng.dirichlet(np.ones(3), 51),
        "dynamic_lmk_faces_idx": rng.integers(0, faces, (79, 17)).astype(np.uint32),
        "dynamic_lmk_bary_coords": rng.dirichlet(np.ones(3), (79, 17)),
        "hands_meanl": rng.normal(0, 0.1, 45),
        "hands_meanr": rng.normal(0, 0.1, 45),
        "hands_componentsl": np.eye(45),
        "hands_componentsr": np.eye(45),
    }


def write_folder(
    folder: Path,
    seed: int = 0,
    vertices: int = SMPLX_VERTICES,
    head: int = FLAME_VERTICES,
    faces: tuple[int, int] = (SMPLX_FACES, FLAME_FACES),
    regions: tuple[int, int, int] = (NECK, BOUNDARY, SHARED),
) -> Path:
    """A complete body folder for `load_assets`, and the FLAME files the `smplx` package wants."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "SMPLX_NEUTRAL.npz", **smplx_arrays(rng, vertices, faces[0]))
    flame = model(rng, FLAME_PARENTS, head, faces[1])
    np.savez(folder / "FLAME.npz", **flame)
    (folder / "FLAME_NEUTRAL.pkl").write_bytes(pickle.dumps(flame))
    static = {
        "lmk_face_idx": rng.integers(0, faces[1], 51),
        "lmk_b_coords": rng.dirichlet(np.ones(3), 51),
    }
    (folder / "flame_static_embedding.pkl").write_bytes(pickle.dumps(static))
    ids = np.sort(rng.choice(vertices, head, replace=False))
    np.save(folder / "SMPL-X__FLAME_vertex_ids.npy", ids)
    neck, boundary, shared = regions
    seam = rng.permutation(head)[: neck + boundary - shared]
    np.savez(
        folder / "FLAME_masks.npz",
        neck=seam[:neck],
        boundary=seam[neck - shared :],
        lips=rng.choice(head, min(254, head // 4)),
    )
    for side in ("l", "r"):
        np.save(folder / f"{side}_eyelid.npy", rng.normal(0, 1e-3, (head, 3)))
    np.savez(
        folder / "landmarks.npz",
        vertex_ids=rng.integers(0, vertices, (22, 3)),
        bary=rng.dirichlet(np.ones(3), 22),
    )
    return folder


def write_j14(folder: Path, seed: int = 1, vertices: int = SMPLX_VERTICES) -> Path:
    """The optional 14-joint regressor."""
    np.savez(folder / "SMPLX_to_J14.npz", J14=regressor(np.random.default_rng(seed), 14, vertices))
    return folder


def random_rotations(
    rng: np.random.Generator, *shape: int, angle: float = 0.6
) -> NDArray[np.float64]:
    """Rotation matrices [*shape, 3, 3] from axis-angles of this standard deviation (scipy)."""
    from scipy.spatial.transform import Rotation

    axis_angle = rng.normal(0, angle, (*shape, 3))
    return Rotation.from_rotvec(axis_angle.reshape(-1, 3)).as_matrix().reshape(*shape, 3, 3)
