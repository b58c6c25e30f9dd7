"""EHM-s against its definition, put together from the `smplx` package, and its invariants."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from pear_core.anatomy import FLAME_PARENTS, SMPLX_PARENTS
from pear_core.body.ehm import Ehm
from pear_core.body.files import BodyAssets, BodyFileError, load_assets
from pear_core.body.parameters import BodyParameters, neutral
from pear_core.body.smplx import SmplxBody, full_pose
from pear_core.geometry.rotations import matrix_from_axis_angle

REPLACED, KEPT = 4708, 315


def tensor(array: np.ndarray) -> Tensor:
    return torch.tensor(array, dtype=torch.float64)


def reference(assets: BodyAssets, p: BodyParameters, scale_about: str) -> tuple[Tensor, Tensor]:
    """Vertices and kinematic joints of one person, step by step as in facts 5.2, in float64."""
    lbs = pytest.importorskip("smplx.lbs")
    p = p.map(lambda value: value.double())
    head, body = assets.flame, assets.smplx

    def skinned(file, parents, template, betas, dirs, rotations):  # type: ignore[no-untyped-def]
        return lbs.lbs(
            betas, rotations, template, dirs,
            tensor(file.posedirs.reshape(-1, file.posedirs.shape[2]).T.copy()),
            tensor(file.joint_regressor), torch.tensor(parents), tensor(file.weights),
            pose2rot=False,
        )  # fmt: skip

    still = torch.zeros(1, 6, dtype=torch.float64)
    pose = matrix_from_axis_angle(torch.cat((still, p.jaw_pose, p.eye_pose), 1).reshape(1, 5, 3))
    coefficients = torch.cat((p.flame_shape, p.flame_expression), dim=1)
    directions = tensor(np.concatenate((head.shapedirs, head.exprdirs[..., :50]), axis=2))
    flame, flame_joints = skinned(
        head, FLAME_PARENTS, tensor(head.v_template)[None], coefficients, directions, pose
    )
    for side in (0, 1):
        flame = flame + p.eyelids[:, side, None, None] * tensor(assets.eyelids[side])
    eyes = flame_joints[:, 3:5].mean(dim=1, keepdim=True)
    if scale_about == "origin":
        flame = flame * p.head_scale[:, None]
    else:
        flame = (flame - eyes) * p.head_scale[:, None] + eyes
    template = (
        tensor(body.v_template)[None]
        + torch.einsum("bc,vkc->bvk", p.betas, tensor(body.shapedirs[..., :200]))
        + torch.einsum("bc,vkc->bvk", p.expression, tensor(body.exprdirs[..., :50]))
    )
    rest = torch.einsum("jv,bvk->bjk", tensor(body.joint_regressor), template)
    flame = flame - eyes + rest[:, 23:25].mean(dim=1, keepdim=True)
    stays = {*assets.masks["neck"].tolist(), *assets.masks["boundary"].tolist()}
    for vertex in range(len(assets.vertex_ids)):
        if vertex not in stays:
            template[:, assets.vertex_ids[vertex]] = flame[:, vertex]
    none = torch.zeros(1, 1, dtype=torch.float64)
    no_dirs = torch.zeros(template.shape[1], 3, 1, dtype=torch.float64)
    return skinned(body, SMPLX_PARENTS, template, none, no_dirs, full_pose(p.rotations))


@pytest.mark.parametrize("scale_about", ["eyes", "origin"])
def test_is_the_definition(
    assets: BodyAssets, parameters: BodyParameters, scale_about: str
) -> None:
    vertices, joints = reference(assets, parameters[:1], scale_about)
    with torch.no_grad():
        output = Ehm(assets, scale_about)(parameters)  # type: ignore[arg-type]
    assert output.vertices.shape == (3, 10475, 3) and output.joints.shape == (3, 145, 3)
    assert (output.vertices[0] - vertices[0]).abs().max() < 1e-5
    assert (output.joints[0, :55] - joints[0]).abs().max() < 1e-5


def test_only_4708_vertices_come_from_flame(ehm: Ehm, assets: BodyAssets) -> None:
    assert len(assets.kept) == KEPT and len(assets.vertex_ids) - len(assets.kept) == REPLACED
    rest = neutral(1)
    with torch.no_grad():
        pure = SmplxBody(assets.smplx)(full_pose(rest.rotations), rest.betas, rest.expression)
        difference = (ehm(rest).vertices - pure.vertices)[0].abs().amax(dim=-1)
    changed = np.flatnonzero(difference.numpy() > 1e-4)
    replaced = np.delete(assets.vertex_ids, assets.kept)
    # A fabricated head is nowhere near the fabricated body; a few vertices may meet by chance.
    assert set(changed) <= set(replaced.tolist()) and len(changed) >= REPLACED - 2


def test_kept_vertices_are_a_set_although_the_masks_overlap(assets: BodyAssets) -> None:
    masks = assets.masks
    assert len(masks["neck"]) == 253 and len(masks["boundary"]) == 114
    assert len(np.intersect1d(masks["neck"], masks["boundary"])) == 52
    assert len(np.unique(assets.kept)) == len(assets.kept)


def eye_vertices(assets: BodyAssets) -> list[int]:
    """Two FLAME vertices for either eye, none of the seam."""
    return np.setdiff1d(np.arange(len(assets.vertex_ids)), assets.kept)[:4].tolist()


def matched(assets: BodyAssets) -> BodyAssets:
    """The same files with FLAME's template cut out of SMPL-X and the same eye regressor."""
    flame, smplx = assets.flame, assets.smplx
    regressor = smplx.joint_regressor.copy()
    eyes = np.zeros((2, len(assets.vertex_ids)), np.float32)
    eyes[[0, 0, 1, 1], eye_vertices(assets)] = 0.5
    regressor[23:25] = 0
    regressor[23:25, assets.vertex_ids] = eyes
    flame_regressor = flame.joint_regressor.copy()
    flame_regressor[3:5] = eyes
    shift = np.array([0.0, 0.4, -0.1], np.float32)
    head = smplx.v_template[assets.vertex_ids] + shift
    return replace(
        assets,
        smplx=replace(smplx, joint_regressor=regressor),
        flame=replace(flame, v_template=head, joint_regressor=flame_regressor),
    )


