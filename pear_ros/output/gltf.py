"""Binary glTF 2.0 (.glb) of posed people, for any 3D viewer.

Axes are glTF's: y up, the camera at the origin looking along -z (half a turn about x from the
optical frame); one node per person, placed by its translation, and a camera node with the picture's
field of view where it is known.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_ros.output.atomic import write_bytes
from pear_ros.output.mesh import vertex_normals, y_up
from pear_ros.problems import PearError
from pear_ros.types import Intrinsics

_MAGIC, _VERSION, _JSON, _BIN = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_COMPONENT: dict[np.dtype[Any], int] = {
    np.dtype(np.float32): 5126,
    np.dtype(np.uint8): 5121,
    np.dtype(np.uint16): 5123,
    np.dtype(np.uint32): 5125,
}
_TYPE = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963


@dataclass(frozen=True)
class Body:
    """One person's mesh: vertices (V, 3) and origin (3,) of its node in the optical frame, metres.

    colour: RGB 0..255, one (3,) or per vertex (V, 3).
    """

    name: str
    vertices: NDArray[np.floating]
    faces: NDArray[np.integer]
    colour: tuple[int, int, int] | NDArray[np.uint8] = (190, 190, 190)
    origin: NDArray[np.floating] = field(default_factory=lambda: np.zeros(3, np.float32))


class Document:
    """A glTF document under construction: the JSON tree and the one binary buffer behind it."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "pear"},
            "scene": 0,
            "scenes": [{"nodes": []}],
            "nodes": [],
        }
        self._buffer = bytearray()

    def add(self, kind: str, entry: dict[str, Any]) -> int:
        """Append an entry to one of the document's lists ("meshes", "nodes", ...); returns its
        index.
        """
        entries = self.tree.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def accessor(
        self,
        array: NDArray[Any],
        target: int | None = None,
        normalised: bool = False,
        bounds: bool = False,
    ) -> int:
        """Put an array (n,) or (n, k) into the buffer; returns the index of its accessor."""
        array = np.ascontiguousarray(array)
        start = len(self._buffer)
        self._buffer += array.tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": start, "byteLength": array.nbytes}
        if target is not None:
            view["target"] = target
        self._buffer += b"\0" * (-len(self._buffer) % 4)
        width = array.shape[1] if array.ndim == 2 else 1
        entry: dict[str, Any] = {
            "bufferView": self.add("bufferViews", view),
            "componentType": _COMPONENT[array.dtype],
            "count": len(array),
            "type": _TYPE[width],
        }
        if normalised:
            entry["normalized"] = True
        if bounds:
            entry["min"], entry["max"] = array.min(0).tolist(), array.max(0).tolist()
        return self.add("accessors", entry)

    def node(self, entry: dict[str, Any]) -> int:
        """A node at the root of the scene."""
        index = self.add("nodes", entry)
        self.tree["scenes"][0]["nodes"].append(index)
        return index

    def encode(self) -> bytes:
        """The .glb file: header, JSON chunk, binary chunk."""
        self.tree["buffers"] = [{"byteLength": len(self._buffer)}]
        text = json.dumps(self.tree, separators=(",", ":")).encode()
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


def write_glb(path: str | Path, people: Sequence[Body], camera: Intrinsics | None = None) -> None:
    """Write people as static meshes with normals and vertex colours (atomic). Raises PearError if
    nobody is there.
    """
    if not people:
        raise PearError("nobody to write", where=str(path), expected="at least one person")
    document = Document()
    if camera is not None:
        document.node({"name": "camera", "camera": document.add("cameras", _camera(camera))})
    material = document.add(
        "materials",
        {
            "name": "skin",
            "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.75},
        },
    )
    for body in people:
        mesh = document.add(
            "meshes", {"name": body.name, "primitives": [_primitive(document, body, material)]}
        )
        translation = y_up(body.origin).tolist()
        document.node({"name": body.name, "mesh": mesh, "translation": translation})
    write_bytes(path, document.encode())


