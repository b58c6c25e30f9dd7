"""A glTF 2.0 reader and player of its own, written from the specification: what our files must say.

Reads a .glb, decodes accessors (sparse ones too), samples the animation at a key frame, walks the
node tree and skins the mesh.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Player:
    """One scene with one skinned mesh and one animation."""

    def __init__(self, data: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON" and size % 4 == 0
        self.tree: dict[str, Any] = json.loads(data[20 : 20 + size])
        rest, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0" and rest % 4 == 0 and 28 + size + rest == len(data)
        self.blob = data[28 + size :]
        self.primitive = self.tree["meshes"][0]["primitives"][0]

    def array(self, index: int) -> NDArray[Any]:
        entry = self.tree["accessors"][index]
        width, count = WIDTHS[entry["type"]], entry["count"]
        values = np.zeros((count, width), DTYPES[entry["componentType"]])
        if "bufferView" in entry:
            values = self._view(entry["bufferView"], entry["componentType"], count, width).copy()
        if "sparse" in entry:
            few = entry["sparse"]["count"]
            where = entry["sparse"]["indices"]
            rows = self._view(where["bufferView"], where["componentType"], few, 1)[:, 0]
            changed = entry["sparse"]["values"]["bufferView"]
            values[rows] = self._view(changed, entry["componentType"], few, width)
        return values

    def _view(self, index: int, component: int, count: int, width: int) -> NDArray[Any]:
        view = self.tree["bufferViews"][index]
        dtype = np.dtype(DTYPES[component])
        assert view["byteOffset"] % dtype.itemsize == 0
        assert view["byteLength"] >= count * width * dtype.itemsize
        assert view["byteOffset"] + view["byteLength"] <= len(self.blob)
        flat = np.frombuffer(self.blob, dtype, count * width, view["byteOffset"])
        return flat.reshape(count, width)

    def attribute(self, name: str) -> NDArray[Any]:
        return self.array(self.primitive["attributes"][name])

    def triangles(self) -> NDArray[Any]:
        return self.array(self.primitive["indices"]).reshape(-1, 3)

    def skinning(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Joints and weights of all sets, [N, 4 k] each."""
        names = self.primitive["attributes"]
        sets = sum(name.startswith("JOINTS_") for name in names)
        joints = [self.attribute(f"JOINTS_{k}") for k in range(sets)]
        weights = [self.attribute(f"WEIGHTS_{k}") for k in range(sets)]
        return np.concatenate(joints, axis=1), np.concatenate(weights, axis=1)

    def times(self) -> NDArray[Any]:
        return self.array(self.tree["animations"][0]["samplers"][0]["input"])[:, 0]

    def key(self, frame: int) -> tuple[dict[int, dict[str, Any]], NDArray[Any]]:
        """Nodes' properties at a key frame, and the weights of the expressions."""
        nodes: dict[int, dict[str, Any]] = {i: dict(n) for i, n in enumerate(self.tree["nodes"])}
        targets = len(self.primitive.get("targets", ()))
        weights = np.zeros(targets)
        animation = self.tree["animations"][0]
        for channel in animation["channels"]:
            values = self.array(animation["samplers"][channel["sampler"]]["output"])
            path = channel["target"]["path"]
            if path == "weights":
                weights = values.reshape(-1, targets)[frame]
            else:
                nodes[channel["target"]["node"]][path] = values[frame]
        return nodes, weights

    def world(self, nodes: dict[int, dict[str, Any]]) -> dict[int, NDArray[Any]]:
        """4 x 4 matrices of all nodes of the scene."""
        found: dict[int, NDArray[Any]] = {}

        def visit(index: int, above: NDArray[Any]) -> None:
            local = np.eye(4)
            local[:3, :3] = matrix(nodes[index].get("rotation", (0, 0, 0, 1)))
            local[:3, 3] = nodes[index].get("translation", (0, 0, 0))
            found[index] = above @ local
            for child in nodes[index].get("children", ()):
                visit(child, found[index])

        for root in self.tree["scenes"][self.tree["scene"]]["nodes"]:
            visit(root, np.eye(4))
        return found

    def play(self, frame: int) -> NDArray[Any]:
        """Vertices [N, 3] of the scene at a key frame."""
        nodes, amounts = self.key(frame)
        world = self.world(nodes)
        points = self.attribute("POSITION").astype(np.float64)
        for amount, target in zip(amounts, self.primitive.get("targets", ())):
            points = points + amount * self.array(target["POSITION"])
        skin = self.tree["skins"][0]
        binds = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
        motion = np.stack([world[n] @ b for n, b in zip(skin["joints"], binds, strict=True)])
        joints, weights = self.skinning()
        blended = np.einsum("nk,nkij->nij", weights, motion[joints])
        return np.einsum("nij,nj->ni", blended[:, :3, :3], points) + blended[:, :3, 3]


def matrix(quaternion: Any) -> NDArray[Any]:
    """The rotation by a unit quaternion (x y z w), as the cross product of its vector says."""
    x, y, z, w = np.asarray(quaternion, np.float64)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross
