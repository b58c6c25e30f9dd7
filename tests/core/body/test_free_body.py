"""The shipped free body: asserted on the files in models/free_body, without anny or torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pear_core.anatomy import (
    FLAME_PARENTS,
    SMPLX_JOINTS,
    SMPLX_MIRROR,
    SMPLX_PARENTS,
    SURFACE_JOINTS,
)
from pear_core.body.free_body import write
from pear_core.body.free_body.posing import pose

FOLDER = Path(__file__).parents[3] / "models" / "free_body"
J = {name: i for i, name in enumerate(SMPLX_JOINTS)}
MIRROR_X = np.array([-1.0, 1.0, 1.0])

Model = Mapping[str, NDArray]


def load(name: str) -> Model:
    return dict(np.load(FOLDER / name, allow_pickle=False))


@pytest.fixture(scope="module")
def body() -> Model:
    return load("SMPLX_NEUTRAL.npz")


@pytest.fixture(scope="module")
def head() -> Model:
    return load("FLAME.npz")


@pytest.fixture(scope="module")
def ids() -> NDArray:
    return np.load(FOLDER / "SMPL-X__FLAME_vertex_ids.npy")


@pytest.fixture(scope="module")
def template(body: Model) -> NDArray:
    return body["v_template"].astype(np.float64)


@pytest.fixture(scope="module")
def joints(body: Model, template: NDArray) -> NDArray:
    return body["J_regressor"].astype(np.float64) @ template


@pytest.fixture(scope="module")
def mirror(template: NDArray) -> NDArray:
    from scipy.spatial import cKDTree

    return cKDTree(template).query(template * MIRROR_X)[1]


def volume(vertices: NDArray, faces: NDArray) -> float:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


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


def landmark(vertices: NDArray, body: Model, row: int | None = None) -> NDArray:
    prefix = "lmk_" if row is None else "dynamic_lmk_"
    faces, bary = body[f"{prefix}faces_idx"], body[f"{prefix}bary_coords"]
    if row is not None:
        faces, bary = faces[row], bary[row]
    return (vertices[body["f"].astype(int)[faces]] * bary[..., None]).sum(-2)


def ibug(number: int) -> int:
    """Row of a static iBUG point (17..67)."""
    return number - 17


# --- format ------------------------------------------------------------------------------------


def test_smplx_file_has_the_keys_shapes_and_types_of_smplx(body: Model) -> None:
    count, faces = len(body["v_template"]), len(body["f"])
    assert (count, faces) == (13718, 27420)
    expected = {
        "v_template": (count, 3), "f": (faces, 3), "shapedirs": (count, 3, 400),
        "posedirs": (count, 3, 486), "J_regressor": (55, count), "weights": (count, 55),
        "kintree_table": (2, 55), "lmk_faces_idx": (51,), "lmk_bary_coords": (51, 3),
        "dynamic_lmk_faces_idx": (79, 17), "dynamic_lmk_bary_coords": (79, 17, 3),
        "hands_meanl": (45,), "hands_meanr": (45,), "hands_componentsl": (45, 45),
        "hands_componentsr": (45, 45), "ft": (faces, 3), "expression_names": (50,),
    }  # fmt: skip
    assert {k: body[k].shape for k in expected} == expected
    assert body["f"].dtype == np.uint32
    for key in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights"):
        assert body[key].dtype == np.float32, key
        assert np.isfinite(body[key]).all(), key
    assert body["kintree_table"][0, 0] == 2**32 - 1
    assert np.array_equal(body["kintree_table"][0, 1:], SMPLX_PARENTS[1:])
    assert not body["posedirs"].any()
    used = np.abs(body["shapedirs"]).max(axis=(0, 1)) > 0
    assert np.array_equal(np.flatnonzero(used), np.r_[:40, 300:350])


def test_flame_file_has_the_keys_and_shapes_of_flame(head: Model) -> None:
    count = len(head["v_template"])
    assert head["shapedirs"].shape == (count, 3, 400)
    assert head["posedirs"].shape == (count, 3, 36)
    assert head["weights"].shape == (count, 5)
    assert head["J_regressor"].shape == (5, count)
    assert np.array_equal(head["kintree_table"][0, 1:], FLAME_PARENTS[1:])
    assert head["J"] == pytest.approx(head["J_regressor"] @ head["v_template"], abs=1e-6)
    eyes = head["J"][3:].mean(axis=0)
    assert np.abs(eyes).max() < 1e-5  # head_scale about the origin keeps the eyes in place


def test_manifest_matches_the_files_and_they_are_small() -> None:
    files = json.loads((FOLDER / "manifest.json").read_text())["files"]
    present = {p.name for p in FOLDER.iterdir()} - {"manifest.json"}
    assert set(files) == present
    for name, entry in files.items():
        content = (FOLDER / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert len(content) == entry["bytes"] < 20_000_000, name


def test_npz_bytes_depend_on_content_only(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "names": np.array(["x", "yy"])}
    for name in ("one.npz", "two.npz"):
        write.npz(tmp_path / name, arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    back = np.load(tmp_path / "one.npz", allow_pickle=False)
    assert np.array_equal(back["a"], arrays["a"])


# --- mesh --------------------------------------------------------------------------------------


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


# --- shape -------------------------------------------------------------------------------------


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


# --- skinning ----------------------------------------------------------------------------------


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


# --- face --------------------------------------------------------------------------------------


def test_head_template_is_the_bodys_head(
    body: Model, head: Model, ids: NDArray, template: NDArray, joints: NDArray
) -> None:
    assert (np.diff(ids) > 0).all() and len(ids) == len(head["v_template"])
    eyes = joints[[J["left_eye_smplhf"], J["right_eye_smplhf"]]].mean(axis=0)
    assert 1000 * np.abs(template[ids] - eyes - head["v_template"]).max() < 0.1
    used = set(map(tuple, body["f"].astype(int).tolist()))
    assert all(t in used for t in map(tuple, ids[head["f"].astype(int)].tolist()))
    assert np.array_equal(head["shapedirs"][..., 300:], body["shapedirs"][ids][..., 300:])


def test_expressions_move_only_the_head(body: Model, ids: NDArray) -> None:
    fields = np.linalg.norm(body["shapedirs"][..., 300:350], axis=1)
    outside = np.setdiff1d(np.arange(len(fields)), ids)
    assert 1000 * fields[outside].max() < 0.5  # mm; the skin of the collar may just follow
    assert (1000 * fields.max(axis=0) > 1.5).all()
    assert (1000 * fields.max(axis=0) < 40).all()
    names = body["expression_names"].tolist()
    described = json.loads((FOLDER / "expressions.json").read_text())
    assert [e["name"] for e in described] == names
    assert {e["name"]: e["needs"] for e in described if e["needs"]} == {"mouthClose": "jawOpen"}
    assert len(set(names)) == 50 and not any("Blink" in n for n in names)


def test_named_expressions_do_what_they_say(body: Model, template: NDArray) -> None:
    names = body["expression_names"].tolist()

    def shift(name: str) -> NDArray:
        moved = template + body["shapedirs"][..., 300 + names.index(name)]
        return 1000 * (landmark(moved, body) - landmark(template, body))

    assert shift("jawOpen")[ibug(57), 1] < -8 and abs(shift("jawOpen")[ibug(51), 1]) < 4
    left, right = shift("mouthSmileLeft"), shift("mouthSmileRight")
    assert left[ibug(54), 1] > 3 and abs(left[ibug(48), 1]) < 1
    assert right[ibug(48), 1] > 3 and abs(right[ibug(54), 1]) < 1
    assert shift("mouthFrownLeft")[ibug(54), 1] < -2
    assert shift("browInnerUp")[ibug(21), 1] > 2
    assert shift("mouthPucker")[ibug(51), 2] > 2
    assert shift("jawLeft")[ibug(57), 0] > 3 and shift("jawRight")[ibug(57), 0] < -3


@pytest.mark.parametrize(("lid", "points", "other"), [
    ("l", ((43, 47), (44, 46)), (37, 41)),
    ("r", ((37, 41), (38, 40)), (43, 47)),
])  # fmt: skip
def test_eyelid_fields_close_the_lids(
    lid: str, points: tuple, other: tuple, body: Model, template: NDArray, ids: NDArray
) -> None:
    field = np.load(FOLDER / f"{lid}_eyelid.npy")
    moved = template.copy()
    moved[ids] += field

    def gap(vertices: NDArray, pair: tuple) -> float:
        at = landmark(vertices, body)
        return float(at[ibug(pair[0]), 1] - at[ibug(pair[1]), 1])

    for pair in points:
        assert gap(template, pair) > 0.005
        assert gap(moved, pair) < 0.3 * gap(template, pair)
    assert gap(moved, other) == pytest.approx(gap(template, other), abs=2e-4)
    sign = 1 if lid == "l" else -1
    assert (sign * template[ids][np.linalg.norm(field, axis=1) > 1e-3, 0] > 0).all()


def test_jaw_joint_opens_the_mouth(body: Model, head: Model, ids: NDArray) -> None:
    def lips(vertices: NDArray) -> NDArray:
        return 1000 * landmark(vertices, body)[[ibug(62), ibug(66), ibug(57)]]

    closed = lips(pose(body)[0])
    opened = lips(pose(body, {J["jaw"]: np.array([0.3, 0, 0])})[0])
    assert np.linalg.norm(closed[0] - closed[1]) < 5
    assert opened[0, 1] - opened[1, 1] > 15  # mm between the inner lips
    assert np.abs(opened[0] - closed[0]).max() < 3  # the upper lip stays
    assert opened[2, 1] < closed[2, 1] - 10 and opened[2, 2] < closed[2, 2]  # down and back

    full = pose(body)[0] * 0
    full[ids] = pose(head, {2: np.array([0.3, 0, 0])})[0]
    on_head = lips(full)
    assert on_head[0, 1] - on_head[1, 1] > 15


def test_eyes_turn_about_their_centres(head: Model) -> None:
    masks = load("FLAME_masks.npz")
    for joint, name in ((3, "left_eyeball"), (4, "right_eyeball")):
        ball = masks[name]
        rest, at = pose(head)
        turned, _ = pose(head, {joint: np.array([0.0, 0.4, 0.0])})
        shift = np.linalg.norm(turned - rest, axis=1)
        assert shift[np.setdiff1d(np.arange(len(rest)), ball)].max() < 1e-9
        centre = at[joint]
        radius = np.linalg.norm(rest[ball] - centre, axis=1)
        assert radius.min() > 0.009 and radius.max() < 0.020
        pupil = ball[rest[ball, 2].argmax()]
        assert turned[pupil, 0] > rest[pupil, 0] + 0.003  # +y turns the gaze to +x
        assert (head["weights"][ball, joint] == 1).all()


def test_ibug_points_are_in_order_and_symmetric(body: Model, template: NDArray) -> None:
    at = 1000 * landmark(template, body)
    pairs = [(17, 26), (18, 25), (19, 24), (20, 23), (21, 22), (31, 35), (32, 34), (36, 45),
             (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52),
             (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]  # fmt: skip
    for right, left in pairs:
        a, b = at[ibug(right)], at[ibug(left)]
        assert a[0] < 0 < b[0]
        assert np.abs(a * MIRROR_X - b).max() < 0.6, (right, left)
    for middle in (27, 28, 29, 30, 33, 51, 57, 62, 66):
        assert abs(at[ibug(middle), 0]) < 0.6
    heights = at[[ibug(n) for n in (19, 37, 41, 30, 33, 51, 62, 66, 57)], 1]
    assert (np.diff(heights) < 0.5).all()  # brow, eye, nose, mouth from top to bottom
    nose_tip = at[ibug(30)]
    assert nose_tip[2] == at[:, 2].max()
    assert (np.diff(at[[ibug(n) for n in (36, 37, 38, 39)], 0]) > 2).all()


def test_contour_slides_with_the_yaw(body: Model, template: NDArray) -> None:
    front = 1000 * landmark(template, body, 0)
    assert (np.diff(front[1:-1, 0]) > 0).all()  # right cheek, chin, left cheek
    assert front[8, 1] == front[:, 1].min() and abs(front[8, 0]) < 1
    for degree in (10, 30):
        to_right = 1000 * landmark(template, body, degree)
        to_left = 1000 * landmark(template, body, 39 + degree)
        assert np.abs(to_right[::-1] * MIRROR_X - to_left).max() < 4
        assert to_right[2, 2] > front[2, 2] + degree / 5  # far side: forward onto the cheek
        assert np.abs(to_right[14] - front[14]).max() < 6  # near side: stays


def test_surface_joints(body: Model, template: NDArray, joints: NDArray) -> None:
    points = load("landmarks.npz")
    assert tuple(points["names"].tolist()) == SURFACE_JOINTS
    corner = template[points["vertex_ids"]]
    at = dict(zip(SURFACE_JOINTS, (corner * points["bary"][..., None]).sum(1), strict=True))
    assert at["head_top"][1] == pytest.approx(template[:, 1].max())
    for side, out in (("left", 1), ("right", -1)):
        assert at[f"{side}_big_toe"] == pytest.approx(
            at[f"{'right' if out > 0 else 'left'}_big_toe"] * MIRROR_X, abs=5e-4)  # fmt: skip
        assert out * (at[f"{side}_small_toe"][0] - at[f"{side}_big_toe"][0]) > 0.03
        assert at[f"{side}_big_toe"][2] > joints[J[f"{side}_foot"], 2] + 0.02
        assert at[f"{side}_heel"][2] < joints[J[f"{side}_ankle"], 2] - 0.02
        for finger in ("index", "middle", "pinky", "ring", "thumb"):
            tip, last = at[f"{side}_{finger}"], joints[J[f"{side}_{finger}3"]]
            assert 0.01 < np.linalg.norm(tip - last) < 0.04
            assert out * (tip - last)[0] > 0.005
        assert 0.06 < out * at[f"{side}_ear"][0] < 0.09
        assert np.linalg.norm(at[f"{side}_eye"] - joints[J[f"{side}_eye_smplhf"]]) < 0.02


# --- regions and level of detail ---------------------------------------------------------------


def test_masks_and_parts(head: Model, body: Model, ids: NDArray) -> None:
    masks = load("FLAME_masks.npz")
    seam = np.concatenate([masks["neck"], masks["boundary"]])
    assert len(np.unique(seam)) == len(seam)
    faces = head["f"].astype(int)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    directed = set(map(tuple, edges.tolist()))
    rim = {v for a, b in directed if (b, a) not in directed for v in (a, b)}
    assert len(rim) > 30 and rim <= set(masks["boundary"].tolist())  # the cut keeps body values
    for name in ("lips", "nose", "eye_region", "forehead"):
        assert np.isin(masks[name], seam).sum() == 0, name
    y = head["v_template"][:, 1]
    assert y[masks["lips"]].mean() < y[masks["nose"]].mean() < y[masks["forehead"]].mean()
    assert len(masks["left_eyeball"]) == len(masks["right_eyeball"]) == 72

    parts = load("body_parts.npz")
    dominant = parts.pop("dominant_joint")
    assert np.array_equal(dominant, body["weights"].argmax(axis=1))
    everything = np.concatenate(list(parts.values()))
    assert np.array_equal(np.sort(everything), np.arange(len(dominant)))
    hands = load("MANO_SMPLX_vertex_ids.npz")
    assert len(hands["left_hand"]) == len(hands["right_hand"])
    assert len(np.intersect1d(hands["left_hand"], ids)) == 0


def test_light_mesh_follows_the_full_one(body: Model, template: NDArray) -> None:
    light = load("lod_2k.npz")
    faces, ids, weights = light["f"].astype(int), light["vertex_ids"], light["vertex_weights"]
    assert 1900 <= len(faces) <= 2000
    assert weights.min() >= 0 and weights.sum(axis=1) == pytest.approx(1.0)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()
    directed = set(map(tuple, edges))
    assert len(directed) == len(edges)
    turns = {J["left_elbow"]: np.array([0, -1.2, 0]), J["right_hip"]: np.array([-1.0, 0, 0])}
    for posed in (template, pose(body, turns)[0]):
        small = (posed[ids] * weights[..., None]).sum(1)
        full = volume(posed, body["f"].astype(int))
        assert 0.95 < volume(small, faces) / full < 1.02
    parts = load("body_parts.npz")
    kept = ids[:, 0]
    assert np.isin(kept, parts["left_hand"]).sum() > 80
    assert np.isin(kept, np.r_[parts["head"], parts["eyes"]]).sum() > 200


def test_smplx_package_loads_it_and_agrees(body: Model) -> None:
    torch = pytest.importorskip("torch")
    smplx = pytest.importorskip("smplx")
    model = smplx.create(
        str(FOLDER / "SMPLX_NEUTRAL.npz"), model_type="smplx", num_betas=40,
        num_expression_coeffs=50, use_pca=False, flat_hand_mean=True, use_face_contour=True,
    )  # fmt: skip
    rng = np.random.default_rng(5)
    betas, expression = rng.standard_normal(40), rng.uniform(0, 0.5, 50)
    turns = rng.uniform(-0.4, 0.4, (55, 3))

    def rows(first: int, last: int) -> object:
        return torch.tensor(turns[first:last].reshape(1, -1), dtype=torch.float32)

    with torch.no_grad():
        out = model(
            betas=torch.tensor(betas[None], dtype=torch.float32),
            expression=torch.tensor(expression[None], dtype=torch.float32),
            global_orient=rows(0, 1), body_pose=rows(1, 22), jaw_pose=rows(22, 23),
            leye_pose=rows(23, 24), reye_pose=rows(24, 25),
            left_hand_pose=rows(25, 40), right_hand_pose=rows(40, 55),
        )  # fmt: skip
    vertices, at = pose(body, dict(enumerate(turns)), betas, expression)
    assert np.abs(out.vertices[0].numpy() - vertices).max() < 1e-5
    assert np.abs(out.joints[0, :55].numpy() - at).max() < 1e-5
    assert torch.isfinite(out.joints).all()
    assert out.joints.shape[1] == 55 + 21 + 51 + 17
    static = landmark(vertices, body)
    assert np.abs(out.joints[0, 76:127].numpy() - static).max() < 1e-5
