"""A recorded person as an animated binary glTF: skeleton, skin, expressions, one animation.

Blender, Unity, Isaac Sim and the web play it. Axes are glTF's: y up, right-handed, metres, the
camera that saw the person at the origin, looking along -z; the rest pose is a T-pose that faces +z.
Rotations are keyed at the stamps of the frames and interpolated along the shortest arc in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core.anatomy import SMPLX_JOINTS, SMPLX_PARENTS
from pear_core.body.files import BodyAssets
from pear_core.exchange.arrays import ExchangeError, FloatArray
from pear_core.exchange.glb import INDICES, VERTICES, Glb
from pear_core.exchange.motion import Y_UP_FROM_OPTICAL, Motion, turned
from pear_core.exchange.rest_body import RestBody, rest_body
from pear_core.exchange.skeleton import RestJoints, all_rotations, lock_shape

_SET = 4
"""Joints in one attribute (JOINTS_0, JOINTS_1, ...)."""


@dataclass(frozen=True)
class _Surface:
    """The mesh with vertices split at texture seams: `source` [N] is the vertex of each."""

    source: NDArray[np.int64]
    triangles: NDArray[np.int64]
    texture: NDArray[np.float32] | None


def to_gltf(
    motion: Motion,
    assets: BodyAssets,
    influences: int = 4,
    scale_about: Literal["eyes", "origin"] = "eyes",
) -> bytes:
    """The .glb file of a motion, worn by the body of these files in one shape.

    influences: joints per vertex, 4 (all that many programs read) or 8 (a second set of
    attributes). Raises ExchangeError.
    """
    if influences not in (_SET, 2 * _SET):
        raise ExchangeError("glTF", "joints per vertex", "4 or 8", str(influences))
    motion = lock_shape(motion, RestJoints.of(assets.smplx))
    body = rest_body(assets, motion, scale_about)
    pelvis = np.broadcast_to(body.joints[0], motion.transl.shape)
    motion = turned(motion, Y_UP_FROM_OPTICAL, pelvis)
    name = f"human_{motion.track_id}"
    glb = Glb(extras={"body_model": motion.body, "track_id": motion.track_id})
    nodes = _skeleton(glb, body.joints)
    root = glb.add("nodes", {"name": name, "children": [nodes[0]]})
    mesh = _mesh(glb, name, body, influences)
    skin = _skin(glb, nodes, body.joints)
    wearer = glb.add("nodes", {"name": f"{name}_mesh", "mesh": mesh, "skin": skin})
    glb.tree["scenes"] = [{"nodes": [root, wearer]}]
    glb.tree["scene"] = 0
    _animation(glb, name, motion, body, nodes, wearer)
    return glb.encode()


def _skeleton(glb: Glb, joints: FloatArray) -> list[int]:
    """One node per joint, named as in SMPL-X, each placed relative to its parent."""
    nodes = []
    for joint, parent in enumerate(SMPLX_PARENTS):
        bone = joints[joint] - (joints[parent] if parent >= 0 else 0.0)
        entry: dict[str, Any] = {"name": SMPLX_JOINTS[joint], "translation": bone.tolist()}
        nodes.append(glb.add("nodes", entry))
        if parent >= 0:
            glb.tree["nodes"][nodes[parent]].setdefault("children", []).append(nodes[joint])
    return nodes


def _skin(glb: Glb, nodes: list[int], joints: FloatArray) -> int:
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:, :3, 3] = -joints
    # glTF matrices are stored column by column.
    columns = inverse.swapaxes(1, 2).reshape(-1, 16).astype(np.float32)
    bind = glb.accessor(columns)
    return glb.add("skins", {"joints": nodes, "inverseBindMatrices": bind, "skeleton": nodes[0]})


def _mesh(glb: Glb, name: str, body: RestBody, influences: int) -> int:
    surface = _surface(body)
    source = surface.source
    points = body.vertices.astype(np.float32)[source]
    attributes = {
        "POSITION": glb.accessor(points, VERTICES, bounds=True),
        "NORMAL": glb.accessor(_normals(body.vertices, body.faces)[source], VERTICES),
    }
    if surface.texture is not None:
        attributes["TEXCOORD_0"] = glb.accessor(surface.texture, VERTICES)
    joints, weights = strongest(body.weights, influences)
    for k in range(influences // _SET):
        part = slice(k * _SET, (k + 1) * _SET)
        attributes[f"JOINTS_{k}"] = glb.accessor(joints[source, part], VERTICES)
        attributes[f"WEIGHTS_{k}"] = glb.accessor(weights[source, part], VERTICES)
    small = len(source) < 1 << 16
    indices = surface.triangles.reshape(-1).astype(np.uint16 if small else np.uint32)
    primitive: dict[str, Any] = {
        "attributes": attributes,
        "indices": glb.accessor(indices, INDICES),
        "material": glb.add("materials", _MATERIAL),
    }
    mesh: dict[str, Any] = {"name": name, "primitives": [primitive]}
    if body.morphs:
        offsets = (morph.offsets.astype(np.float32)[source] for morph in body.morphs)
        primitive["targets"] = [{"POSITION": glb.sparse(field)} for field in offsets]
        mesh["weights"] = [0.0] * len(body.morphs)
        mesh["extras"] = {"targetNames": [morph.name for morph in body.morphs]}
    return glb.add("meshes", mesh)


_MATERIAL: dict[str, Any] = {
    "name": "skin",
    "pbrMetallicRoughness": {
        "baseColorFactor": [0.6, 0.45, 0.38, 1.0],
        "metallicFactor": 0.0,
        "roughnessFactor": 0.75,
    },
}


def _surface(body: RestBody) -> _Surface:
    if not len(body.uv):
        return _Surface(np.arange(len(body.vertices)), body.faces, None)
    corner = body.faces.reshape(-1) * len(body.uv) + body.uv_faces.reshape(-1)
    pairs, triangles = np.unique(corner, return_inverse=True)
    # glTF counts v from the upper edge of the picture.
    texture = body.uv[pairs % len(body.uv)] * (1, -1) + (0, 1)
    return _Surface(
        pairs // len(body.uv), triangles.reshape(-1, 3), np.ascontiguousarray(texture, np.float32)
    )


def strongest(
    weights: FloatArray, influences: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The strongest joints [V, influences] of every vertex and their weights, which sum to 1.

    Joints without weight are 0, as glTF asks. Strongest first, so that a reader of fewer gets them.
    """
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :influences]
    kept = np.take_along_axis(weights, joints, axis=1)
    total = np.maximum(kept.sum(axis=1, keepdims=True), 1e-12)
    kept = (kept / total).astype(np.float32)
    # Rounding must not show in the sum.
    kept[:, 0] = 1 - kept[:, 1:].sum(axis=1)
    return np.where(kept > 0, joints, 0).astype(np.uint8), kept


