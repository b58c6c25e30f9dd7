"""A body whose skin is a ball around every joint that carries skin: its depth image is a formula."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pear_core import anatomy
from pear_ros.engine.topology import Topology
from pear_ros.perception.placing.skin import PATCHES
from pear_ros.types import FloatArray, Intrinsics, Parameters

RADIUS = 0.06
PLACES = {
    "pelvis": (0.0, 0.0, 0.0),
    "left_hip": (0.1, -0.1, 0.0),
    "right_hip": (-0.1, -0.1, 0.0),
    "spine1": (0.0, 0.12, 0.0),
    "left_knee": (0.1, -0.5, 0.0),
    "right_knee": (-0.1, -0.5, 0.0),
    "spine2": (0.0, 0.25, 0.0),
    "spine3": (0.0, 0.35, 0.0),
    "neck": (0.0, 0.55, 0.0),
    "left_collar": (0.1, 0.45, 0.0),
    "right_collar": (-0.1, 0.45, 0.0),
    "head": (0.0, 0.7, 0.0),
    "left_shoulder": (0.25, 0.45, 0.0),
    "right_shoulder": (-0.25, 0.45, 0.0),
    "left_heel": (0.1, -0.9, 0.0),
    "right_heel": (-0.1, -0.9, 0.0),
    "head_top": (0.0, 0.8, 0.0),
}
"""Metres in the rest pose: y up, looking along z."""
BALLS = tuple(patch.bone for patch in PATCHES)


def rest_joints() -> np.ndarray:
    """(145, 3); joints that no place names lie at the pelvis."""
    joints = np.zeros((145, 3))
    for name, place in PLACES.items():
        joints[anatomy.EHM_JOINTS.index(name)] = place
    return joints


def ball() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) of a unit sphere and faces that look outwards."""
    rings, around = 9, 14
    theta = np.linspace(0, np.pi, rings + 1)[1:-1]
    phi = 2 * np.pi * np.arange(around) / around
    grid = [(np.sin(t) * np.cos(p), np.cos(t), np.sin(t) * np.sin(p)) for t in theta for p in phi]
    vertices = np.array([*grid, (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)])
    faces = []
    for i in range(rings - 2):
        for j in range(around):
            a, b = i * around + j, i * around + (j + 1) % around
            faces += [(a, b, a + around), (b, b + around, a + around)]
    for j in range(around):
        last = (rings - 2) * around
        faces += [(len(grid), (j + 1) % around, j)]
        faces += [(len(grid) + 1, last + j, last + (j + 1) % around)]
    return vertices, np.array(faces, np.int32)


@dataclass
class BallBody:
    """Engine of the ball body. Beta 0 stretches it along y: a unit is `growth` of its height; beta 1
    does nothing; the head's scale and flame_shape 0 lift the top of the head by metres per unit.
    """

    growth: float = 0.1
    lift: float = 0.2
    flame: float = 0.03
    calls: list[str] = field(default_factory=list)

    @property
    def topology(self) -> Topology:
        vertices, faces = ball()
        owner = [anatomy.BODY_JOINTS.index(name) for name in BALLS]
        whole = np.concatenate([faces + i * len(vertices) for i in range(len(owner))])
        none = np.zeros((0, 3), np.int32)
        return Topology(
            whole, none, none, none.astype(np.float32), np.zeros((0, 2), np.float32), none,
            anatomy.EHM_JOINTS, anatomy.SMPLX_PARENTS, (), np.repeat(owner, len(vertices)),
        )  # fmt: skip

    def joints(self, parameters: Parameters) -> FloatArray:
        """Of the rest pose, turned by the root alone."""
        self.calls.append("joints")
        rest = np.tile(rest_joints(), (len(parameters), 1, 1))
        rest[..., 1] *= 1.0 + self.growth * parameters.betas[:, :1]
        top = anatomy.EHM_JOINTS.index("head_top")
        rest[:, top, 1] += self.lift * (parameters.head_scale[:, 1] - 1.0)
        rest[:, top, 1] += self.flame * parameters.flame_shape[:, 0]
        return (rest @ parameters.rotations[:, 0].transpose(0, 2, 1)).astype(np.float32)

    def mesh(self, parameters: Parameters) -> FloatArray:
        self.calls.append("mesh")
        vertices, _ = ball()
        joints = self.joints(parameters)
        return np.concatenate(
            [joints[:, anatomy.EHM_JOINTS.index(n), None] + RADIUS * vertices for n in BALLS],
            axis=1,
        ).astype(np.float32)


def depth_image(joints: np.ndarray, k: Intrinsics, wall: float = 8.0) -> np.ndarray:
    """Depth (H, W) of the balls around joints (145, 3) in the optical frame, before a wall."""
    y, x = np.mgrid[: k.height, : k.width]
    ray = np.stack([(x - k.cx) / k.fx, (y - k.cy) / k.fy, np.ones_like(x, float)], axis=-1)
    square = (ray**2).sum(axis=-1)
    depth = np.full(x.shape, wall)
    for name in BALLS:
        centre = joints[anatomy.EHM_JOINTS.index(name)].astype(float)
        along = ray @ centre
        root = along**2 - square * (centre @ centre - RADIUS**2)
        near = (along - np.sqrt(np.maximum(root, 0))) / square
        depth = np.where((root > 0) & (near < depth), near, depth)
    return depth.astype(np.float32)
