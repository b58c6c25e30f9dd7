"""The resting EHM-s body of one person in numpy: mesh, joints, weights, expressions as offsets.

What `pear_core.body.ehm` computes in every frame, split into what animation formats can hold: one
rest mesh, one set of skinning weights for SMPL-X's joints and FLAME's jaw and eyes together, and
linear offsets. Left out, because no such format has them: pose correctives, the shift of joints
with expression, and FLAME's own pose correctives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import HEAD, JAW, LEFT_EYE, LEFT_HAND, RIGHT_EYE
from pear_core.body.files import BodyAssets, SmplxFile
from pear_core.exchange.arrays import ExchangeError, FloatArray
from pear_core.exchange.motion import Motion
from pear_core.export.topology import topology_arrays

_FLAME_JAW, _FLAME_EYES = 2, slice(3, 5)
_TURNING = slice(JAW, LEFT_HAND.start)
_SEEN = 1e-5


@dataclass(frozen=True)
class Morph:
    """A named offset field [V, 3] in metres and its weight in every frame [T]."""

    name: str
    offsets: FloatArray
    weights: FloatArray

    def seen(self) -> bool:
        """Whether it moves anything by a hundredth of a millimetre in some frame."""
        return bool(np.abs(self.weights).max() * np.abs(self.offsets).max() > _SEEN)


@dataclass(frozen=True)
class RestBody:
    """A person in the T-pose: y up, z forward, metres.

    vertices [V, 3]; joints [55, 3]; weights [V, 55]; faces [F, 3]; uv [U, 2] from the lower left,
    and uv_faces [F, 3] (both empty where the body has none); morphs: those that somebody sees.
    """

    vertices: FloatArray
    joints: FloatArray
    weights: FloatArray
    faces: NDArray[np.int64]
    uv: FloatArray
    uv_faces: NDArray[np.int64]
    morphs: tuple[Morph, ...]


def rest_body(
    assets: BodyAssets, motion: Motion, scale_about: Literal["eyes", "origin"] = "eyes"
) -> RestBody:
    """The body of a motion in one shape (`skeleton.lock_shape`); its first frame gives the shape.

    scale_about: as in `pear_core.body.ehm.Ehm`. Raises ExchangeError for too many coefficients.
    """
    smplx, flame = assets.smplx, assets.flame
    betas, identity = motion.betas[0], motion.flame_shape[0]
    body = smplx.v_template + _moved(smplx.shapedirs, betas, "betas")
    head = flame.v_template + _moved(flame.shapedirs, identity, "flame_shape")
    face_joints = flame.joint_regressor @ head
    eyes = face_joints[_FLAME_EYES].mean(axis=0)
    scale = motion.head_scale[0]
    fixed = eyes if scale_about == "eyes" else np.zeros(3)
    shift = fixed - eyes + _eye_anchor(smplx) @ body

    replaced = _replaced(assets)
    ids = assets.vertex_ids[replaced]
    vertices = body.astype(np.float64)
    vertices[ids] = ((head - fixed) * scale + shift)[replaced]
    joints = smplx.joint_regressor @ vertices
    joints[_TURNING] = ((face_joints - fixed) * scale + shift)[_FLAME_JAW:]
    topology = topology_arrays(assets)
    names = motion.expression_names or tuple(topology["expression_names"].tolist())
    morphs = (*_face(assets, motion, names, scale_about), *_seam(assets, motion, names))
    return RestBody(
        vertices,
        joints,
        _weights(assets, replaced),
        smplx.faces,
        topology["uv"].astype(np.float64),
        topology["uv_faces"].astype(np.int64),
        tuple(morph for morph in morphs if morph.seen()),
    )


def _face(
    assets: BodyAssets,
    motion: Motion,
    names: tuple[str, ...],
    scale_about: Literal["eyes", "origin"],
) -> Iterator[Morph]:
    """FLAME's expressions and the eyelids, scaled as the head is."""
    flame, scale = assets.flame, motion.head_scale[0]
    replaced = _replaced(assets)

    def on_body(offsets: FloatArray) -> FloatArray:
        field = np.zeros(assets.smplx.v_template.shape)
        field[assets.vertex_ids[replaced]] = offsets[replaced]
        return field

    eyes = flame.joint_regressor[_FLAME_EYES].astype(np.float64).mean(axis=0)
    for k, weights in enumerate(_columns(motion.flame_expression, flame.exprdirs, "FLAME")):
        moved = flame.exprdirs[..., k].astype(np.float64)
        # The head hangs on its eyes, so what moves them moves everything else the other way.
        eye = eyes @ moved
        fixed = eye if scale_about == "eyes" else np.zeros(3)
        yield Morph(_name(names, k), on_body((moved - fixed) * scale + fixed - eye), weights)
    for side, lid, weights in zip(("Left", "Right"), assets.eyelids, motion.eyelids.T):
        yield Morph(f"eyelid{side}", on_body(lid * scale), weights)


