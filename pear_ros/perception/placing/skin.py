"""Points on the skin of a posed body: what a depth camera sees of it, instead of its inner joints.

The mesh of a frame costs milliseconds, so the skin is a few dozen points of the mean body that ride
on the bones. On rendered people whose pose is known, the trunk's points lie within 2 cm (standard
deviation) of the surface, most of it the thickness that the mean body does not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pear_core import anatomy, layout
from pear_ros.engine.topology import Topology
from pear_ros.types import FloatArray, Parameters

_Array = NDArray[np.float64]
_Index = NDArray[np.intp]


@dataclass(frozen=True)
class Patch:
    """Points on a bone. sigma: how far, in metres, its depth against the pelvis is off in regressed
    bodies (standard deviation; measured on rendered people with the shipped model). core: it lies in
    the middle of a person's outline, so that a misplaced outline still covers it.
    """

    bone: str
    points: int
    sigma: float
    core: bool = False


PATCHES = (
    Patch("pelvis", 12, 0.03, True),
    Patch("spine1", 8, 0.04, True),
    Patch("spine2", 6, 0.05, True),
    Patch("spine3", 4, 0.07, True),
    Patch("left_hip", 3, 0.06),
    Patch("right_hip", 3, 0.06),
    Patch("left_collar", 1, 0.075),
    Patch("right_collar", 1, 0.075),
    Patch("neck", 1, 0.08),
    Patch("head", 3, 0.09),
    Patch("left_knee", 1, 0.10),
    Patch("right_knee", 1, 0.10),
    Patch("left_shoulder", 1, 0.11),
    Patch("right_shoulder", 1, 0.11),
)
_LAST_BONE = anatomy.BODY_JOINTS.index("right_shoulder")


@runtime_checkable
class Body(Protocol):
    """The part of an engine that knows the body's surface."""

    @property
    def topology(self) -> Topology: ...

    def joints(self, parameters: Parameters) -> FloatArray: ...

    def mesh(self, parameters: Parameters) -> FloatArray: ...


@dataclass(frozen=True)
class Skin:
    """P points: bone (P,) kinematic joint, patch (P,) index into PATCHES, local (P, 3, 2) offset from
    the joint in metres and outward normal, both in the axes of the rest pose.
    """

    bone: _Index
    patch: _Index
    local: _Array

    @cached_property
    def core(self) -> NDArray[np.bool_]:
        """Whether each point (P,) lies on a patch of the trunk."""
        return np.array([patch.core for patch in PATCHES])[self.patch]

    @cached_property
    def precision(self) -> _Array:
        """Inverse variance (P,) of each point's depth against the pelvis, 1 / m^2."""
        return np.array([patch.sigma**-2.0 for patch in PATCHES])[self.patch]

    @cached_property
    def member(self) -> _Array:
        """1 where a point (P) belongs to a patch, else 0: (P, len(PATCHES))."""
        return (self.patch[:, None] == np.arange(len(PATCHES))).astype(np.float64)

    @classmethod
    def of(cls, body: Body) -> Skin:
        """The skin of a body model's mean shape; one mesh and a few milliseconds."""
        rest = rest_pose(1)
        vertices = np.asarray(body.mesh(rest)[0], np.float64)
        joints = np.asarray(body.joints(rest)[0], np.float64)
        normals = _normals(vertices, body.topology.faces)
        ids: list[_Index] = []
        patches: list[_Index] = []
        for number, patch in enumerate(PATCHES):
            joint = anatomy.BODY_JOINTS.index(patch.bone)
            on_bone = np.flatnonzero(body.topology.dominant_joint == joint)
            chosen = on_bone[_spread(vertices[on_bone], patch.points)]
            ids.append(chosen)
            patches.append(np.full(len(chosen), number))
        vertex, index = np.concatenate(ids), np.concatenate(patches)
        bone = np.array([anatomy.BODY_JOINTS.index(PATCHES[i].bone) for i in index], np.intp)
        local = np.stack([vertices[vertex] - joints[bone], normals[vertex]], axis=-1)
        return cls(bone, index, local)

    def pose(self, rotations: FloatArray, joints: FloatArray) -> tuple[_Array, _Array]:
        """Points and outward normals (N, P, 3) of people with local rotations (N, 52, 3, 3) and
        joints (N, 145, 3), in the frame of the joints.
        """
        turned = global_rotations(rotations)[:, self.bone] @ self.local
        return turned[..., 0] + joints[:, self.bone], turned[..., 1]


def rest_pose(count: int) -> Parameters:
    """Parameters of people of mean shape in the T-pose."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (count, layout.NUM_ROTATIONS, 1, 1))
    fields = {
        name: np.zeros((count, *layout.FIELDS[name].shape), np.float32)
        for name in Parameters.__dataclass_fields__
        if name != "rotations"
    }
    for name in ("hand_scale", "head_scale"):
        fields[name] += 1.0
    return Parameters(rotations=rotations, **fields)


_CHAIN = (
    (slice(1, 4), slice(0, 1)),  # hips and spine1 on the pelvis
    (slice(4, 7), slice(1, 4)),  # knees and spine2
    (slice(9, 10), slice(6, 7)),  # spine3
    (slice(12, 15), slice(9, 10)),  # neck and collars
    (slice(15, 18), slice(12, 15)),  # head and shoulders
)
"""Joints and their parents, ordered from the root to the upper arms; ankles and feet carry no skin."""


def global_rotations(rotations: FloatArray) -> _Array:
    """Rotations (N, 18, 3, 3) of the bones down to the upper arms from local ones, root first.

    Those of ankles and feet (7, 8, 10, 11) stay local.
    """
    turned = np.array(rotations[:, : _LAST_BONE + 1], dtype=np.float64)
    for joints, parents in _CHAIN:
        turned[:, joints] = turned[:, parents] @ turned[:, joints]
    return turned


def _normals(vertices: _Array, faces: NDArray[np.int32]) -> _Array:
    """Unit normals (V, 3), triangles weighted by their area; zero where a vertex has none."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    across = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in faces.T:
        np.add.at(normals, corner, across)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _spread(points: _Array, count: int) -> _Index:
    """Indices of up to `count` points far from each other, beginning near their middle."""
    chosen: list[int] = []
    if len(points):
        chosen.append(int(((points - points.mean(axis=0)) ** 2).sum(axis=1).argmin()))
        nearest = ((points - points[chosen[0]]) ** 2).sum(axis=1)
        while len(chosen) < min(count, len(points)):
            chosen.append(int(nearest.argmax()))
            nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return np.array(chosen, dtype=np.intp)
