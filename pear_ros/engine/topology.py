"""What stays the same in every frame: faces, level of detail, UVs and names of the body mesh."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_ros.problems import UNREADABLE, PearError
from pear_ros.types import FloatArray

IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Topology:
    """Fixed structure of the mesh.

    faces (F, 3). lod_faces (f, 3): a coarser mesh over its own vertices, each the weighted sum of a
    few vertices of the full mesh: lod_indices (v, K), lod_weights (v, K), rows sum to 1. uv (U, 2)
    in [0, 1] with uv_faces (F, 3) into it; both empty where the body has none. joint_names: the 145
    joints. joint_parents (55,): of the kinematic joints, -1 for the root. expression_names: the
    SMPL-X and FLAME expressions. dominant_joint (V,): kinematic joint with the largest skinning
    weight of each vertex.
    """

    faces: IntArray
    lod_faces: IntArray
    lod_indices: IntArray
    lod_weights: FloatArray
    uv: FloatArray
    uv_faces: IntArray
    joint_names: tuple[str, ...]
    joint_parents: IntArray
    expression_names: tuple[str, ...]
    dominant_joint: IntArray

    @property
    def num_vertices(self) -> int:
        return int(self.dominant_joint.shape[0])

    def lod(self, vertices: FloatArray) -> FloatArray:
        """Vertices (..., V, 3) of the full mesh -> (..., v, 3) of the coarse one."""
        corners = vertices[..., self.lod_indices, :]
        coarse: FloatArray = np.einsum("...vkc,vk->...vc", corners, self.lod_weights, optimize=True)
        return coarse.astype(np.float32, copy=False)


def read_topology(data: bytes, where: str) -> Topology:
    """Topology from the bytes of topology.npz. Raises PearError if it is not a sound one."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            values = {name: arrays[name] for name in arrays.files}
        topology = Topology(
            faces=values["faces"].astype(np.int32),
            lod_faces=values["lod_faces"].astype(np.int32),
            lod_indices=values["lod_indices"].astype(np.int32),
            lod_weights=values["lod_weights"].astype(np.float32),
            uv=values["uv"].astype(np.float32),
            uv_faces=values["uv_faces"].astype(np.int32),
            joint_names=tuple(str(name) for name in values["joint_names"]),
            joint_parents=values["joint_parents"].astype(np.int32),
            expression_names=tuple(str(name) for name in values["expression_names"]),
            dominant_joint=values["dominant_joint"].astype(np.int32),
        )
    except KeyError as error:
        raise PearError("incomplete topology", where=where, expected=f"array {error}") from None
    except UNREADABLE as error:
        raise PearError("not a topology file", where=where, found=str(error)) from None
    _check(topology, where)
    return topology


def _check(topology: Topology, where: str) -> None:
    full, coarse = topology.num_vertices, len(topology.lod_indices)
    for name, index, limit, width in (
        ("faces", topology.faces, full, 3),
        ("lod_faces", topology.lod_faces, coarse, 3),
        ("lod_indices", topology.lod_indices, full, None),
        ("uv_faces", topology.uv_faces, len(topology.uv), 3),
    ):
        if index.ndim != 2 or (width is not None and index.shape[1] != width):
            raise PearError(
                f"{name} has shape {index.shape}", where=where, expected=f"(n, {width})"
            )
        if index.size and not (index.min() >= 0 and index.max() < limit):
            raise PearError(
                f"{name} points outside its vertices",
                where=where,
                expected=f"0..{limit - 1}",
                found=f"{index.min()}..{index.max()}",
            )
    if topology.lod_weights.shape != topology.lod_indices.shape:
        raise PearError(
            "lod_weights do not match lod_indices",
            where=where,
            expected=str(topology.lod_indices.shape),
            found=str(topology.lod_weights.shape),
        )