def _primitive(document: Document, body: Body, material: int) -> dict[str, Any]:
    local = y_up(np.asarray(body.vertices, np.float32) - np.asarray(body.origin, np.float32))
    small = len(local) <= np.iinfo(np.uint16).max
    indices = np.asarray(body.faces).astype(np.uint16 if small else np.uint32).reshape(-1)
    colour = np.broadcast_to(np.asarray(body.colour, np.float64) / 255.0, (len(local), 3))
    # glTF's vertex colours are linear light, ours are sRGB.
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    rgba = np.full((len(local), 4), 255, np.uint8)
    rgba[:, :3] = np.rint(255 * linear)
    return {
        "attributes": {
            "POSITION": document.accessor(local, _ARRAY_BUFFER, bounds=True),
            "NORMAL": document.accessor(_unit_normals(local, body.faces), _ARRAY_BUFFER),
            "COLOR_0": document.accessor(rgba, _ARRAY_BUFFER, normalised=True),
        },
        "indices": document.accessor(indices, _ELEMENT_ARRAY_BUFFER),
        "material": material,
    }


def _unit_normals(
    vertices: NDArray[np.floating], faces: NDArray[np.integer]
) -> NDArray[np.float32]:
    normals = vertex_normals(vertices, faces)
    normals[(normals == 0).all(1)] = (0, 0, 1)  # glTF demands unit length even where no face is
    return normals


def _camera(camera: Intrinsics) -> dict[str, Any]:
    return {
        "type": "perspective",
        "perspective": {
            "yfov": 2 * math.atan(camera.height / (2 * camera.fy)),
            "aspectRatio": camera.width * camera.fy / (camera.height * camera.fx),
            "znear": 0.01,
        },
    }


def read_glb(path: str | Path) -> list[Body]:
    """The people of a file of write_glb, back in the optical frame. Raises PearError for others."""
    try:
        tree, blob = _chunks(Path(path).read_bytes())
        found = [_body(tree, blob, node) for node in tree["nodes"] if "mesh" in node]
    except OSError as error:
        raise PearError("cannot read", where=str(path), found=str(error)) from None
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        RecursionError,
        struct.error,
    ) as error:
        raise PearError(
            "not a .glb file of people", where=str(path), found=f"{type(error).__name__}: {error}"
        ) from None
    return found


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, total, size, kind = struct.unpack_from("<5I", data)
    if (magic, version, total, kind) != (_MAGIC, _VERSION, len(data), _JSON):
        raise ValueError("no glTF 2.0 header, or another length")
    length, kind = struct.unpack_from("<2I", data, 20 + size)
    if kind != _BIN or 28 + size + length != len(data):
        raise ValueError("no binary chunk, or another length")
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def _body(tree: dict[str, Any], blob: bytes, node: dict[str, Any]) -> Body:
    (primitive,) = tree["meshes"][node["mesh"]]["primitives"]
    local = _array(tree, blob, primitive["attributes"]["POSITION"], 3)
    linear = _array(tree, blob, primitive["attributes"]["COLOR_0"], 4)[:, :3] / 255.0
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    faces = _array(tree, blob, primitive["indices"], 1).reshape(-1, 3).astype(np.int32)
    if local.dtype != np.float32 or len(linear) != len(local):
        raise ValueError("another vertex layout")
    if faces.size and faces.max() >= len(local):
        raise ValueError("a face points outside its vertices")
    origin = y_up(np.array(node["translation"], np.float32).reshape(3))
    colour = np.rint(255 * srgb).astype(np.uint8)
    return Body(str(node["name"]), y_up(local) + origin, faces, colour, origin)


def _array(tree: dict[str, Any], blob: bytes, index: int, width: int) -> NDArray[Any]:
    accessor = tree["accessors"][index]
    kinds = {code: dtype for dtype, code in _COMPONENT.items()}
    start = tree["bufferViews"][accessor["bufferView"]]["byteOffset"]
    if start < 0 or accessor["count"] < 0:
        raise ValueError("negative size")
    count = accessor["count"] * width
    return np.frombuffer(blob, kinds[accessor["componentType"]], count, start).reshape(-1, width)
