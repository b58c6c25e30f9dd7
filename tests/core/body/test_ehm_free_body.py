"""EHM-s on the free body that ships with the repository: anatomy a person would notice."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pear_core.anatomy import EHM_JOINTS, HEAD, NECK, SMPLX_JOINTS, mirrored
from pear_core.body.ehm import Ehm
from pear_core.body.files import BODY_FILES
from pear_core.body.parameters import BodyParameters, neutral
from pear_core.body.smplx import SmplxBody, full_pose
from pear_core.evaluate.metrics import Parts
from pear_core.geometry.rotations import matrix_from_axis_angle

FOLDER = Path(__file__).parents[3] / "models" / "free_body"

pytestmark = pytest.mark.skipif(
    not all((FOLDER / name).exists() for name in BODY_FILES), reason="models/free_body is not built"
)


@pytest.fixture(scope="module")
def free() -> Ehm:
    return Ehm.from_folder(FOLDER)


def joint(name: str) -> int:
    return EHM_JOINTS.index(name)


def turned(index: int, axis_angle: list[float]) -> BodyParameters:
    """The rest pose with one of the 52 rotations changed."""
    rest = neutral(1)
    rotations = rest.rotations.clone()
    rotations[0, index] = matrix_from_axis_angle(torch.tensor(axis_angle))
    return replace(rest, rotations=rotations)


@torch.no_grad()
def test_neutral_head_is_the_bodys_own(free: Ehm) -> None:
    rest = neutral(1)
    pure = SmplxBody(free.assets.smplx)(full_pose(rest.rotations), rest.betas, rest.expression)
    output = free(rest)
    assert (output.vertices - pure.vertices).abs().max() < 1e-4
    assert (output.joints[:, :55] - pure.joints).abs().max() < 1e-4


@torch.no_grad()
def test_joints_are_left_right_mirrored(free: Ehm) -> None:
    joints = free(neutral(1)).joints[0].numpy()
    flip = mirrored(SMPLX_JOINTS)
    difference = joints[:55] * [-1, 1, 1] - joints[flip]
    assert np.abs(difference).max() < 5e-3
    surface = mirrored(EHM_JOINTS)[123:]
    assert np.abs(joints[123:] * [-1, 1, 1] - joints[surface]).max() < 5e-3


@torch.no_grad()
def test_landmarks_lie_where_their_names_say(free: Ehm) -> None:
    joints = free(neutral(1)).joints[0]
    # y up, facing +z, left = +x; iBUG 36, 45: outer eye corners, 30: tip of the nose, 8: chin.
    assert joints[joint("face_36"), 0] < joints[joint("face_39"), 0] < 0
    assert joints[joint("face_45"), 0] > joints[joint("face_42"), 0] > 0
    assert joints[joint("head_top"), 1] > joints[joint("face_27"), 1] > joints[joint("face_8"), 1]
    assert (joints[joint("face_30")] - joints[joint("nose")]).norm() < 0.02
    assert joints[joint("face_0"), 0] < 0 < joints[joint("face_16"), 0]
    assert joints[joint("left_heel"), 2] < joints[joint("left_big_toe"), 2]


@torch.no_grad()
def test_contour_slides_forward_on_the_averted_side(free: Ehm) -> None:
    rest = free(neutral(1)).joints[0]
    for degrees, averted, facing in ((35, "face_14", "face_2"), (-35, "face_2", "face_14")):
        # Turning to the left hides the left cheek: its outline runs closer to the nose.
        turn = [0.0, math.radians(degrees), 0.0]
        pose, world = turned(NECK, turn), matrix_from_axis_angle(torch.tensor(turn))
        joints = (free(pose).joints[0] - rest[NECK]) @ world + rest[NECK]
        assert joints[joint(averted), 2] > rest[joint(averted), 2] + 0.02
        assert (joints[joint(facing)] - rest[joint(facing)]).norm() < 0.01


@torch.no_grad()
def test_jaw_eyelids_and_head_scale_move_only_the_head(free: Ehm) -> None:
    rest = neutral(1)
    still = free(rest)
    opened = replace(rest, jaw_pose=torch.tensor([[0.3, 0.0, 0.0]]))
    shut = replace(rest, eyelids=torch.ones(1, 2))
    bigger = replace(rest, head_scale=torch.full((1, 3), 1.1))
    head = np.delete(free.assets.vertex_ids, free.assets.kept)
    body = np.setdiff1d(np.arange(still.vertices.shape[1]), head)
    for changed in (opened, shut, bigger):
        output = free(changed)
        assert (output.vertices[:, body] - still.vertices[:, body]).abs().max() < 1e-6
        assert (output.vertices[:, head] - still.vertices[:, head]).abs().max() > 2e-3

    def gap(parameters: BodyParameters, first: str, second: str) -> float:
        joints = free(parameters).joints[0]
        return float((joints[joint(first)] - joints[joint(second)]).norm())

    assert gap(opened, "face_62", "face_66") > gap(rest, "face_62", "face_66") + 0.01
    assert gap(shut, "face_37", "face_41") < 0.7 * gap(rest, "face_37", "face_41")
    assert gap(bigger, "face_36", "face_45") == pytest.approx(
        1.1 * gap(rest, "face_36", "face_45"), rel=1e-3
    )


@torch.no_grad()
def test_restricted_joints_are_the_same(free: Ehm) -> None:
    pose = turned(HEAD, [0.2, -0.3, 0.1])
    support = free.joint_support()
    output = free.restricted(support)(pose)
    torch.testing.assert_close(output.joints, free(pose).joints, atol=1e-6, rtol=0)
    assert len(support) < 1000


def test_parts_for_the_metrics(free: Ehm) -> None:
    parts = Parts.from_assets(free.assets)
    rest = free.assets.smplx.v_template
    assert rest[parts.left_hand, 0].min() > 0.4 and rest[parts.right_hand, 0].max() < -0.4
    assert len(parts.face) == len(free.assets.flame.v_template)
