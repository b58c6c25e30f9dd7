"""Every known file under its published name, keys, shapes and formats, with random content."""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from fabricated import legacy
from pear_core.anatomy import FLAME_PARENTS, SMPLX_PARENTS, SURFACE_JOINTS
from pear_core.assets.fields import PUBLISHED, Sizes

SMALL: Sizes = {
    "SMPL-X vertices": 90, "SMPL-X faces": 150, "FLAME vertices": 40, "FLAME faces": 60,
    "MANO vertices": 8, "SMPL vertices": 70, "SMPL faces": 100,
}  # fmt: skip


def skinned(
    rng: np.random.Generator, parents: np.ndarray, v: int, f: int, columns: int = 400
) -> dict[str, np.ndarray]:
    joints = len(parents)
    regressor = np.zeros((joints, v))
    regressor[np.arange(joints), rng.integers(0, v, joints)] = 1
    return {
        "v_template": rng.normal(0, 0.3, (v, 3)),
        "f": rng.integers(0, v, (f, 3)).astype(np.uint32),
        "shapedirs": rng.standard_normal((v, 3, columns), np.float32),
        "posedirs": rng.standard_normal((v, 3, 9 * (joints - 1)), np.float32),
        "J_regressor": regressor,
        "weights": rng.dirichlet(np.ones(joints), v),
        "kintree_table": np.stack(
            (np.where(parents < 0, 2**32 - 1, parents), np.arange(joints))
        ).astype(np.uint32),
    }


def smplx(rng: np.random.Generator, sizes: Sizes, columns: int = 400) -> dict[str, np.ndarray]:
    v, f = sizes["SMPL-X vertices"], sizes["SMPL-X faces"]
    return {
        **skinned(rng, SMPLX_PARENTS, v, f, columns),
        "lmk_faces_idx": rng.integers(0, f, 51).astype(np.uint32),
        "lmk_bary_coords": rng.dirichlet(np.ones(3), 51),
        "dynamic_lmk_faces_idx": rng.integers(0, f, (79, 17)),
        "dynamic_lmk_bary_coords": rng.dirichlet(np.ones(3), (79, 17)),
        "hands_meanl": rng.normal(0, 0.1, 45),
        "hands_coeffsl": rng.normal(0, 0.1, (7, 45)),
        "joint2num": np.array({"pelvis": 0, "left_hip": 1}, dtype=object),
        "part2num": np.array({"head": 3}, dtype=object),
    }


def flame(rng: np.random.Generator, sizes: Sizes) -> dict[str, np.ndarray]:
    return skinned(rng, FLAME_PARENTS, sizes["FLAME vertices"], sizes["FLAME faces"])


def extra_joints(rng: np.random.Generator, faces: int) -> str:
    """The YAML in block style, alphabetical keys, as PyYAML writes it."""
    lines = []
    for name in SURFACE_JOINTS:
        weights = rng.dirichlet(np.ones(3))
        lines += [f"{name}:", "  bc:", *(f"  - {w!r}" for w in weights.tolist())]
        lines += [f"  face: {rng.integers(0, faces)}"]
    return "\n".join(lines) + "\n"


def smplx2smpl(rng: np.random.Generator, sizes: Sizes) -> np.ndarray:
    rows, columns = sizes["SMPL vertices"], sizes["SMPL-X vertices"]
    matrix = np.zeros((rows, columns))
    for row in range(rows):
        corners = rng.choice(columns, rng.integers(1, 4), replace=False)
        matrix[row, corners] = rng.dirichlet(np.ones(len(corners)))
    return matrix


def joblib_bytes(content: dict[str, np.ndarray], protocol: int = 4, aligned: bool = True) -> bytes:
    """What joblib.dump writes (uncompressed): each array's bytes follow its wrapper's state."""
    module = ModuleType("joblib.numpy_pickle")

    class NumpyArrayWrapper:
        pass

    NumpyArrayWrapper.__module__, NumpyArrayWrapper.__qualname__ = (
        module.__name__,
        "NumpyArrayWrapper",
    )
    module.NumpyArrayWrapper = NumpyArrayWrapper  # type: ignore[attr-defined]
    saved = {name: sys.modules.get(name) for name in ("joblib", module.__name__)}
    sys.modules["joblib"], sys.modules[module.__name__] = ModuleType("joblib"), module

    class Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]
        dispatch: ClassVar[Any] = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

        def save_array(self, array: np.ndarray) -> None:
            wrapper = NumpyArrayWrapper()
            wrapper.__dict__.update(
                subclass=np.ndarray, shape=array.shape, order="C", dtype=array.dtype,
                allow_mmap=True,
            )  # fmt: skip
            if aligned:
                wrapper.__dict__["numpy_array_alignment_bytes"] = 16
            self.save(wrapper)
            if self.proto >= 4:
                self.framer.commit_frame(force=True)
            if aligned:
                padding = 16 - (stream.tell() + 1) % 16
                stream.write(bytes([padding]) + b"\xff" * padding)
            stream.write(array.tobytes())

        dispatch[np.ndarray] = save_array

    stream = io.BytesIO()
    try:
        Pickler(stream, protocol).dump(content)
    finally:
        for name, old in saved.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old
    return stream.getvalue()


