"""Contour yaw against the `smplx` package and by hand; landmarks against plain indexing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from pear_core.anatomy import HEAD, NECK
from pear_core.body.ehm import Ehm
from pear_core.body.files import BodyAssets
from pear_core.body.landmarks import Landmarks, contour_row, head_yaw, landmark_vertices
from pear_core.body.parameters import BodyParameters
from pear_core.body.smplx import full_pose

YAWS = [-120, -90, -60, -40, -39, -38.6, -25, -1, -0.6, -0.4, 0, 0.4, 0.6, 1, 17, 38.6, 39, 50, 90]


def pose_with(**euler: tuple[str, object]) -> Tensor:
    """Local rotations [1, 55, 3, 3]: identity but for joint<number>=(axes, degrees)."""
    rotations = np.tile(np.eye(3), (1, 55, 1, 1))
    for name, (axes, degrees) in euler.items():
        turn = Rotation.from_euler(axes, degrees, degrees=True)
        rotations[0, int(name.removeprefix("joint"))] = turn.as_matrix()
    return torch.tensor(rotations)


@pytest.mark.parametrize("degrees", YAWS)
def test_row_is_the_smplx_packages_for_a_pure_neck_yaw(degrees: float) -> None:
    lbs = pytest.importorskip("smplx.lbs")
    rotations = pose_with(**{f"joint{NECK}": ("y", degrees)})
    table = torch.arange(79)[:, None].expand(79, 17)
    rows, _ = lbs.find_dynamic_lmk_idx_and_bcoords(
        torch.zeros(1, 1, 3).double(), rotations, table, torch.zeros(79, 17, 3).double(),
        torch.tensor([12, 9, 6, 3, 0]), pose2rot=False,
    )  # fmt: skip
    assert contour_row(head_yaw(rotations)).item() == rows[0, 0].item()


def test_rows_by_hand() -> None:
    # Turning to the own right (about -y) is positive; the left half of the table starts behind 39.
    for degrees, row in [(0, 0), (-10, 10), (-39, 39), (-70, 39), (1, 40), (10, 49), (39, 78)]:
        pose = pose_with(**{f"joint{HEAD}": ("y", degrees)})
        assert contour_row(head_yaw(pose)).item() == row
    assert contour_row(torch.tensor([-90.0, -0.4, 0.4, 90.0])).tolist() == [78, 0, 0, 39]


@pytest.mark.parametrize("root", [("x", 180), ("y", 90), ("zyx", (20, -130, 170))])
def test_yaw_ignores_the_root(root: tuple[str, object]) -> None:
    turned = pose_with(joint0=root, joint12=("y", -20), joint15=("y", -5))
    assert head_yaw(turned).item() == pytest.approx(25, abs=1e-9)


def test_yaw_adds_up_along_the_spine_and_survives_pitch_and_roll() -> None:
    spine = pose_with(joint3=("y", 8), joint6=("y", 3), joint9=("y", -5), joint12=("y", 9))
    assert head_yaw(spine).item() == pytest.approx(-15, abs=1e-9)
    # Roll, then yaw, then pitch is the Euler order whose middle angle is returned.
    mixed = pose_with(joint15=("ZYX", (12, -31, 40)))
    assert head_yaw(mixed).item() == pytest.approx(31, abs=1e-9)
    # The neck nods and the head then turns about its own tilted axis: sin(yaw) = sin 31 cos 40.
    nod = pose_with(joint12=("x", 40), joint15=("y", -31))
    expected = math.degrees(math.asin(math.sin(math.radians(31)) * math.cos(math.radians(40))))
    assert head_yaw(nod).item() == pytest.approx(expected, abs=1e-9)


def test_points_by_plain_indexing(ehm: Ehm, assets: BodyAssets, parameters: BodyParameters) -> None:
    with torch.no_grad():
        output = ehm(parameters)
    yaw = head_yaw(full_pose(parameters.rotations))
    for person, degrees in enumerate(yaw.tolist()):
        whole = round(max(-39.0, min(39.0, degrees)))
        row = whole if whole >= 0 else 39 - whole
        smplx, vertices = assets.smplx, output.vertices[person].double().numpy()
        expected = [
            bary @ vertices[smplx.faces[face]]
            for face, bary in [
                *zip(smplx.static_faces, smplx.static_bary),
                *zip(smplx.contour_faces[row], smplx.contour_bary[row]),
            ]
        ]
        expected += [
            bary @ vertices[triangle]
            for triangle, bary in zip(assets.surface_triangles, assets.surface_bary)
        ]
        actual = output.joints[person, 55:].numpy()
        np.testing.assert_allclose(actual, np.array(expected), atol=1e-6)


def test_support_holds_every_triangle(assets: BodyAssets) -> None:
    support = set(landmark_vertices(assets).tolist())
    smplx = assets.smplx
    assert set(smplx.faces[smplx.contour_faces[78, 16]].tolist()) <= support
    assert set(smplx.faces[smplx.static_faces[50]].tolist()) <= support
    assert set(assets.surface_triangles.ravel().tolist()) <= support
    assert len(support) <= 3 * (51 + 79 * 17 + 22)


def test_a_shifted_batch_takes_each_persons_own_row(assets: BodyAssets) -> None:
    count = len(assets.smplx.v_template)
    landmarks = Landmarks(assets, np.arange(count)).double()
    one, other = pose_with(joint15=("y", 30)), pose_with(joint15=("y", -30))
    vertices = torch.tensor(assets.smplx.v_template).double()[None]
    both = landmarks(vertices.expand(2, -1, -1), torch.cat((one, other)))
    torch.testing.assert_close(both[:1], landmarks(vertices, one))
    torch.testing.assert_close(both[1:], landmarks(vertices, other))
    assert (both[0, 51:68] - both[1, 51:68]).abs().max() > 0.01
    assert torch.equal(both[0, :51], both[1, :51])