def _seam(assets: BodyAssets, motion: Motion, names: tuple[str, ...]) -> Iterator[Morph]:
    """SMPL-X's expressions: they move what FLAME does not replace, and the place of its eyes."""
    smplx = assets.smplx
    head = assets.vertex_ids[_replaced(assets)]
    anchors = _eye_anchor(smplx)
    for k, weights in enumerate(_columns(motion.expression, smplx.exprdirs, "SMPL-X")):
        offsets = smplx.exprdirs[..., k].astype(np.float64)
        offsets[head] = anchors @ smplx.exprdirs[..., k]
        yield Morph(f"body_{_name(names, k)}", offsets, weights)


def _replaced(assets: BodyAssets) -> NDArray[np.int64]:
    """FLAME vertices that take the place of SMPL-X's."""
    return np.setdiff1d(np.arange(len(assets.flame.v_template)), assets.kept)


def _eye_anchor(smplx: SmplxFile) -> FloatArray:
    """Weights [V] of the point between the eyes of SMPL-X."""
    anchor: FloatArray = (
        smplx.joint_regressor[[LEFT_EYE, RIGHT_EYE]].astype(np.float64).mean(axis=0)
    )
    return anchor


def _weights(assets: BodyAssets, replaced: NDArray[np.int64]) -> FloatArray:
    """Skinning weights [V, 55] for joints whose jaw and eyes turn as FLAME's do.

    SMPL-X's own jaw and eyes stay still in EHM-s, so their share belongs to the head; of what
    follows the head, FLAME's weights give the jaw and the eyes theirs.
    """
    weights = assets.smplx.weights.astype(np.float64)
    weights[:, HEAD] += weights[:, _TURNING].sum(axis=1)
    weights[:, _TURNING] = 0
    ids = assets.vertex_ids[replaced]
    share = weights[ids, HEAD, None] * assets.flame.weights[replaced, _FLAME_JAW:]
    weights[ids, _TURNING] = share
    weights[ids, HEAD] -= share.sum(axis=1)
    return weights


def _moved(directions: NDArray[np.floating], coefficients: FloatArray, what: str) -> FloatArray:
    """Offsets [V, 3] of coefficients [C] along the first C directions [V, 3, S]."""
    _require(coefficients[None], directions, what)
    used = np.flatnonzero(coefficients)
    offsets: FloatArray = directions[..., used] @ coefficients[used]
    return offsets


def _columns(coefficients: FloatArray, directions: NDArray[np.floating], what: str) -> FloatArray:
    _require(coefficients, directions, f"{what} expression")
    return coefficients[:, : directions.shape[2]].T


def _require(coefficients: FloatArray, directions: NDArray[np.floating], what: str) -> None:
    if np.any(coefficients[:, directions.shape[2] :]):
        raise ExchangeError(
            "motion",
            what,
            f"at most {directions.shape[2]} coefficients",
            str(coefficients.shape[1]),
        )


def _name(names: tuple[str, ...], k: int) -> str:
    return names[k] if k < len(names) else f"expression_{k}"
