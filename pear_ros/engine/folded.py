"""The body in numpy: joints in a tenth of a millisecond, the mesh in well under two.

A graph of four hundred tiny operations costs an engine more in calls than in arithmetic, and it
works out a person's shape anew in every frame. This reads the constants out of the body and mesh
graphs of a bundle, so the bundle stays as it is, and remembers the shapes of the last few people.
`folded` compares the two before numpy takes a graph's place. The torch side, which says why each
step is there, is `pear_core.body.ehm`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pear_core import layout
from pear_core.anatomy import HEAD, PELVIS, SMPLX_PARENTS
from pear_ros.engine.base import Session
from pear_ros.engine.folded_constants import (
    BodyConstants,
    UnknownGraph,
    product,
    read_constants,
)
from pear_ros.engine.kinematics import Skin, forward_kinematics
from pear_ros.engine.onnx_graph import read_graph
from pear_ros.engine.rotations import matrix_from_6d, matrix_from_axis_angle
from pear_ros.problems import PearError
from pear_ros.types import FloatArray, Parameters

TOLERANCE = 1e-5
"""By how much numpy may differ from the graph: metres, and parts of a crop or of a rotation."""
KEPT_SHAPES = 16
"""People whose shape is remembered."""
_MAX_YAW = 39.0
_EYES = slice(3, 5)
_TINY = np.float32(1e-9)
_EYE: FloatArray = np.eye(3, dtype=np.float32)


@dataclass(frozen=True)
class _Shape:
    """What betas and flame_shape alone decide: rest body (3, B), joints (3, 55), anchor (3, 1); rest
    head (3, H) and FLAME joints (3, 5), each behind the other in one row.
    """

    body: FloatArray
    head: FloatArray


class FoldedBody:
    """EHM-s of one graph's constants. All arrays float32; safe to call from any thread."""

    def __init__(self, constants: BodyConstants, scale_about: str) -> None:
        """scale_about: the fixed point of head_scale, "eyes" or "origin" (the manifest says)."""
        c = constants
        self._c, self._about_eyes = c, scale_about == "eyes"
        self._skin, self._head_skin = Skin(c.weights), Skin(c.head_weights)
        rest = (c.body, c.joints, c.anchor)
        self._body_rest = np.concatenate([part.reshape(-1) for part in rest])
        self._head_rest = np.concatenate([c.head.reshape(-1), c.head_joints.reshape(-1)])
        if c.order is not None:
            # Where each coordinate of the mesh lies among (3, V).
            self._output = (c.order[:, None] + c.weights.shape[1] * np.arange(3)).reshape(-1)
        self._shape = lru_cache(maxsize=KEPT_SHAPES)(self._shape_of)

    def vertices(self, parameters: Parameters) -> FloatArray:
        """The mesh (N, V, 3) in metres, body model's output frame; only of a mesh graph."""
        assert self._c.order is not None
        posed = self._posed(parameters)[0]
        flat = posed.reshape(len(posed), -1)
        return flat.take(self._output, axis=1).reshape(len(posed), -1, 3)

    def joints(self, parameters: Parameters) -> FloatArray:
        """The 145 joints (N, 145, 3); only of a body graph."""
        c = self._c
        assert c.landmarks is not None
        vertices, joints, world = self._posed(parameters)
        if c.j14 is not None:
            flat = vertices.reshape(-1, vertices.shape[2])
            regressed = product(flat, c.j14.T).reshape(len(vertices), 3, -1)
            joints = np.concatenate((joints, regressed), axis=2)[:, :, c.j14_order]
        out = np.empty((len(vertices), 145, 3), np.float32)
        kinematic = joints.shape[2]
        out[:, :kinematic] = joints.transpose(0, 2, 1)
        for i in range(len(vertices)):
            row = contour_row(world[i, PELVIS], world[i, HEAD])
            corners = vertices[i].take(c.landmarks.triangles[row], axis=1)
            out[i, kinematic:] = np.einsum("akc,kc->ka", corners, c.landmarks.weights[row])
        return out

    def _shape_of(self, betas: bytes, flame_shape: bytes) -> _Shape:
        # One person at a time: worked out together, a shape would depend in its last bits on who
        # else was new in that frame, and the same bag would not give the same bytes twice.
        return _Shape(
            self._body_rest + self._c.shape(np.frombuffer(betas, np.float32)[None])[0],
            self._head_rest + self._c.head_shape(np.frombuffer(flame_shape, np.float32)[None])[0],
        )

    def _posed(self, p: Parameters) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Posed vertices (N, 3, V), kinematic joints (N, 3, 55) and world rotations (N, 55, 3, 3)."""
        c, count = self._c, len(p)
        betas = np.ascontiguousarray(p.betas, np.float32)
        identity = np.ascontiguousarray(p.flame_shape, np.float32)
        shapes = [self._shape(betas[i].tobytes(), identity[i].tobytes()) for i in range(count)]
        rest = np.stack([shape.body for shape in shapes]) + c.expression(p.expression)
        body_size = c.body.size
        body = rest[:, :body_size].reshape(count, 3, -1)
        joints = rest[:, body_size:-3].reshape(count, 3, -1)
        head = self._head(p, np.stack([shape.head for shape in shapes]), rest[:, -3:, None])
        regressed = product(head.reshape(3 * count, -1), c.head_regressor)
        joints = joints + regressed.reshape(count, 3, -1)
        template = np.concatenate((body, head[:, :, : c.skinned_head]), axis=2)
        rotations = np.empty((count, len(SMPLX_PARENTS), 3, 3), np.float32)
        rotations[:, :22], rotations[:, 22:25] = p.rotations[:, :22], _EYE
        rotations[:, 25:] = p.rotations[:, 22:]
        world, posed = forward_kinematics(rotations, joints)
        if c.correctives is not None:
            features = (rotations[:, 1:] - _EYE).reshape(count, -1)
            template = template + c.correctives(features).reshape(template.shape)
        return self._skin(template, world, joints, posed), posed, world

    def _head(self, p: Parameters, rest: FloatArray, anchor: FloatArray) -> FloatArray:
        """The scaled FLAME head (N, 3, H) in the body's rest frame, its eyes at `anchor` (N, 3, 1)."""
        c, count = self._c, len(p)
        rest = rest + c.head_expression(p.flame_expression)
        head = rest[:, : c.head.size].reshape(count, 3, -1)
        joints = rest[:, c.head.size :].reshape(count, 3, -1)
        # Root and neck are still, so every joint stays where it is.
        turns = np.empty((count, 5, 3, 3), np.float32)
        turns[:, :2] = _EYE
        moving = np.concatenate((p.jaw_pose, p.eye_pose), axis=1, dtype=np.float32)
        turns[:, 2:] = matrix_from_axis_angle(moving.reshape(-1, 3)).reshape(count, 3, 3, 3)
        if c.head_correctives is not None:
            features = (turns[:, 1:] - _EYE).reshape(count, -1)
            head = head + c.head_correctives(features).reshape(head.shape)
        head = self._head_skin(head, turns, joints, joints)
        lids = np.asarray(p.eyelids, np.float32)
        head += product(lids, c.eyelids).reshape(head.shape)
        eyes = joints[:, :, _EYES].mean(axis=2, keepdims=True)
        fixed = eyes if self._about_eyes else np.zeros_like(eyes)
        head -= fixed
        head *= np.asarray(p.head_scale, np.float32)[:, :, None]
        head += anchor + fixed - eyes
        return head