def test_matching_head_at_scale_one_is_pure_smplx(
    small_assets: BodyAssets, parameters: BodyParameters
) -> None:
    same = matched(small_assets)
    p = replace(neutral(3), rotations=parameters.rotations)
    with torch.no_grad():
        pure = SmplxBody(same.smplx)(full_pose(p.rotations), p.betas, p.expression)
        output = Ehm(same)(p)
    torch.testing.assert_close(output.vertices, pure.vertices, atol=2e-6, rtol=0)
    torch.testing.assert_close(output.joints[:, :55], pure.joints, atol=2e-6, rtol=0)


def test_eyes_of_the_head_sit_at_the_eye_joints(
    small_assets: BodyAssets, parameters: BodyParameters
) -> None:
    same = matched(small_assets)
    p = replace(
        neutral(3),
        betas=parameters.betas,
        flame_shape=parameters.flame_shape,
        flame_expression=parameters.flame_expression,
    )
    with torch.no_grad():
        head = Ehm(same)(p).vertices[:, same.vertex_ids]
        rest = SmplxBody(same.smplx).rest_joints(
            torch.nn.functional.pad(p.betas, (0, 100)), torch.zeros(3, 100)
        )
    # The eye joints of the matched FLAME file are the means of these vertex pairs.
    eyes = head[:, eye_vertices(same)].mean(dim=1)
    torch.testing.assert_close(eyes, rest[:, 23:25].mean(dim=1), atol=1e-6, rtol=0)


def test_scale_origins_agree_at_scale_one_and_only_there(
    small_assets: BodyAssets, parameters: BodyParameters
) -> None:
    by_eyes, by_origin = Ehm(small_assets, "eyes"), Ehm(small_assets, "origin")
    p = replace(parameters, head_scale=torch.ones(3, 3))
    with torch.no_grad():
        a, b = by_eyes(p), by_origin(p)
        torch.testing.assert_close(a.vertices, b.vertices, atol=1e-6, rtol=0)
        torch.testing.assert_close(a.joints, b.joints, atol=1e-6, rtol=0)
        p = replace(parameters, head_scale=torch.tensor([[1.2, 0.9, 1.1]]).repeat(3, 1))
        a, b = by_eyes(p), by_origin(p)
        # They differ by (scale - 1) * eyes, the same for every head vertex at rest.
        _, eyes = by_eyes.head(p)
        still = replace(p, rotations=neutral(3).rotations)
        ids = np.delete(small_assets.vertex_ids, small_assets.kept)
        pose_free = by_origin(still).vertices[:, ids] - by_eyes(still).vertices[:, ids]
    expected = ((p.head_scale[:, None] - 1) * eyes).expand_as(pose_free)
    assert (a.vertices - b.vertices).abs().max() > 1e-3
    # At rest the skinning of identity rotations changes nothing.
    torch.testing.assert_close(pose_free, expected, atol=2e-6, rtol=0)


