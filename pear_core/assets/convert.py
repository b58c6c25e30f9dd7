"""One conversion per kind of file: from what users have to arrays that need no pickle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import SURFACE_JOINTS
from pear_core.assets import extra_joints
from pear_core.assets.fields import Sizes, floats
from pear_core.assets.known import KnownFile
from pear_core.assets.source import Source, described, faults_named, open_source
from pear_core.body.files import BodyFileError

Arrays = dict[str, NDArray[Any]]

OLD_COLUMNS = 20
"""SMPL-X v1.0 as first published: 10 shape and 10 expression directions."""
MAX_CORNERS = 8
"""A vertex of one mesh lies on a triangle of the other: three numbers per row, not thousands."""


@dataclass(frozen=True)
class Converted:
    """The arrays of a file by name, and the keys that were left out."""

    arrays: Arrays
    unread: tuple[str, ...] = ()


def convert(known: KnownFile, path: Path, sizes: Sizes) -> Converted:
    """What is kept of a file of this kind, checked. Raises BodyFileError."""
    return CONVERTERS[known.convert](known, path, sizes)


def _arrays(known: KnownFile, path: Path, sizes: Sizes) -> Converted:
    return _kept(known, open_source(path), sizes)


def _kept(known: KnownFile, source: Source, sizes: Sizes) -> Converted:
    arrays: Arrays = {}
    for key, field in known.fields.items():
        if field.required:
            arrays[key] = source.array(key, field, sizes)
        elif key in source.keys:
            # Nothing of ours needs it: another shape is no reason to refuse the file.
            with suppress(BodyFileError):
                arrays[key] = source.array(key, field, sizes)
    return Converted(arrays, tuple(key for key in source.keys if key not in arrays))


def _smplx(known: KnownFile, path: Path, sizes: Sizes) -> Converted:
    source = open_source(path)
    directions = source.array("shapedirs", floats("SMPL-X vertices", 3, None), sizes)
    if directions.shape[2] == OLD_COLUMNS:
        raise BodyFileError(
            path,
            "key 'shapedirs': SMPL-X v1.0 with 10 shape and 10 expression coefficients, the "
            "network writes 200 and 50; use v1.1 or the 2020 model",
            known.fields["shapedirs"].says(sizes),
            f"shape {directions.shape}",
        )
    return _kept(known, source, sizes)


def _single(known: KnownFile, path: Path, sizes: Sizes) -> Converted:
    source = open_source(path)
    ((name, field),) = known.fields.items()
    if len(source.keys) != 1:
        raise BodyFileError(path, "file", f"one array, {field.says(sizes)}", described(source))
    return Converted({name: source.array(source.keys[0], field, sizes)})


def _regions(known: KnownFile, path: Path, sizes: Sizes) -> Converted:
    source = open_source(path)
    (region, *_) = known.fields.values()
    keys = (*known.fields, *(key for key in source.keys if key not in known.fields))
    return Converted({key: source.array(key, region, sizes) for key in keys})


def _sparse(known: KnownFile, path: Path, sizes: Sizes) -> Converted:
    """A matrix with few numbers per row in the npz layout of scipy.sparse (CSR)."""
    source = open_source(path)
    ((key, field),) = known.fields.items()
    matrix = source.array(key, field, sizes)
    # A row at a time: the file has half a gigabyte and is mapped, not loaded.
    columns = [np.flatnonzero(row).astype(np.int32) for row in matrix]
    counts = np.array([len(found) for found in columns])
    sums = np.array([row[found].sum() for row, found in zip(matrix, columns, strict=True)])
    if counts.max() > MAX_CORNERS or not np.allclose(sums, 1, atol=1e-2):
        worst = int(np.argmax(np.abs(np.nan_to_num(sums, nan=np.inf) - 1)))
        raise BodyFileError(
            path,
            f"key '{key}'",
            f"rows of at most {MAX_CORNERS} numbers that sum to one",
            f"rows of up to {counts.max()} numbers, row {worst} sums to {sums[worst]:.6g}",
        )
    values = [row[found] for row, found in zip(matrix, columns, strict=True)]
    arrays = {
        "data": np.concatenate(values),
        "indices": np.concatenate(columns),
        "indptr": np.concatenate(([0], np.cumsum(counts))).astype(np.int32),
        "shape": np.array(matrix.shape, np.int64),
        "format": np.array(b"csr"),
    }
    return Converted(arrays, tuple(other for other in source.keys if other != key))


def _surface_joints(known: KnownFile, path: Path, sizes: Sizes) -> Converted:
    with faults_named(path, "file"):
        joints = extra_joints.parse(path.read_text(encoding="utf-8"))
    faces = np.array([joint.face for joint in joints.values()])
    count = sizes["SMPL-X faces"]
    if not 0 <= faces.min() <= faces.max() < count:
        raise BodyFileError(
            path, "face", f"indices in 0..{count - 1} (SMPL-X faces)",
            f"{faces.min()}..{faces.max()}",
        )  # fmt: skip
    bary = np.array([joint.bary for joint in joints.values()])
    return Converted({"names": np.array(SURFACE_JOINTS), "faces_idx": faces, "bary": bary})


CONVERTERS: Mapping[str, Callable[[KnownFile, Path, Sizes], Converted]] = {
    "arrays": _arrays,
    "smplx": _smplx,
    "single": _single,
    "regions": _regions,
    "sparse": _sparse,
    "surface_joints": _surface_joints,
}