def write(folder: Path, sizes: Sizes = PUBLISHED, seed: int = 0) -> Path:
    """All known files, in the folders of the published code."""
    rng = np.random.default_rng(seed)
    v, h, smpl = (sizes[f"{name} vertices"] for name in ("SMPL-X", "FLAME", "SMPL"))
    places = {name: folder / name for name in ("SMPLX", "FLAME/FLAME2020", "SMPLX2SMPL/data")}
    for place in places.values():
        place.mkdir(parents=True)
    body, head, data = places.values()
    np.savez(body / "SMPLX_NEUTRAL_2020.npz", **smplx(rng, sizes))
    (head / "generic_model.pkl").write_bytes(legacy.flame_like(rng, flame(rng, sizes)))
    np.save(body / "SMPL-X__FLAME_vertex_ids.npy", np.sort(rng.choice(v, h, replace=False)))
    masks = {name: rng.choice(h, h // 4, replace=False) for name in ("neck", "boundary", "lips")}
    (folder / "FLAME/FLAME_masks.pkl").write_bytes(legacy.python2(masks, 2))
    for side in "lr":
        np.save(head / f"{side}_eyelid.npy", rng.normal(0, 1e-3, (h, 3)))
    (body / "smplx_extra_joints.yaml").write_text(extra_joints(rng, sizes["SMPL-X faces"]))
    (body / "SMPLX_to_J14.pkl").write_bytes(pickle.dumps(rng.dirichlet(np.ones(v), 14), 2))
    hands = {f"{s}_hand": rng.choice(v, sizes["MANO vertices"]) for s in ("left", "right")}
    (body / "MANO_SMPLX_vertex_ids.pkl").write_bytes(pickle.dumps(hands, 3))
    (data / "smplx2smpl.pkl").write_bytes(joblib_bytes({"matrix": smplx2smpl(rng, sizes)}))
    for name, joints in (("h36m", 17), ("extra", 9), ("coco", 17), ("feet", 4), ("wham", 31)):
        np.save(data / f"J_regressor_{name}.npy", rng.dirichlet(np.ones(smpl), joints))
    j19 = rng.dirichlet(np.ones(smpl), 19)
    (data / "SMPL_to_J19.pkl").write_bytes(legacy.python2(j19, 2))
    np.savez(
        data / "smpl_mean_params.npz",
        pose=rng.normal(0, 1, 144).astype(np.float32),
        shape=np.zeros(10, np.float32),
        cam=np.array([0.9, 0, 0], np.float32),
    )
    parents = np.array([-1, 0, 0, 0, *range(1, 21)])
    (data / "SMPL_NEUTRAL.pkl").write_bytes(
        legacy.flame_like(rng, skinned(rng, parents, smpl, sizes["SMPL faces"], 10))
    )
    embeddings(head, sizes, rng)
    return folder


def deca(rng: np.random.Generator, sizes: Sizes) -> dict[str, Any]:
    faces = sizes["FLAME faces"]
    return {
        "static_lmk_faces_idx": rng.integers(0, faces, 51),
        "static_lmk_bary_coords": rng.dirichlet(np.ones(3), 51),
        "dynamic_lmk_faces_idx": rng.integers(0, faces, (79, 17)),
        "dynamic_lmk_bary_coords": rng.dirichlet(np.ones(3), (79, 17)),
        "full_lmk_faces_idx": rng.integers(0, faces, (1, 68)),
        "full_lmk_bary_coords": rng.dirichlet(np.ones(3), (1, 68)),
    }


def embeddings(folder: Path, sizes: Sizes, rng: np.random.Generator) -> None:
    np.save(folder / "landmark_embedding.npy", np.array(deca(rng, sizes), dtype=object))
    faces = sizes["FLAME faces"]
    np.savez(
        folder / "mediapipe_landmark_embedding.npz",
        lmk_face_idx=rng.integers(0, faces, 105),
        lmk_b_coords=rng.dirichlet(np.ones(3), 105),
        landmark_indices=rng.integers(0, 468, 105),
    )
    np.savez(
        folder / "203_landmark_embeding.npz",
        lmk_face_idx=rng.integers(0, faces, 203),
        lmk_b_coords=rng.dirichlet(np.ones(3), 203),
        **{f"landmark_{part}_indices": rng.integers(0, 203, 9) for part in ("front", "left")},
    )
