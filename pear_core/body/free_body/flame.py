"""The FLAME-shaped head: the part of the body above the collar, with its own shape space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core.body.free_body import body_parts, joint_regressor, shape_basis
from pear_core.body.free_body.skeleton import JOINT
from pear_core.body.free_body.source import Array, Index, Source

# FLAME's "global" carries what the SMPL-X neck carries, FLAME's "neck" turns the skull; neck,
# jaw and eyes sit where these SMPL-X joints sit.
FLAME_FROM_SMPLX = [
    JOINT[n] for n in ("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")
]


@dataclass(frozen=True)
class Head:
    """A FLAME-shaped head.

    Attributes:
        ids: (Vf,) ascending body vertex ids. faces: (Ff, 3) into them.
        basis: shape space, mean with the midpoint of the eye joints at the origin.
        weights: (Vf, 5). regressor: (5, Vf). mirror: (Vf,).
        origin: (3,) where the head's origin lies in the body template.
    """

    ids: Index
    faces: Index
    basis: shape_basis.Basis
    weights: Array
    regressor: Array
    mirror: Index
    origin: Array
    regressor_report: dict[str, object]


def head_vertices(source: Source) -> Index:
    """(Vf,) ascending ids of head, neck, eyeballs, sockets, mouth cavity and tongue."""
    trunk = np.zeros(len(source.faces), dtype=bool)
    for part in ("body", "hand.L", "hand.R", "foot.L", "foot.R"):
        trunk |= source.parts[part]
    return np.unique(source.faces[~trunk])


def sub_faces(faces: Index, ids: Index, count: int) -> Index:
    """Triangles (F', 3) whose corners all lie in `ids`, renumbered to positions in `ids`."""
    position = np.full(count, -1, dtype=np.int64)
    position[ids] = np.arange(len(ids))
    local = position[faces]
    return local[(local >= 0).all(axis=1)]


def build(
    source: Source, bodies: shape_basis.Bodies, weights: Array, mirror: Index,
    moved: NDArray[np.bool_], components: int,
) -> Head:  # fmt: skip
    """Builds the head from the same adults as the body.

    Every head is moved so that its head joint lies in one place: stature cannot leak in.

    Args:
        weights: (V, 55) skinning of the body. mirror: (V,) of the body.
        moved: (V,) mask of vertices that expressions move.
    """
    ids = head_vertices(source)
    local = np.full(len(weights), -1, dtype=np.int64)
    local[ids] = np.arange(len(ids))
    head_mirror = local[mirror[ids]]
    anchor = bodies.joints[:, JOINT["head"]]
    vertices = (bodies.vertices[:, ids] - anchor[:, None]).astype(np.float32)
    joints = bodies.joints - anchor[:, None]
    eyes = joints[:, FLAME_FROM_SMPLX[3:]].mean(axis=(0, 1)) * np.array([0.0, 1.0, 1.0])
    aligned = shape_basis.Bodies(vertices - eyes.astype(np.float32), joints - eyes, bodies.stature)
    size = np.linalg.norm(np.ptp(aligned.vertices, axis=1), axis=-1)
    basis = shape_basis.principal_components(aligned.vertices, components, head_mirror, size)

    head_weights = weights[ids][:, FLAME_FROM_SMPLX].copy()
    head_weights[:, 0] += 1 - head_weights.sum(axis=1)
    means = {j: np.flatnonzero(head_weights[:, k] > 0.5)
             for k, j in enumerate(FLAME_FROM_SMPLX) if k >= 3}  # fmt: skip
    # The head ends above the neck joint, so its root is the middle of the rim of the cut.
    means[FLAME_FROM_SMPLX[0]] = np.flatnonzero(body_parts.rim_of_cut(source)[ids])
    regressor = joint_regressor.fit(
        aligned.vertices[:100], aligned.joints[:100], head_mirror, ~moved[ids], means,
        FLAME_FROM_SMPLX,
    )  # fmt: skip
    report = joint_regressor.judge(
        regressor, aligned.vertices[100:400], aligned.joints[100:400], FLAME_FROM_SMPLX[1:]
    )
    origin = anchor.mean(axis=0) + eyes
    return Head(ids, sub_faces(source.faces, ids, len(weights)), basis, head_weights,
                regressor[FLAME_FROM_SMPLX], head_mirror, origin, report)  # fmt: skip
