"""The glTF container: chunks, alignment, dense and sparse accessors."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from pear_core.exchange.glb import VERTICES, Glb


def chunks(data: bytes) -> tuple[dict, bytes]:
    magic, version, total, size, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, total, kind) == (b"glTF", 2, len(data), b"JSON")
    length, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0" and length == len(data) - 28 - size
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def test_arrays_lie_where_the_accessors_say() -> None:
    glb = Glb(extras={"a": 1})
    odd = np.array([3, 1, 2], np.uint8)
    points = np.array([[1, 5, -2], [0.5, 9, 3]], np.float32)
    assert glb.accessor(odd) == 0
    assert glb.accessor(points, VERTICES, bounds=True) == 1
    tree, blob = chunks(glb.encode())
    assert tree["asset"] == {"version": "2.0", "generator": "pear", "extras": {"a": 1}}
    first, second = tree["bufferViews"]
    assert blob[:3] == bytes([3, 1, 2]) and first["byteLength"] == 3
    assert second == {"buffer": 0, "byteOffset": 4, "byteLength": 24, "target": 34962}
    assert tree["accessors"] == [
        {"componentType": 5121, "count": 3, "type": "SCALAR", "bufferView": 0},
        {"componentType": 5126, "count": 2, "type": "VEC3", "min": [0.5, 5, -2], "max": [1, 9, 3],
         "bufferView": 1},
    ]  # fmt: skip
    assert struct.unpack_from("<6f", blob, 4) == (1, 5, -2, 0.5, 9, 3)
    assert tree["buffers"] == [{"byteLength": len(blob)}]


@pytest.mark.parametrize(("rows", "component", "form"), [(200, 5123, "<2H"), (70000, 5125, "<2I")])
def test_sparse_keeps_only_what_moves(rows: int, component: int, form: str) -> None:
    field = np.zeros((rows, 3), np.float32)
    field[2], field[rows - 1] = (0, 0, 4), (-1, 0, 0)
    glb = Glb()
    glb.sparse(field)
    tree, blob = chunks(glb.encode())
    (entry,) = tree["accessors"]
    assert (entry["count"], entry["type"]) == (rows, "VEC3") and "bufferView" not in entry
    assert (entry["min"], entry["max"]) == ([-1, 0, 0], [0, 0, 4])
    sparse = entry["sparse"]
    assert sparse["count"] == 2 and sparse["indices"]["componentType"] == component
    assert struct.unpack_from(form, blob) == (2, rows - 1)
    start = tree["bufferViews"][sparse["values"]["bufferView"]]["byteOffset"]
    assert struct.unpack_from("<6f", blob, start) == (0, 0, 4, -1, 0, 0)
    assert all("target" not in view for view in tree["bufferViews"])
