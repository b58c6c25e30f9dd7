"""The released sum form: hand-computed terms, a plain loop written from the facts, gradients."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from pear_core.body.parameters import BodyParameters, neutral
from pear_core.geometry.rotations import matrix_from_axis_angle
from pear_core.losses.published import (
    HMR_LEG_JOINTS,
    Gates,
    Points,
    PublishedTarget,
    PublishedWeights,
    keypoints_2d_term,
    keypoints_3d_term,
    loader_gates,
    override_legs,
    published_loss,
    published_terms,
)

RELEASED = {
    "body_pose": 0.001, "hand_pose": 0.001, "expression": 0.001, "betas": 0.0005,
    "head_scale": 0.001, "eye_pose": 0.001, "jaw_pose": 0.001, "eyelids": 0.001,
    "flame_expression": 0.001, "flame_shape": 0.001,
    "keypoints_3d": 0.05, "keypoints_2d": 0.01, "dwpose": 0.01,
}  # fmt: skip


def still(batch: int, gates: Gates | None = None) -> tuple[Points, PublishedTarget]:
    """Predictions equal to labels, all of confidence 0, so that each test moves one thing."""
    ones = torch.ones(batch, dtype=torch.float64)
    zeros = {
        "keypoints_3d": torch.zeros(batch, 44, 4, dtype=torch.float64),
        "keypoints_2d": torch.zeros(batch, 44, 3, dtype=torch.float64),
        "dwpose": torch.zeros(batch, 134, 3, dtype=torch.float64),
    }
    parameters = neutral(batch, torch.float64)
    points = Points(**{name: value[..., :-1].clone() for name, value in zeros.items()})
    return points, PublishedTarget(parameters, gates or Gates(ones, ones, ones), **zeros)


def random_case(seed: int, batch: int = 2) -> tuple[BodyParameters, Points, PublishedTarget]:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> Tensor:
        return torch.tensor(rng.normal(0, 1, (batch, *shape)))

    def parameters() -> BodyParameters:
        return neutral(batch, torch.float64).map(lambda t: draw(*t.shape[1:]))

    def labelled(points: int, columns: int) -> Tensor:
        confidence = torch.tensor(rng.uniform(0, 1, (batch, points, 1)))
        return torch.cat((draw(points, columns), confidence), dim=2)

    points = Points(draw(44, 3), draw(44, 2), draw(134, 2))
    gates = Gates(*(torch.tensor(rng.uniform(0, 1.2, batch)) for _ in range(3)))
    target = PublishedTarget(
        parameters(), gates, labelled(44, 3), labelled(44, 2), labelled(134, 2)
    )
    return parameters(), points, target


def loop(parameters: BodyParameters, points: Points, target: PublishedTarget) -> dict[str, float]:
    """Facts 6 and 16.7 once more, one number at a time."""
    own = {f.name: getattr(parameters, f.name).tolist() for f in fields(BodyParameters)}
    label = {f.name: getattr(target.parameters, f.name).tolist() for f in fields(BodyParameters)}
    gates = {f.name: getattr(target.gates, f.name).tolist() for f in fields(Gates)}
    found = dict.fromkeys(RELEASED, 0.0)
    for b in range(len(parameters)):
        body, hand, flame = (gates[name][b] for name in ("has_body", "has_hand", "has_flame"))
        for joint in range(1, 52):
            name, gate = ("body_pose", body) if joint < 22 else ("hand_pose", hand)
            for row in range(3):
                for column in range(3):
                    p = gate * own["rotations"][b][joint][row][column]
                    t = gate * label["rotations"][b][joint][row][column]
                    found[name] += (p - t) ** 2
        for name, width in (("expression", 50), ("betas", 200), ("head_scale", 3)):
            for i in range(width):
                found[name] += (own[name][b][i] - label[name][b][i]) ** 2
        widths = {"eye_pose": 6, "jaw_pose": 3, "eyelids": 2, "flame_expression": 50,
                  "flame_shape": 300}  # fmt: skip
        for name, width in widths.items():
            for i in range(width):
                found[name] += abs(flame * own[name][b][i] - flame * label[name][b][i])
        space, truth = points.keypoints_3d[b].tolist(), target.keypoints_3d[b].tolist()
        for j in range(44):
            for axis in range(3):
                p, t = space[j][axis] - space[39][axis], truth[j][axis] - truth[39][axis]
                found["keypoints_3d"] += truth[j][3] * abs(p - t)
        picture, truth = points.keypoints_2d[b].tolist(), target.keypoints_2d[b].tolist()
        for j in range(44):
            for axis in range(2):
                found["keypoints_2d"] += truth[j][2] * abs(picture[j][axis] - truth[j][axis])
        picture, truth = points.dwpose[b].tolist(), target.dwpose[b].tolist()
        for j in range(134):
            if truth[j][2] > 0.7 and j != 8 and j != 11:
                for axis in range(2):
                    found["dwpose"] += abs(picture[j][axis] - truth[j][axis])
    return found


def test_weights_are_the_released_ones() -> None:
    weights = PublishedWeights()
    assert {f.name: getattr(weights, f.name) for f in fields(weights)} == RELEASED


@pytest.mark.parametrize("seed", [0, 1])
def test_every_term_and_the_total_match_the_plain_loop(seed: int) -> None:
    case = random_case(seed, batch=seed + 1)
    expected = loop(*case)
    case[0].betas.requires_grad_()
    terms, (total, detached) = published_terms(*case), published_loss(*case)
    assert list(terms) == list(detached) and set(terms) == set(RELEASED)
    for name, value in expected.items():
        assert value > 0.1, name
        found = float(terms[name].detach())
        assert found == pytest.approx(value, rel=1e-12) and found == float(detached[name]), name
    assert total.requires_grad and terms["betas"].requires_grad
    assert not detached["betas"].requires_grad
    weighted = math.fsum(RELEASED[name] * value for name, value in expected.items())
    assert float(total.detach()) == pytest.approx(weighted, rel=1e-12)


def test_own_weights_scale_their_term_alone() -> None:
    case = random_case(2, batch=1)
    total, terms = published_loss(*case)
    twice, _ = published_loss(*case, replace(PublishedWeights(), betas=1e-3))
    assert float(twice - total) == pytest.approx(0.5e-3 * float(terms["betas"]), rel=1e-9)


def test_parameter_terms_by_hand() -> None:
    gates = Gates(torch.tensor([2.0, 0.0]), torch.tensor([1.0, 0.5]), torch.tensor([3.0, 0.1]))
    points, target = still(2, gates)
    rotations = target.parameters.rotations.clone()
    # A quarter turn is at squared distance 4 (1 - cos 90) = 4 from no turn.
    quarter = matrix_from_axis_angle(torch.tensor([0.0, 0.0, math.pi / 2], dtype=torch.float64))
    rotations[:, 0] = quarter
    rotations[:, 21] = quarter
    rotations[:, 22] = quarter
    rotations[1, 51] = quarter
    shift = torch.tensor([0.5, -1.0], dtype=torch.float64)[:, None]
    labels = target.parameters
    moved = replace(
        labels,
        rotations=rotations,
        expression=labels.expression + shift,
        betas=labels.betas + shift,
        head_scale=labels.head_scale + shift,
        hand_scale=labels.hand_scale + 7.0,
        eye_pose=labels.eye_pose + shift,
        jaw_pose=labels.jaw_pose + shift,
        eyelids=labels.eyelids + shift,
        flame_expression=labels.flame_expression + shift,
        flame_shape=labels.flame_shape + shift,
    )
    terms = {name: float(term) for name, term in published_terms(moved, points, target).items()}
    face = 3.0 * 0.5 + 0.1 * 1.0
    assert terms == {
        # The first person's body counts 2 squared, the second's nothing; the root has no term.
        "body_pose": pytest.approx(4 * 4),
        # One finger joint of the first person, two of the second at 0.5 squared.
        "hand_pose": pytest.approx(4 + 2 * 4 * 0.25),
        # Not gated: 0.25 + 1 per number.
        "expression": pytest.approx(50 * 1.25),
        "betas": pytest.approx(200 * 1.25),
        "head_scale": pytest.approx(3 * 1.25),
        "eye_pose": pytest.approx(6 * face),
        "jaw_pose": pytest.approx(3 * face),
        "eyelids": pytest.approx(2 * face),
        "flame_expression": pytest.approx(50 * face),
        "flame_shape": pytest.approx(300 * face),
        "keypoints_3d": 0.0,
        "keypoints_2d": 0.0,
        "dwpose": 0.0,
    }


def test_a_valid_body_counts_1_21_times_in_squared_terms_and_1_1_times_in_absolute_ones() -> None:
    """Facts 16.7; an invalid one still counts 1 % squared and 10 % absolute; hands have no floor."""
    flags = torch.tensor([1.0, 0.0], dtype=torch.float64)
    gates = loader_gates(flags, flags, flags)
    assert gates.has_body.tolist() == [1.1, 0.1] == gates.has_flame.tolist()
    assert gates.has_hand.tolist() == [1.0, 0.0]
    for person, body, face, hand in ((0, 1.21, 1.1, 1.0), (1, 0.01, 0.1, 0.0)):
        points, target = still(2, gates)
        rotations = target.parameters.rotations.clone()
        rotations[person, 3, 0, 0] += 2.0
        rotations[person, 30, 0, 0] += 2.0
        jaw = target.parameters.jaw_pose.clone()
        jaw[person, 1] += 2.0
        moved = replace(target.parameters, rotations=rotations, jaw_pose=jaw)
        terms = published_terms(moved, points, target)
        assert float(terms["body_pose"]) == pytest.approx(4 * body)
        assert float(terms["hand_pose"]) == pytest.approx(4 * hand)
        assert float(terms["jaw_pose"]) == pytest.approx(2 * face)


def test_3d_points_are_relative_to_a_pelvis_of_confidence_zero() -> None:
    predicted = torch.zeros(1, 44, 3)
    target = torch.zeros(1, 44, 4)
    target[0, 7] = torch.tensor([1.0, 2.0, 3.0, 0.5])
    target[0, 39] = torch.tensor([1.0, 1.0, 1.0, 0.0])
    # Joint 7 is (0, 1, 2) from its pelvis, and the prediction says (0, 0, 0): 0.5 x 3.
    assert float(keypoints_3d_term(predicted, target)) == pytest.approx(1.5)
    # The predicted pelvis is subtracted as well: 0.5 x (|-1| + |-2| + |-3|).
    predicted[0, 39] = 1.0
    assert float(keypoints_3d_term(predicted, target)) == pytest.approx(3.0)
    assert float(keypoints_3d_term(predicted + 9.0, target)) == pytest.approx(3.0, rel=1e-5)


def test_2d_points_by_hand() -> None:
    predicted = torch.full((2, 44, 2), 0.5)
    target = torch.zeros(2, 44, 3)
    target[0, 0] = torch.tensor([0.25, 0.5, 1.0])
    target[1, 43] = torch.tensor([1.5, -0.5, 0.2])
    assert float(keypoints_2d_term(predicted, target)) == pytest.approx(0.25 + 0.2 * 2.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dwpose_score_must_be_strictly_greater_than_0_7(dtype: torch.dtype) -> None:
    points, target = still(1)
    points = Points(*(getattr(points, f.name).to(dtype) for f in fields(Points)))
    scores = torch.full((1, 134), 0.7, dtype=dtype)
    above = torch.nextafter(scores, torch.ones_like(scores))
    for score, expected in ((scores, 0.0), (above, 3.0)):
        labels = target.dwpose.to(dtype)
        labels[..., 2] = score
        labels[0, 5, 0], labels[0, 133, 1] = 1.0, 2.0
        case = replace(target, dwpose=labels)
        terms = published_terms(case.parameters, points, case)
        assert float(terms["dwpose"]) == expected


def test_dwpose_hips_do_not_count_and_scores_are_no_weights() -> None:
    points, target = still(1)
    labels = target.dwpose.clone()
    labels[..., 2] = 0.9
    labels[0, 8, 0] = labels[0, 11, 0] = 5.0
    labels[0, 9, 0] = 0.25
    terms = published_terms(target.parameters, points, replace(target, dwpose=labels))
    assert float(terms["dwpose"]) == 0.25
    # The removal leaves the caller's scores alone.
    assert (labels[..., 2] == 0.9).all()


def test_undetected_dwpose_points_may_be_anything() -> None:
    _, target = still(1)
    labels = target.dwpose.clone()
    labels[0, 4, :2] = math.nan
    labels[0, 6] = torch.tensor([0.5, 0.5, 1.0])
    predicted = torch.zeros(1, 134, 2, dtype=torch.float64, requires_grad=True)
    points = Points(torch.zeros(1, 44, 3), torch.zeros(1, 44, 2), predicted)
    term = published_terms(target.parameters, points, replace(target, dwpose=labels))["dwpose"]
    term.backward()
    assert float(term.detach()) == 1.0 and predicted.grad is not None
    assert predicted.grad[0, 6].tolist() == [-1.0, -1.0]
    assert float(predicted.grad.abs().sum()) == 2.0


def test_samples_without_a_point_set_cost_nothing_there() -> None:
    points, target = still(1)
    points = Points(points.keypoints_3d + torch.rand(44, 3), points.keypoints_2d + 3.0,
                    points.dwpose + 3.0)  # fmt: skip
    terms = published_terms(target.parameters, points, target)
    assert [float(terms[n]) for n in ("keypoints_3d", "keypoints_2d", "dwpose")] == [0.0] * 3


def test_legs_come_from_hmr_pose_where_it_is_present() -> None:
    body, hmr = torch.zeros(2, 21, 3), torch.ones(2, 21, 3)
    hmr[1] = math.nan
    pose = override_legs(body, hmr, torch.tensor([True, False]))
    # SMPL-X joints: hips 1, 2, knees 4, 5, ankles 7, 8, feet 10, 11; body_pose starts at joint 1.
    legs = [joint - 1 for joint in (1, 2, 4, 5, 7, 8, 10, 11)]
    assert list(HMR_LEG_JOINTS) == legs
    assert pose[0, :, 0].nonzero().flatten().tolist() == legs
    assert not pose[1].any()
    matrices = override_legs(body[..., None].expand(-1, -1, -1, 3), hmr[..., None].expand(
        -1, -1, -1, 3), torch.tensor([True, False]))  # fmt: skip
    assert torch.equal(matrices, pose[..., None].expand(-1, -1, -1, 3))


def test_sums_grow_with_the_batch() -> None:
    parameters, points, target = random_case(3, batch=1)
    total, _ = published_loss(parameters, points, target)
    four = torch.zeros(4, dtype=torch.long)
    gates = Gates(*(getattr(target.gates, f.name)[four] for f in fields(Gates)))
    more = PublishedTarget(target.parameters[four], gates, target.keypoints_3d[four],
                           target.keypoints_2d[four], target.dwpose[four])  # fmt: skip
    many = Points(*(getattr(points, f.name)[four] for f in fields(Points)))
    assert float(published_loss(parameters[four], many, more)[0]) == pytest.approx(4 * float(total))


def test_gradients_match_finite_differences() -> None:
    """Central differences of the total along random directions, one kind of prediction at a time."""
    parameters, points, target = random_case(4)
    names = [f.name for f in fields(BodyParameters)] + [f.name for f in fields(Points)]
    start = [getattr(parameters, f.name) for f in fields(BodyParameters)]
    start += [getattr(points, f.name) for f in fields(Points)]

    def total(values: list[Tensor]) -> Tensor:
        return published_loss(BodyParameters(*values[:-3]), Points(*values[-3:]), target)[0]

    leaves = [value.clone().requires_grad_() for value in start]
    total(leaves).backward()
    generator, step = torch.Generator().manual_seed(5), 1e-6
    for i, name in enumerate(names):
        if name == "hand_scale":
            assert leaves[i].grad is None
            continue
        direction = torch.randn(start[i].shape, generator=generator, dtype=torch.float64)
        shifted = [
            total([v + sign * step * direction if j == i else v for j, v in enumerate(start)])
            for sign in (1, -1)
        ]
        numeric = float(shifted[0] - shifted[1]) / (2 * step)
        gradient = leaves[i].grad
        assert gradient is not None and float(gradient.abs().max()) > 0, name
        assert float((gradient * direction).sum()) == pytest.approx(numeric, abs=2e-7), name


def test_wrong_shapes_are_named() -> None:
    points, target = still(2)
    with pytest.raises(ValueError, match=r"dwpose: expected \(B, 134, 3\), found \(2, 134, 2\)"):
        replace(target, dwpose=points.dwpose)
    with pytest.raises(ValueError, match=r"keypoints_3d: expected \(B, 44, 3\), found"):
        replace(points, keypoints_3d=torch.zeros(2, 45, 3))
    with pytest.raises(ValueError, match=r"has_hand: expected shape \(2,\), found \(2, 1\)"):
        replace(target, gates=replace(target.gates, has_hand=torch.ones(2, 1)))
