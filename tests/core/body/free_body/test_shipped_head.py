"""The shipped free body: head, expressions, lids, jaw, eyes and landmarks."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from independent.shipped_body import FOLDER, MIRROR_X, J, Model, landmark, load
from pear_core.anatomy import (
    SURFACE_JOINTS,
)
from pear_core.body.free_body.posing import pose


def ibug(number: int) -> int:
    """Row of a static iBUG point (17..67)."""
    return number - 17


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