def contour_row(root: FloatArray, head: FloatArray) -> int:
    """Row of the contour table for world rotations (3, 3) of pelvis and head."""
    x, y, z = (head[:, 0] @ root).tolist()
    yaw = math.degrees(math.atan2(z, math.hypot(x, y)))
    if math.isnan(yaw):
        # A person without finite parameters has no yaw; any row will do.
        return 0
    degrees = round(min(max(yaw, -_MAX_YAW), _MAX_YAW))
    return degrees if degrees >= 0 else round(_MAX_YAW) - degrees


class FoldedJoints:
    """In the place of the body graph's session: {"raw"} -> rotations, joints, keypoints, camera."""

    def __init__(self, body: FoldedBody) -> None:
        self.body = body

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        raw = inputs["raw"]
        parameters = decoded(raw)
        camera = raw[:, layout.FIELDS["camera"].slice].copy()
        joints = self.body.joints(parameters)
        return {
            "rotations": parameters.rotations,
            "joints": joints,
            "keypoints": project_crop(joints, camera),
            "camera": camera,
        }


class FoldedMesh:
    """In the place of the mesh graph's session: parameters -> vertices."""

    def __init__(self, body: FoldedBody) -> None:
        self.body = body

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        unused = np.ones((len(inputs["rotations"]), 3), np.float32)
        return {"vertices": self.body.vertices(Parameters(hand_scale=unused, **inputs))}


