"""A binary glTF 2.0 file under construction: the JSON tree and the one buffer behind it."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC, _VERSION, _JSON, _BIN = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_COMPONENT: dict[np.dtype[Any], int] = {
    np.dtype(np.uint8): 5121,
    np.dtype(np.uint16): 5123,
    np.dtype(np.uint32): 5125,
    np.dtype(np.float32): 5126,
}
_TYPE = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
VERTICES, INDICES = 34962, 34963
"""Targets of buffer views: vertex attributes, triangle indices."""


class Glb:
    """Collects entries and arrays; `encode` gives the file.

    Every array starts at a multiple of 4 bytes, as every component type may.
    """

    def __init__(self, **asset: Any) -> None:
        self.tree: dict[str, Any] = {"asset": {"version": "2.0", "generator": "pear", **asset}}
        self._buffer = bytearray()

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        """Append to one of the lists ("nodes", "meshes", ...); returns the index."""
        entries: list[dict[str, Any]] = self.tree.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def accessor(self, array: NDArray[Any], target: int | None = None, bounds: bool = False) -> int:
        """The index of an accessor on an array [n] or [n, k]; bounds: with min and max."""
        entry = _describe(array, bounds)
        entry["bufferView"] = self._view(array, target)
        return self.add("accessors", entry)

    def sparse(self, array: NDArray[Any]) -> int:
        """The index of an accessor [n, k] with bounds that stores only the rows that are not 0."""
        rows = np.flatnonzero(np.any(array != 0, axis=1))
        index = rows.astype(np.uint16 if len(array) <= 1 << 16 else np.uint32)
        entry = _describe(array, bounds=True)
        entry["sparse"] = {
            "count": len(rows),
            "indices": {"bufferView": self._view(index), "componentType": _COMPONENT[index.dtype]},
            "values": {"bufferView": self._view(array[rows])},
        }
        return self.add("accessors", entry)

    def encode(self) -> bytes:
        """Header, JSON chunk, binary chunk."""
        self.tree["buffers"] = [{"byteLength": len(self._buffer)}]
        text = json.dumps(self.tree, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + len(self._buffer)
        return b"".join(
            (
                struct.pack("<3I", _MAGIC, _VERSION, total),
                struct.pack("<2I", len(text), _JSON),
                text,
                struct.pack("<2I", len(self._buffer), _BIN),
                bytes(self._buffer),
            )
        )

    def _view(self, array: NDArray[Any], target: int | None = None) -> int:
        view = {"buffer": 0, "byteOffset": len(self._buffer), "byteLength": array.nbytes}
        if target is not None:
            view["target"] = target
        self._buffer += np.ascontiguousarray(array).tobytes()
        self._buffer += b"\0" * (-len(self._buffer) % 4)
        return self.add("bufferViews", view)


def _describe(array: NDArray[Any], bounds: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "componentType": _COMPONENT[array.dtype],
        "count": len(array),
        "type": _TYPE[array.shape[1] if array.ndim == 2 else 1],
    }
    if bounds:
        rows = array.reshape(len(array), -1)
        entry["min"], entry["max"] = rows.min(axis=0).tolist(), rows.max(axis=0).tolist()
    return entry
