"""Readers of the body model files (SMPL-X, FLAME, maps between them); numpy, never pickle.

Formats: PEAR facts, section 10. Arrays keep the vertex count of the file; everything is checked
here, so that the models behind need no checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import FLAME_PARENTS, SMPLX_PARENTS, SURFACE_JOINTS
from pear_core.unreadable import UNREADABLE

FloatArray = NDArray[np.floating]
IndexArray = NDArray[np.int64]

YAW_ROWS = 79
"""Rows of the contour landmark table: yaw 0..39 degrees, then -1..-39."""
NUM_STATIC, NUM_CONTOUR = 51, 17

_SPLITS = {400: 300, 350: 300, 20: 10}
"""Columns of shapedirs -> how many of them are shape (the rest is expression)."""


class BodyFileError(ValueError):
    """A body file that is absent, damaged or of another kind: which, key, expected, found."""

    def __init__(self, path: Path, what: str, expected: str = "", found: str = "") -> None:
        parts = [f"{path}: {what}"]
        if expected:
            parts.append(f"expected {expected}")
        if found:
            parts.append(f"found {found}")
        super().__init__("; ".join(parts))


@dataclass(frozen=True)
class SmplxFile:
    """An SMPL-X model: V vertices (metres, y up), 55 joints.

    v_template [V, 3]; faces [F, 3]; shapedirs [V, 3, S]; exprdirs [V, 3, E]; posedirs [V, 3, 486];
    joint_regressor [55, V]; weights [V, 55]; static_faces [51], static_bary [51, 3];
    contour_faces [79, 17], contour_bary [79, 17, 3] (one row per degree of yaw).
    """

    v_template: FloatArray
    faces: IndexArray
    shapedirs: FloatArray
    exprdirs: FloatArray
    posedirs: FloatArray
    joint_regressor: FloatArray
    weights: FloatArray
    static_faces: IndexArray
    static_bary: FloatArray
    contour_faces: IndexArray
    contour_bary: FloatArray


@dataclass(frozen=True)
class FlameFile:
    """A FLAME head: V vertices, joints anatomy.FLAME_JOINTS; arrays as in SmplxFile."""

    v_template: FloatArray
    faces: IndexArray
    shapedirs: FloatArray
    exprdirs: FloatArray
    posedirs: FloatArray
    joint_regressor: FloatArray
    weights: FloatArray


@dataclass(frozen=True)
class BodyAssets:
    """Everything EHM-s is built from.

    vertex_ids [H]: SMPL-X vertex of each FLAME vertex; masks: FLAME vertex ids by region; kept [K]:
    unique FLAME ids of the neck and boundary, where SMPL-X stays; eyelids [2, H, 3]: left and right
    closing offsets, metres; surface_triangles [22, 3] and surface_bary [22, 3]: vertices and
    weights of anatomy.SURFACE_JOINTS; j14 [14, V]: joint regressor in LSP order, or None.
    """

    folder: Path
    smplx: SmplxFile
    flame: FlameFile
    vertex_ids: IndexArray
    masks: Mapping[str, IndexArray]
    kept: IndexArray
    eyelids: FloatArray
    surface_triangles: IndexArray
    surface_bary: FloatArray
    j14: FloatArray | None = None
    hands: tuple[IndexArray, IndexArray] | None = None


class _Reader:
    """One npz file whose arrays are checked as they are taken out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arrays = _guard(path, lambda: np.load(path, allow_pickle=False))
        if not isinstance(self.arrays, np.lib.npyio.NpzFile):
            raise BodyFileError(path, "not an npz archive")

    def names(self) -> list[str]:
        return list(self.arrays.files)

    def has(self, key: str) -> bool:
        return key in self.arrays.files

    def floats(self, key: str, *shape: int | None) -> FloatArray:
        array = self._take(key, shape)
        if array.dtype.kind != "f":
            raise BodyFileError(self.path, f"key '{key}'", "floats", str(array.dtype))
        if not np.isfinite(array).all():
            raise BodyFileError(self.path, f"key '{key}'", "finite values", "NaN or infinity")
        return array

    def indices(self, key: str, limit: int, *shape: int | None) -> IndexArray:
        return _indices(self.path, f"key '{key}'", self._take(key, shape), limit)

    def words(self, key: str, expected: tuple[str, ...]) -> None:
        found = tuple(str(word) for word in self._take(key, (len(expected),)))
        if found != expected:
            raise BodyFileError(self.path, f"key '{key}'", ", ".join(expected), ", ".join(found))

    def parents(self, expected: IndexArray) -> None:
        table = self._take("kintree_table", (2, len(expected)))
        parents = table[0].astype(np.int64)
        # The root's parent is written as -1 or as the unsigned 2^32 - 1.
        parents[0] = -1
        if not np.array_equal(parents, expected):
            raise BodyFileError(
                self.path,
                "key 'kintree_table': another tree",
                str(expected.tolist()),
                str(parents.tolist()),
            )

    def _take(self, key: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
        if not self.has(key):
            raise BodyFileError(self.path, f"key '{key}' is missing", key, ", ".join(self.names()))
        array = _guard(self.path, lambda: self.arrays[key], f"key '{key}'")
        fits = array.ndim == len(shape) and all(
            n is None or n == m for n, m in zip(shape, array.shape, strict=True)
        )
        if not fits:
            expected = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
            raise BodyFileError(
                self.path, f"key '{key}'", f"shape {expected}", f"shape {array.shape}"
            )
        return array


def load_smplx(path: str | Path) -> SmplxFile:
    """SMPL-X from npz; shapedirs has 400 or 350 columns (300 shape) or 20 (10 shape).

    Raises BodyFileError.
    """
    reader = _Reader(Path(path))
    v_template = reader.floats("v_template", None, 3)
    count, joints = len(v_template), len(SMPLX_PARENTS)
    reader.parents(SMPLX_PARENTS)
    faces = reader.indices("f", count, None, 3)
    shapedirs, exprdirs = _split(reader, count)
    return SmplxFile(
        v_template=v_template,
        faces=faces,
        shapedirs=shapedirs,
        exprdirs=exprdirs,
        posedirs=reader.floats("posedirs", count, 3, 9 * (joints - 1)),
        joint_regressor=reader.floats("J_regressor", joints, count),
        weights=reader.floats("weights", count, joints),
        static_faces=reader.indices("lmk_faces_idx", len(faces), NUM_STATIC),
        static_bary=reader.floats("lmk_bary_coords", NUM_STATIC, 3),
        contour_faces=reader.indices("dynamic_lmk_faces_idx", len(faces), YAW_ROWS, NUM_CONTOUR),
        contour_bary=reader.floats("dynamic_lmk_bary_coords", YAW_ROWS, NUM_CONTOUR, 3),
    )


def load_flame(path: str | Path) -> FlameFile:
    """FLAME from npz; shapedirs has 400 or 350 columns (300 shape). Raises BodyFileError."""
    reader = _Reader(Path(path))
    v_template = reader.floats("v_template", None, 3)
    count, joints = len(v_template), len(FLAME_PARENTS)
    reader.parents(FLAME_PARENTS)
    shapedirs, exprdirs = _split(reader, count)
    return FlameFile(
        v_template=v_template,
        faces=reader.indices("f", count, None, 3),
        shapedirs=shapedirs,
        exprdirs=exprdirs,
        posedirs=reader.floats("posedirs", count, 3, 9 * (joints - 1)),
        joint_regressor=reader.floats("J_regressor", joints, count),
        weights=reader.floats("weights", count, joints),
    )


BODY_FILES = (
    "SMPLX_NEUTRAL.npz",
    "FLAME.npz",
    "SMPL-X__FLAME_vertex_ids.npy",
    "FLAME_masks.npz",
    "l_eyelid.npy",
    "r_eyelid.npy",
    "landmarks.npz",
)
OPTIONAL_FILES = ("SMPLX_to_J14.npz", "MANO_SMPLX_vertex_ids.npz")


def load_assets(folder: str | Path) -> BodyAssets:
    """All files of a body folder, by the names of `BODY_FILES`.

    Those of `OPTIONAL_FILES` are used where they are there. Raises BodyFileError.
    """
    folder = Path(folder)
    body_name, head_name, map_name, masks_name, left_lid, right_lid, landmarks_name = BODY_FILES
    smplx, flame = load_smplx(folder / body_name), load_flame(folder / head_name)
    count, head = len(smplx.v_template), len(flame.v_template)
    ids_path = folder / map_name
    vertex_ids = _indices(ids_path, "vertex map", _array(ids_path, (head,)), count)
    if len(np.unique(vertex_ids)) != head:
        raise BodyFileError(
            ids_path, "vertex map", "every SMPL-X vertex at most once", "repeated ids"
        )
    masks_file = _Reader(folder / masks_name)
    masks = {name: masks_file.indices(name, head, None) for name in masks_file.names()}
    for region in ("neck", "boundary"):
        if region not in masks:
            raise BodyFileError(
                masks_file.path, f"region '{region}' is missing", region, ", ".join(masks)
            )
    eyelids = [_array(folder / name, (head, 3)) for name in (left_lid, right_lid)]
    triangles, bary = _surface(_Reader(folder / landmarks_name), smplx.faces, count)
    j14_path, hands_path = (folder / name for name in OPTIONAL_FILES)
    return BodyAssets(
        folder=folder,
        smplx=smplx,
        flame=flame,
        vertex_ids=vertex_ids,
        masks=masks,
        kept=np.union1d(masks["neck"], masks["boundary"]),
        eyelids=np.stack(eyelids).astype(np.float64),
        surface_triangles=triangles,
        surface_bary=bary,
        j14=_j14(_Reader(j14_path), count) if j14_path.exists() else None,
        hands=_hands(_Reader(hands_path), count) if hands_path.exists() else None,
    )


def _split(reader: _Reader, count: int) -> tuple[FloatArray, FloatArray]:
    directions = reader.floats("shapedirs", count, 3, None)
    columns = directions.shape[2]
    if columns not in _SPLITS:
        raise BodyFileError(
            reader.path, "key 'shapedirs': cannot tell shape from expression",
            "400 or 350 columns (300 shape first) or 20 (10 shape first)", f"{columns} columns",
        )  # fmt: skip
    return directions[..., : _SPLITS[columns]], directions[..., _SPLITS[columns] :]


def _surface(reader: _Reader, faces: IndexArray, count: int) -> tuple[IndexArray, FloatArray]:
    """Vertex triples [22, 3] and weights [22, 3], given by `vertex_ids` or by `faces_idx`."""
    joints = len(SURFACE_JOINTS)
    if reader.has("names"):
        reader.words("names", SURFACE_JOINTS)
    bary = reader.floats("bary", joints, 3)
    if reader.has("vertex_ids"):
        return reader.indices("vertex_ids", count, joints, 3), bary
    return faces[reader.indices("faces_idx", len(faces), joints)], bary


def _hands(reader: _Reader, count: int) -> tuple[IndexArray, IndexArray]:
    return reader.indices("left_hand", count, None), reader.indices("right_hand", count, None)


def _j14(reader: _Reader, count: int) -> FloatArray:
    if len(reader.names()) != 1:
        raise BodyFileError(reader.path, "J14 regressor", "one array", ", ".join(reader.names()))
    return reader.floats(reader.names()[0], 14, count)


def _array(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    array = _guard(path, lambda: np.load(path, allow_pickle=False))
    if not isinstance(array, np.ndarray):
        raise BodyFileError(path, "not an npy file")
    if array.shape != shape:
        raise BodyFileError(path, "array", f"shape {shape}", f"shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BodyFileError(path, "array", "finite values", "NaN or infinity")
    return array


def _indices(path: Path, what: str, array: NDArray[Any], limit: int) -> IndexArray:
    if array.dtype.kind not in "iu":
        raise BodyFileError(path, what, "integers", str(array.dtype))
    indices = array.astype(np.int64)
    if indices.size and not 0 <= indices.min() <= indices.max() < limit:
        raise BodyFileError(
            path, what, f"indices in 0..{limit - 1}", f"{indices.min()}..{indices.max()}"
        )
    return indices


def _guard(path: Path, read: Callable[[], Any], what: str = "file") -> Any:
    """Turns whatever numpy raises on missing, damaged or pickled content into one clear error."""
    try:
        return read()
    except FileNotFoundError as error:
        raise BodyFileError(path, "no such file") from error
    except UNREADABLE as error:
        raise BodyFileError(path, f"cannot read {what}: {error}") from error
