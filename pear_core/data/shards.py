"""Shards of training records on disk: folders of plain .npy files, memory-mapped, never pickled.

A shard is complete or absent: it is written under another name and renamed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.data.records import (
    FEATURE_SHAPES,
    SHAPES,
    Batch,
    Record,
    RecordError,
    stack,
)

FORMAT, FEATURES_FORMAT = "pear-shard-1", "pear-features-1"
FORMATS = {FORMAT: SHAPES, FEATURES_FORMAT: FEATURE_SHAPES}


def write_shard(folder: Path, records: Sequence[Record], body_sha256: str = "") -> None:
    """Writes records as one shard; replaces nothing (FileExistsError).

    body_sha256: fingerprint of the body model whose parameters the labels are.
    """
    write_arrays(folder, FORMAT, stack(records), body_sha256)


def write_arrays(folder: Path, kind: str, arrays: Batch, body_sha256: str) -> None:
    """Writes a shard of format `kind` from arrays with a leading record axis."""
    if folder.exists():
        raise FileExistsError(folder)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array, allow_pickle=False)
        header = {"format": kind, "records": len(arrays["camera"]), "body_sha256": body_sha256}
        (partial / "shard.json").write_text(json.dumps(header))
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


class Shards:
    """All shards of a folder as one long list of records; images stay on disk until asked for.

    Raises RecordError for a folder without shards or with arrays of another shape.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refresh()

    def refresh(self) -> None:
        """Looks again at what is in the folder (a renderer may still be adding to it)."""
        folders = [part for part in sorted(self.folder.glob("[!.]*")) if part.is_dir()]
        if not folders:
            raise RecordError(f"{self.folder}: no shards here")
        headers = [_header(part) for part in folders]
        for key in ("format", "body_sha256"):
            found = {header[key] for header in headers} - {""}
            if len(found) > 1:
                raise RecordError(f"{self.folder}: shards of several {key}: {sorted(found)}")
        self.kind = str(headers[0]["format"])
        self.body_sha256 = max(str(header["body_sha256"]) for header in headers)
        parts = [_open(part, header) for part, header in zip(folders, headers, strict=True)]
        self._content = parts, np.cumsum([len(part["camera"]) for part in parts])

    def __len__(self) -> int:
        return int(self._content[1][-1])

    def batch(self, indices: NDArray[np.int64] | Sequence[int]) -> dict[str, NDArray[Any]]:
        """The records of these numbers, copied."""
        wanted = np.asarray(indices, dtype=np.int64)
        parts, ends = self._content
        if wanted.size and (wanted.min() < 0 or wanted.max() >= ends[-1]):
            raise RecordError(f"record {wanted.max()} of {ends[-1]}")
        part = np.searchsorted(ends, wanted, side="right")
        inside = wanted - np.concatenate([[0], ends[:-1]])[part]
        return {
            name: np.stack([parts[p][name][i] for p, i in zip(part, inside, strict=True)])
            for name in FORMATS[self.kind]
        }

    def in_order(self, size: int) -> Iterator[dict[str, NDArray[Any]]]:
        """Batches of at most `size`, first to last."""
        for start in range(0, len(self), size):
            yield self.batch(range(start, min(start + size, len(self))))


def _header(folder: Path) -> dict[str, Any]:
    description = folder / "shard.json"
    try:
        header = json.loads(description.read_text())
    except (OSError, ValueError) as error:
        raise RecordError(f"{description}: {error}") from None
    if header.get("format") not in FORMATS:
        raise RecordError(
            f"{description}: expected format {' or '.join(FORMATS)}, found {header.get('format')!r}"
        )
    return {"body_sha256": "", **header}


def _open(folder: Path, header: dict[str, Any]) -> Batch:
    arrays: dict[str, NDArray[Any]] = {}
    for name, (shape, dtype) in FORMATS[header["format"]].items():
        path = folder / f"{name}.npy"
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise RecordError(f"{path}: {error}") from None
        if array.shape != (header["records"], *shape) or array.dtype != dtype:
            raise RecordError(
                f"{path}: expected {dtype} {(header['records'], *shape)}, "
                f"found {array.dtype} {array.shape}"
            )
        arrays[name] = array
    return arrays
