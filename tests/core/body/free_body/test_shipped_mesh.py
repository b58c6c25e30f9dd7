"""The shipped free body: mesh, T-pose, shape space and skinning."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from independent.shipped_body import FOLDER, MIRROR_X, J, Model, load, volume
from pear_core.anatomy import (
    SMPLX_JOINTS,
    SMPLX_MIRROR,
    SMPLX_PARENTS,
    SURFACE_JOINTS,
)
from pear_core.body.free_body.posing import pose


def winding(points: NDArray, vertices: NDArray, faces: NDArray) -> NDArray:
    """Generalised winding numbers: 1 inside, 0 outside (Van Oosterom and Strackee 1983)."""
    out = []
    for p in points:
        a, b, c = (vertices[faces[:, i]] - p for i in range(3))
        la, lb, lc = (np.linalg.norm(x, axis=1) for x in (a, b, c))
        top = (a * np.cross(b, c)).sum(1)
        dots = (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
        out.append(np.arctan2(top, la * lb * lc + dots).sum() / (2 * np.pi))
    return np.array(out)


def test_mesh_is_closed_consistently_turned_and_not_inside_out(
    body: Model, template: NDArray
) -> None:
    faces = body["f"].astype(int)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    directed = set(map(tuple, edges.tolist()))
    assert len(directed) == len(edges)  # every half edge once ...
    assert all((b, a) in directed for a, b in directed)  # ... and its opposite too
    assert 0.055 < volume(template, faces) < 0.085  # cubic metres: 55 to 85 litres
    assert len(np.unique(faces)) == len(template)  # no loose vertices
    parts = load("body_parts.npz")
    for name in ("eyes",):
        own = faces[np.isin(faces, parts[name]).all(axis=1)]
        assert volume(template, own) > 0, name


def test_outward_normals_point_outwards(body: Model, template: NDArray) -> None:
    faces = body["f"].astype(int)
    rng = np.random.default_rng(0)
    some = faces[rng.choice(len(faces), 60, replace=False)]
    centre = template[some].mean(axis=1)
    normal = np.cross(template[some[:, 1]] - template[some[:, 0]],
                      template[some[:, 2]] - template[some[:, 0]])  # fmt: skip
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    step = 2e-4
    outside = winding(centre + step * normal, template, faces)
    inside = winding(centre - step * normal, template, faces)
    assert (inside - outside).min() > 0.9


def test_template_joints_and_weights_are_symmetric(
    body: Model, template: NDArray, joints: NDArray, mirror: NDArray
) -> None:
    assert np.array_equal(mirror[mirror], np.arange(len(mirror)))
    assert 1000 * np.abs(template[mirror] * MIRROR_X - template).max() < 0.01  # mm
    assert 1000 * np.abs(joints[SMPLX_MIRROR] * MIRROR_X - joints).max() < 0.01
    weights = body["weights"]
    assert np.abs(weights[mirror][:, SMPLX_MIRROR] - weights).max() < 1e-6
    shape = body["shapedirs"][..., :40]
    flipped = shape[mirror] * MIRROR_X[None, :, None]
    assert 1000 * np.abs(flipped - shape).max() < 0.01


def test_all_joints_lie_inside_the_mesh(body: Model, template: NDArray, joints: NDArray) -> None:
    assert winding(joints, template, body["f"].astype(int)).min() > 0.9


def test_t_pose(template: NDArray, joints: NDArray) -> None:
    assert np.abs(joints[0]).max() < 1e-5
    for side, out in (("left", 1), ("right", -1)):
        arm = joints[[J[f"{side}_{n}"] for n in ("shoulder", "elbow", "wrist", "middle1",
                                                 "middle2", "middle3")]]  # fmt: skip
        assert 1000 * np.ptp(arm[:, 1]) < 4  # straight out, level
        assert 1000 * np.ptp(arm[:4, 2]) < 4
        assert (np.diff(out * arm[:, 0]) > 0.02).all()
        thumb, index, pinky = (joints[J[f"{side}_{n}"]] for n in ("thumb3", "index1", "pinky1"))
        assert index[2] - pinky[2] > 0.05  # palm down, thumb side in front
        assert thumb[2] > index[2] and thumb[1] < index[1]
        hip, knee, ankle, foot = (
            joints[J[f"{side}_{n}"]] for n in ("hip", "knee", "ankle", "foot")
        )
        assert out * hip[0] > 0.05
        bend = np.cross(knee - hip, ankle - knee)
        bend /= np.linalg.norm(knee - hip) * np.linalg.norm(ankle - knee)
        assert np.linalg.norm(bend) < np.sin(np.deg2rad(2))
        lean = np.rad2deg(np.arctan2(out * (ankle - hip)[0], -(ankle - hip)[1]))
        assert 2.5 < lean < 4.5
        assert foot[2] - ankle[2] > 0.08 and abs(foot[0] - ankle[0]) < 0.03
    assert joints[J["left_eye_smplhf"], 2] > joints[J["head"], 2] + 0.05  # looks to +z
    assert 1.69 < np.ptp(template[:, 1]) < 1.74


def test_people_of_the_shape_space_have_human_sizes(body: Model) -> None:
    rng = np.random.default_rng(1)
    stature, rows = [], []
    for _ in range(60):
        vertices, at = pose(body, None, rng.standard_normal(40).clip(-2.5, 2.5))
        tall = np.ptp(vertices[:, 1])

        def length(*names: str, at: NDArray = at) -> float:
            chain = at[[J[n] for n in names]]
            return float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())

        stature.append(tall)
        rows.append([length("left_hip", "left_knee", "left_ankle") / tall,
                     length("left_shoulder", "left_elbow", "left_wrist") / tall,
                     np.ptp(vertices[:, 0]) / tall,
                     length("left_knee", "left_ankle") / length("left_hip", "left_knee"),
                     length("left_elbow", "left_wrist") / length("left_shoulder", "left_elbow"),
                     np.ptp(at[[J["left_hip"], J["right_hip"]], 0]) / tall])  # fmt: skip
    ratios = np.array(rows)
    assert min(stature) > 1.40 and max(stature) < 2.08
    assert np.mean((np.array(stature) > 1.45) & (np.array(stature) < 2.05)) > 0.95
    low, high = ratios.min(axis=0), ratios.max(axis=0)
    # leg, arm, span, shin to thigh, forearm to upper arm, hip width.
    assert np.median(ratios, axis=0) == pytest.approx(
        [0.48, 0.29, 1.01, 1.13, 0.90, 0.13], rel=0.04
    )
    assert (low > [0.42, 0.25, 0.90, 0.90, 0.72, 0.10]).all(), low
    assert (high < [0.53, 0.34, 1.12, 1.45, 1.15, 0.17]).all(), high


def test_first_beta_is_stature_and_scales_are_one_sigma(body: Model) -> None:
    small = np.ptp(pose(body, None, np.array([-2.0]))[0][:, 1])
    tall = np.ptp(pose(body, None, np.array([2.0]))[0][:, 1])
    assert 0.35 < tall - small < 0.60  # four sigma of stature
    report = json.loads((FOLDER / "report.json").read_text())
    assert report["body_shape"]["samples"] >= 1000
    assert report["body_shape"]["explained_variance"] > 0.995
    assert report["body_shape"]["residual_mm"]["mean"] < 2.0
    assert report["joint_regressor"]["mean_mm"] < 0.5
    assert report["joint_regressor"]["max_mm"] < 8.0
    rms = np.sqrt((body["shapedirs"][..., :40].astype(float) ** 2).sum(axis=(0, 1)))
    assert (np.diff(rms) < 1e-3).all()  # components come in order of size


def test_joint_regressors_are_sparse_and_convex(body: Model, head: Model) -> None:
    for model in (body, head):
        regressor = model["J_regressor"]
        assert regressor.min() >= 0
        assert regressor.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
        assert (regressor > 0).sum(axis=1).max() < 400
    # Expressions leave the joints alone; gaze fields carry an eye's centre along a little.
    fields = body["shapedirs"][..., 300:350].reshape(13718, -1)
    moved = 1000 * np.abs(body["J_regressor"] @ fields).max(axis=1)
    eyes = [J["left_eye_smplhf"], J["right_eye_smplhf"]]
    assert np.delete(moved, eyes).max() < 0.1 and moved[eyes].max() < 2.0


def test_every_vertex_is_skinned(body: Model, head: Model) -> None:
    for model in (body, head):
        assert model["weights"].min() >= 0
        assert model["weights"].sum(axis=1) == pytest.approx(1.0, abs=1e-5)
        assert (model["weights"].max(axis=0) > 0.45).all()  # every joint carries something


def test_each_joint_moves_its_subtree_and_nothing_else(body: Model, template: NDArray) -> None:
    weights = body["weights"]
    for j in range(1, 55):
        below = np.zeros(55, dtype=bool)
        below[j] = True
        for k in range(j + 1, 55):
            below[k] = below[SMPLX_PARENTS[k]]
        carried = weights[:, below].sum(axis=1)
        turn = {j: np.array([0.3, 0.2, 0.25])}
        shift = np.linalg.norm(pose(body, turn)[0] - template, axis=1)
        assert shift[carried == 0].max(initial=0) < 1e-6, SMPLX_JOINTS[j]
        full = np.linalg.norm(template[carried > 0.9] - 0, axis=1)
        assert len(full) > 10 and np.median(shift[carried > 0.9]) > 1e-3, SMPLX_JOINTS[j]
        name = SMPLX_JOINTS[j]
        if name.startswith("left_") and name != "left_hip":  # thighs meet in the middle
            assert template[shift > 1e-4, 0].min() > -0.01, name
    hand = load("MANO_SMPLX_vertex_ids.npz")["left_hand"]
    fingers = weights[:, J["left_index1"] : J["left_thumb3"] + 1].sum(axis=1)
    assert np.isin(np.flatnonzero(fingers > 0), hand).all()


def test_fingers_flex_towards_the_palm(body: Model) -> None:
    faces, points = body["f"].astype(int), load("landmarks.npz")
    for side, sign in (("left", -1.0), ("right", 1.0)):
        for finger in ("index", "middle", "ring", "pinky"):
            turns = {J[f"{side}_{finger}{k}"]: np.array([0, 0, 1.3 * sign]) for k in (1, 2, 3)}
            row = SURFACE_JOINTS.index(f"{side}_{finger}")
            open_, closed = (
                (pose(body, t)[0][faces[points["faces_idx"][row]]]
                 * points["bary"][row][:, None]).sum(0) for t in ({}, turns)
            )  # fmt: skip
            assert closed[1] < open_[1] - 0.015  # below the palm ...
            assert abs(closed[0]) < abs(open_[0]) - 0.04  # ... and back towards the wrist
            assert np.linalg.norm(closed - open_) > 0.05