def decoded(raw: FloatArray) -> Parameters:
    """Parameters of the network's vectors (N, 935)."""
    fields = {
        name: raw[:, layout.FIELDS[name].slice]
        for name in Parameters.__dataclass_fields__
        if name != "rotations"
    }
    sixd = raw[:, layout.FIELDS["pose_6d"].slice].reshape(-1, 6)
    shape = (len(raw), layout.NUM_ROTATIONS, 3, 3)
    return Parameters(rotations=matrix_from_6d(sixd).reshape(shape), **fields)


def project_crop(points: FloatArray, camera: FloatArray) -> FloatArray:
    """Crop positions (N, J, 2) of points (N, J, 3) under cameras (N, 3), PEAR facts section 4."""
    depth = np.float32(layout.FOCAL) / (camera[:, 2:] + _TINY)
    across = points[..., :2] - camera[:, None, :2]
    scaled = np.float32(0.5 * layout.FOCAL) * across / (points[..., 2:] + depth[:, None])
    return np.asarray(np.float32(0.5) + scaled, np.float32)


def folded(graph: bytes, where: str, scale_about: str, plain: Session) -> Session:
    """A session in numpy that does what `plain` does, or `plain` itself where that cannot be shown.

    graph: the bytes of a body or mesh graph, which `plain` runs. Both answer the same few made-up
    people first; more than TOLERANCE between them, or a graph that is built in another way, leaves
    `plain` in place.
    """
    try:
        constants = read_constants(read_graph(graph, where))
        body = FoldedBody(constants, scale_about)
    except (PearError, UnknownGraph, KeyError, StopIteration, ValueError, IndexError):
        return plain
    mesh = constants.order is not None
    quick: Session = FoldedMesh(body) if mesh else FoldedJoints(body)
    raw = made_up_people(3)
    inputs = {"raw": raw}
    if mesh:
        own = decoded(raw)
        names = [name for name in Parameters.__dataclass_fields__ if name != "hand_scale"]
        inputs = {name: np.ascontiguousarray(getattr(own, name)) for name in names}
    try:
        found = quick.run(inputs)
    except (ValueError, IndexError):
        return plain
    expected = plain.run(inputs)
    same = all(
        found[name].shape == value.shape and np.abs(found[name] - value).max() <= TOLERANCE
        for name, value in expected.items()
    )
    return quick if same else plain


def made_up_people(count: int) -> FloatArray:
    """Network vectors (count, 935) of people with every joint turned and every coefficient in use."""
    rng = np.random.default_rng(0)
    raw: FloatArray = rng.normal(0.0, 0.5, (count, layout.WIDTH)).astype(np.float32)
    upright = np.tile(np.array([1, 0, 0, 0, 1, 0], np.float32), layout.NUM_ROTATIONS)
    raw[:, layout.FIELDS["pose_6d"].slice] += upright
    raw[:, layout.FIELDS["head_scale"].slice] += np.float32(1.0)
    raw[:, layout.FIELDS["camera"].slice] = (0.1, -0.1, 0.9)
    return raw
