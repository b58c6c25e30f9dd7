"""Random people: every parameter of EHM-s, as numpy arrays of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pear_core import layout
from pear_core.body.files import BodyAssets
from pear_core.body.parameters import BodyParameters
from pear_core.data.synthetic.hands import sample_hand_pose
from pear_core.data.synthetic.poses import sample_body_pose

FloatArray = NDArray[np.float64]

HEAD_SCALE_SIGMA = 0.05


@dataclass(frozen=True)
class Identities:
    """Which shape coefficients mean something, and how the head follows the body.

    betas: number of SMPL-X components that move vertices. head (flame, betas): FLAME identity that
    reproduces the head of given betas, by least squares over the replaced vertices. expressions:
    number of expression components that move vertices.
    """

    betas: int
    head: FloatArray
    expressions: int

    @classmethod
    def of(cls, assets: BodyAssets) -> Identities:
        """Reads the bases of a body; about 0.2 s."""
        body, flame = assets.smplx, assets.flame
        used = _used(body.shapedirs[..., : layout.NUM_BETAS])
        flame_used = _used(flame.shapedirs[..., : layout.NUM_FLAME_SHAPE])
        replaced = np.setdiff1d(np.arange(len(assets.vertex_ids)), assets.kept)
        ids = assets.vertex_ids[replaced]
        eyes = np.einsum("jv,vck->jck", body.joint_regressor[23:25], body.shapedirs[..., :used])
        target = body.shapedirs[ids][..., :used] - eyes.mean(axis=0)
        flame_eyes = np.einsum(
            "jv,vck->jck", flame.joint_regressor[3:5], flame.shapedirs[..., :flame_used]
        )
        basis = flame.shapedirs[replaced][..., :flame_used] - flame_eyes.mean(axis=0)
        a = basis.reshape(-1, flame_used).astype(np.float64)
        # A touch of ridge keeps weak components near their own N(0, 1) range.
        ridge = 1e-3 * np.trace(a.T @ a) / flame_used * np.eye(flame_used) if flame_used else 0.0
        head = np.linalg.solve(a.T @ a + ridge, a.T @ target.reshape(-1, used).astype(np.float64))
        return cls(used, head, _used(flame.exprdirs[..., : layout.NUM_FLAME_EXPRESSION]))


def _used(basis: NDArray[np.floating]) -> int:
    moving = np.flatnonzero(np.abs(basis).max(axis=(0, 1)) > 1e-9)
    return int(moving[-1]) + 1 if len(moving) else 0


def sample_person(
    rng: np.random.Generator, identities: Identities, upright: bool = False
) -> dict[str, FloatArray]:
    """One person: the fields of BodyParameters without the batch axis, rotations as axis-angle
    (52, 3).

    The root is left at identity (see `viewpoint`). upright: legs mostly straight.
    """
    rotations = np.zeros((layout.NUM_ROTATIONS, 3))
    rotations[1:22] = sample_body_pose(rng, upright)
    rotations[22:37] = sample_hand_pose(rng, "left")
    rotations[37:52] = sample_hand_pose(rng, "right")
    betas = np.zeros(layout.NUM_BETAS)
    betas[: identities.betas] = np.clip(rng.normal(size=identities.betas), -2.5, 2.5)
    flame_shape = np.zeros(layout.NUM_FLAME_SHAPE)
    head = identities.head @ betas[: identities.betas]
    flame_shape[: len(head)] = head + rng.normal(0, 0.15, len(head))
    expression, jaw, eyelids, eyes = _face(rng, identities.expressions)
    return {
        "rotations": rotations,
        "betas": betas,
        "expression": expression,
        "hand_scale": np.ones(3),
        "head_scale": 1 + np.clip(rng.normal(0, HEAD_SCALE_SIGMA), -0.12, 0.12) * np.ones(3)
        + rng.normal(0, 0.01, 3),
        "eye_pose": eyes,
        "jaw_pose": jaw,
        "eyelids": eyelids,
        "flame_shape": flame_shape,
        "flame_expression": expression,
    }  # fmt: skip


def _face(
    rng: np.random.Generator, expressions: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    expression = np.zeros(layout.NUM_EXPRESSION)
    jaw, eyelids = np.zeros(3), np.zeros(2)
    if rng.random() > 0.2 and expressions:
        chosen = rng.choice(
            expressions, size=min(int(rng.integers(1, 8)), expressions), replace=False
        )
        expression[chosen] = rng.uniform(0, 1, len(chosen)) ** 1.3
    if rng.random() < 0.45:
        jaw = np.array([abs(rng.normal(0, 0.16)), rng.normal(0, 0.02), rng.normal(0, 0.02)])
    if rng.random() < 0.35:
        eyelids = np.clip(rng.uniform(0, 1) + rng.normal(0, 0.05, 2), 0, 1)
    gaze = np.array([rng.normal(0, 0.1), rng.normal(0, 0.2)])
    eyes = np.concatenate([[*gaze, 0.0], [*(gaze + rng.normal(0, 0.01, 2)), 0.0]])
    return expression, jaw, eyelids, eyes


def to_parameters(people: Sequence[dict[str, FloatArray]]) -> BodyParameters:
    """Torch float32 batch of people from `sample_person` or from shards (axis-angle ->
    matrices).
    """
    stacked = {f.name: np.stack([p[f.name] for p in people]) for f in fields(BodyParameters)}
    pose = stacked.pop("rotations")
    matrices = Rotation.from_rotvec(pose.reshape(-1, 3)).as_matrix()
    tensors = {k: torch.from_numpy(v.astype(np.float32)) for k, v in stacked.items()}
    rotations = torch.from_numpy(matrices.reshape(*pose.shape, 3).astype(np.float32))
    return BodyParameters(rotations=rotations, **tensors)