def _normals(vertices: FloatArray, faces: NDArray[np.int64]) -> NDArray[np.float32]:
    corners = vertices[faces]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for corner in faces.T:
        for axis in range(3):
            total[:, axis] += np.bincount(corner, face[:, axis], minlength=len(vertices))
    length = np.linalg.norm(total, axis=1, keepdims=True)
    # glTF demands unit length even where no face is.
    unit = np.where(length > 0, total / np.maximum(length, 1e-30), (0.0, 0.0, 1.0))
    return unit.astype(np.float32)


def _animation(
    glb: Glb, name: str, motion: Motion, body: RestBody, nodes: list[int], wearer: int
) -> None:
    times = glb.accessor(motion.times().astype(np.float32), bounds=True)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []

    def channel(node: int, path: str, values: FloatArray) -> None:
        output = glb.accessor(np.ascontiguousarray(values, np.float32))
        samplers.append({"input": times, "output": output, "interpolation": "LINEAR"})
        target = {"node": node, "path": path}
        channels.append({"sampler": len(samplers) - 1, "target": target})

    channel(nodes[0], "translation", motion.transl + body.joints[0])
    vectors = all_rotations(motion)
    for joint, node in enumerate(nodes):
        channel(node, "rotation", quaternions(vectors[:, joint]))
    if body.morphs:
        values = np.stack([morph.weights for morph in body.morphs], axis=1)
        channel(wearer, "weights", values.reshape(-1))
    glb.add("animations", {"name": name, "samplers": samplers, "channels": channels})


def quaternions(vectors: FloatArray) -> FloatArray:
    """Unit quaternions [T, 4] (x y z w) of axis-angles [T, 3], without jumps of sign."""
    turns = Rotation.from_rotvec(vectors).as_quat()
    opposed = (turns[1:] * turns[:-1]).sum(axis=1) < 0
    sign = np.concatenate(([1.0], np.cumprod(np.where(opposed, -1.0, 1.0))))
    continuous: FloatArray = turns * sign[:, None]
    return continuous