def test_hand_scale_is_not_applied(ehm: Ehm, parameters: BodyParameters) -> None:
    with torch.no_grad():
        changed = ehm(replace(parameters, hand_scale=parameters.hand_scale + 1))
        assert torch.equal(changed.vertices, ehm(parameters).vertices)


def test_restricted_models_give_the_same_joints(ehm: Ehm, parameters: BodyParameters) -> None:
    some = np.array([9000, 2, 10474, 2, 500])
    with torch.no_grad():
        full = ehm(parameters)
        for ids in (some, np.array([], np.int64), ehm.joint_support()):
            part = ehm.restricted(ids)
            output = part(parameters)
            assert output.vertices.shape == (3, len(ids), 3)
            torch.testing.assert_close(output.joints, full.joints, atol=1e-6, rtol=0)
            torch.testing.assert_close(output.vertices, full.vertices[:, ids], atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match=r"0\.\.10474, found 3\.\.10475"):
        ehm.restricted(np.array([3, 10475]))


def test_batch_of_none_and_independence_of_people(ehm: Ehm, parameters: BodyParameters) -> None:
    with torch.no_grad():
        empty = ehm(neutral(0))
        assert empty.vertices.shape == (0, 10475, 3) and empty.joints.shape == (0, 145, 3)
        alone = ehm(parameters[1:2])
        together = ehm(parameters)
    torch.testing.assert_close(alone.vertices[0], together.vertices[1], atol=1e-6, rtol=0)


def test_j14_overwrites_ten_joints(
    small_folder: Path, fabricated: ModuleType, tmp_path: Path, parameters: BodyParameters
) -> None:
    folder = Path(shutil.copytree(small_folder, tmp_path / "body"))
    fabricated.write_j14(folder, vertices=90)
    assets = load_assets(folder)
    assert assets.j14 is not None
    with torch.no_grad():
        plain = Ehm(replace(assets, j14=None))(parameters)
        model = Ehm(assets)
        output, part = model(parameters), model.restricted(np.array([], np.int64))(parameters)
    # Right ankle to hip, left hip to ankle, right wrist to shoulder, left back, neck, head.
    lsp = np.array([8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20, 12, 15])
    regressed = np.einsum("jv,bvk->bjk", assets.j14, plain.vertices.numpy())
    expected = plain.joints.numpy().copy()
    for row, joint in enumerate(lsp):
        if joint not in (1, 2, 7, 8):
            expected[:, joint] = regressed[:, row]
    np.testing.assert_allclose(output.joints.numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(part.joints.numpy(), expected, atol=1e-6)


def test_gradcheck_in_float64(small_folder: Path, fabricated: ModuleType) -> None:
    model = Ehm.from_folder(small_folder).restricted(np.arange(0, 90, 7)).double()
    rng = np.random.default_rng(0)
    rest = neutral(1, dtype=torch.float64)
    names = [name for name in BodyParameters.__dataclass_fields__ if name != "hand_scale"]
    values = [getattr(rest, n) + tensor(rng.normal(0, 0.1, getattr(rest, n).shape)) for n in names]

    def joints_and_vertices(*given: Tensor) -> Tensor:
        output = model(replace(rest, **dict(zip(names, given))))
        return torch.cat((output.joints, output.vertices), dim=1)

    # Random rotations put the yaw between two whole degrees, where the contour row is constant.
    inputs = [value.requires_grad_() for value in values]
    assert torch.autograd.gradcheck(joints_and_vertices, inputs, fast_mode=True)


def test_refuses_files_with_few_columns_and_unknown_scale_origin(assets: BodyAssets) -> None:
    few = replace(assets.smplx, shapedirs=assets.smplx.shapedirs[..., :10])
    with pytest.raises(
        BodyFileError, match="SMPL-X shape columns; expected at least 200; found 10"
    ):
        Ehm(replace(assets, smplx=few))
    with pytest.raises(ValueError, match="expected 'eyes' or 'origin', found 'nose'"):
        Ehm(assets, "nose")  # type: ignore[arg-type]
