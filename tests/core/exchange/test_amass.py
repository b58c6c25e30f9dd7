"""AMASS files: played by the `smplx` package, hand-computed places, there and back."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core.body.smplx import SmplxBody, full_pose
from pear_core.exchange.amass import from_amass, to_amass
from pear_core.exchange.arrays import Arrays, ExchangeError, npz_bytes
from pear_core.exchange.motion import evenly_timed
from pear_core.exchange.skeleton import RestJoints

SHAPES = {
    "poses": (3, 165), "root_orient": (3, 3), "pose_body": (3, 63), "pose_jaw": (3, 3),
    "pose_eye": (3, 6), "pose_hand": (3, 90), "trans": (3, 3), "betas": (40,),
}  # fmt: skip


def test_the_smplx_package_plays_our_file(
    free_body, make_motion, calm, parameters_of, tmp_path: Path
) -> None:
    smplx = pytest.importorskip("smplx")
    motion = calm(make_motion(3, 51, widths=(40, 50, 0, 0)))
    (tmp_path / "walk_stageii.npz").write_bytes(
        npz_bytes(to_amass(motion, RestJoints.of(free_body.smplx)))
    )
    file = np.load(tmp_path / "walk_stageii.npz", allow_pickle=False)
    assert {name: file[name].shape for name in SHAPES} == SHAPES
    assert (str(file["gender"]), str(file["surface_model_type"])) == ("neutral", "smplx")
    assert float(file["mocap_frame_rate"]) == 30
    model = smplx.create(
        str(free_body.folder / "SMPLX_NEUTRAL.npz"), model_type="smplx", ext="npz", use_pca=False,
        flat_hand_mean=True, num_betas=40, num_expression_coeffs=10, batch_size=3,
    )  # fmt: skip
    poses = torch.tensor(file["poses"], dtype=torch.float32)
    with torch.no_grad():
        played = model(
            betas=torch.tensor(np.tile(file["betas"], (3, 1)), dtype=torch.float32),
            transl=torch.tensor(file["trans"], dtype=torch.float32),
            global_orient=poses[:, :3], body_pose=poses[:, 3:66], jaw_pose=poses[:, 66:69],
            leye_pose=poses[:, 69:72], reye_pose=poses[:, 72:75],
            left_hand_pose=poses[:, 75:120], right_hand_pose=poses[:, 120:],
            expression=torch.zeros(3, 10),
        ).vertices.numpy()  # fmt: skip
        given_ = parameters_of(motion)
        ours = SmplxBody(free_body.smplx)(
            full_pose(given_.rotations), given_.betas, given_.expression
        )
    seen = ours.vertices.numpy() + motion.transl[:, None]
    # Right, forward, up instead of right, down, forward.
    world = np.stack((seen[..., 0], seen[..., 2], -seen[..., 1]), axis=-1)
    assert np.abs(played - world).max() < 1e-4
    parts = ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")
    np.testing.assert_array_equal(np.concatenate([file[p] for p in parts], axis=1), file["poses"])


def test_a_person_three_metres_ahead_stands_upright(small_rest, make_motion) -> None:
    motion = make_motion(1, 52, angle=0.0, transl=np.array([[0.5, 0.2, 3.0]]))
    pelvis = small_rest(motion)[0, 0]
    file = to_amass(motion, small_rest)
    root = Rotation.from_rotvec(file["root_orient"][0])
    # Facing the camera: the body's up is the world's up, its front looks back along y.
    np.testing.assert_allclose(root.apply([0, 1, 0]), [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(root.apply([0, 0, 1]), [0, -1, 0], atol=1e-9)
    x, y, z = pelvis + motion.transl[0]
    np.testing.assert_allclose(file["trans"][0] + pelvis, [x, z, -y], atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10**6))
def test_there_and_back(small_rest, make_motion, frames: int, seed: int) -> None:
    motion = make_motion(frames, seed, widths=(12, 0, 0, 0), angle=0.9)
    again = from_amass(Arrays(to_amass(motion, small_rest), "a"), small_rest)
    for ours, theirs in ((motion.rotations, again.rotations), (motion.jaw_pose, again.jaw_pose),
                         (motion.eye_pose, again.eye_pose)):  # fmt: skip
        difference = Rotation.from_rotvec(ours.reshape(-1, 3)).inv()
        difference = difference * Rotation.from_rotvec(theirs.reshape(-1, 3))
        assert difference.magnitude().max() < 1e-7
    np.testing.assert_allclose(again.transl, motion.transl, atol=1e-9)
    np.testing.assert_allclose(again.betas, motion.betas, atol=1e-12)
    np.testing.assert_array_equal(again.stamps, motion.stamps)
    assert again.body == motion.body


def their_file(frames: int = 4, **changed: Any) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    arrays = {
        "gender": np.array("female"), "surface_model_type": np.array("smplx"),
        "mocap_frame_rate": np.array(120.0), "betas": rng.normal(0, 1, 16),
        "trans": rng.normal(0, 1, (frames, 3)), "root_orient": rng.normal(0, 1, (frames, 3)),
        "pose_body": rng.normal(0, 1, (frames, 63)), "pose_hand": rng.normal(0, 1, (frames, 90)),
        "pose_jaw": rng.normal(0, 1, (frames, 3)), "pose_eye": rng.normal(0, 1, (frames, 6)),
        "labels": np.array([object()], dtype=object),
    }  # fmt: skip
    return {k: v for k, v in (arrays | changed).items() if v is not None}


def test_files_of_parts_and_rates(small_rest, tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", **their_file())
    motion = from_amass(Arrays.open(tmp_path / "m.npz"), small_rest)
    theirs = their_file()
    assert (motion.fps, motion.body, motion.betas.shape) == (120, "smplx_female", (4, 16))
    np.testing.assert_array_equal(motion.rotations[:, 1:22].reshape(4, 63), theirs["pose_body"])
    np.testing.assert_array_equal(motion.rotations[:, 22:].reshape(4, 90), theirs["pose_hand"])
    np.testing.assert_array_equal(motion.jaw_pose, theirs["pose_jaw"])
    np.testing.assert_array_equal(motion.eye_pose, theirs["pose_eye"])
    assert evenly_timed(motion) is motion


def test_one_shape_or_one_per_frame(small_rest) -> None:
    betas = np.random.default_rng(5).normal(0, 1, (4, 10))
    for given_, expected in (
        (betas, betas),
        (betas[:1], betas[[0] * 4]),
        (betas[1], betas[[1] * 4]),
    ):
        motion = from_amass(Arrays(their_file(betas=given_), "a"), small_rest)
        np.testing.assert_array_equal(motion.betas, expected)
    with pytest.raises(ExchangeError, match=r"key 'betas'; expected shape \(4, any\); .*\(3, 10\)"):
        from_amass(Arrays(their_file(betas=betas[:3]), "a"), small_rest)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"surface_model_type": np.array("smplh")}, "surface_model_type'; expected smplx; found smplh"),
        ({"poses": np.zeros((4, 156))}, r"key 'poses'; expected shape \(frames, 165\); .*156"),
        ({"trans": np.zeros((3, 3))}, r"key 'trans'; expected shape \(4, 3\)"),
        ({"mocap_frame_rate": None}, "key 'mocap_frame_rate' is missing"),
        ({"mocap_frame_rate": np.array(0.0)}, "frames per second; expected above 0"),
        ({"pose_hand": None}, "key 'pose_hand' is missing"),
        ({"betas": np.full(16, np.inf)}, "key 'betas'; expected finite"),
    ],
)  # fmt: skip
def test_other_files_are_refused(small_rest, changed: dict[str, Any], text: str) -> None:
    with pytest.raises(ExchangeError, match=text):
        from_amass(Arrays(their_file(**changed), "their.npz"), small_rest)


def test_shape_is_locked_and_time_made_even(small_rest, make_motion) -> None:
    rng = np.random.default_rng(4)
    motion = make_motion(3, 53, betas=rng.normal(0, 1, (3, 200)))
    motion = replace(motion, stamps=np.array([0, 100_000_000, 300_000_000]))
    file = np.load(io.BytesIO(npz_bytes(to_amass(motion, small_rest))))
    rate = float(file["mocap_frame_rate"])
    assert len(file["trans"]) == round(0.3 * rate) + 1 == len(file["poses"])
    assert file["betas"].shape == (200,)
