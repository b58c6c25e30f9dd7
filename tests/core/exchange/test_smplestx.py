"""SMPLest-X dictionaries: hands about the mean, ten coefficients, the imagined camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.body.smplx import SmplxBody
from pear_core.exchange.arrays import Arrays, ExchangeError
from pear_core.exchange.smplestx import from_smplestx, hand_means, to_smplestx

MEANS = np.random.default_rng(0).normal(0, 0.3, (2, 45))
SHAPES = {
    "smplx_root_pose": 3, "smplx_body_pose": 63, "smplx_lhand_pose": 45, "smplx_rhand_pose": 45,
    "smplx_jaw_pose": 3, "smplx_shape": 10, "smplx_expr": 10, "cam_trans": 3,
}  # fmt: skip


def test_names_shapes_and_the_mean_hand(small_rest, make_motion) -> None:
    motion = make_motion(3, 61)
    theirs = to_smplestx(motion, MEANS, small_rest)
    assert {name: array.shape for name, array in theirs.items()} == {
        name: (3, width) for name, width in SHAPES.items()
    }
    # Their layer adds the mean of the model file to what it is given.
    flat = motion.rotations.reshape(3, -1)
    np.testing.assert_allclose(theirs["smplx_lhand_pose"] + MEANS[0], flat[:, 66:111], atol=1e-12)
    np.testing.assert_allclose(theirs["smplx_rhand_pose"] + MEANS[1], flat[:, 111:], atol=1e-12)
    np.testing.assert_array_equal(theirs["smplx_shape"], motion.betas[:, :10])


def test_their_layer_has_our_pelvis(small_body, small_rest, make_motion) -> None:
    """Cutting the shape moves the rest pelvis; the translation makes up for it."""
    motion = make_motion(2, 62)
    theirs = to_smplestx(motion, MEANS, small_rest)
    model = SmplxBody(small_body.smplx)

    def pelvis(betas: np.ndarray, expression: np.ndarray) -> np.ndarray:
        given_ = (torch.tensor(a, dtype=torch.float32) for a in (betas, expression))
        padded = [
            torch.nn.functional.pad(t, (0, n - t.shape[1])) for t, n in zip(given_, (300, 100))
        ]
        return model.rest_joints(*padded)[:, 0].numpy()

    np.testing.assert_allclose(
        pelvis(theirs["smplx_shape"], theirs["smplx_expr"]) + theirs["cam_trans"],
        pelvis(motion.betas, motion.expression) + motion.transl,
        atol=1e-5,
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(0, 10**6))
def test_there_and_back(small_rest, make_motion, frames: int, seed: int) -> None:
    motion = make_motion(frames, seed, widths=(10, 10, 0, 0))
    theirs = to_smplestx(motion, MEANS, small_rest)
    again = from_smplestx(Arrays(theirs, "s"), MEANS, small_rest, fps=30)
    for name in ("rotations", "transl", "betas", "expression", "jaw_pose", "stamps"):
        np.testing.assert_allclose(getattr(again, name), getattr(motion, name), atol=1e-9)
    np.testing.assert_array_equal(again.flame_expression, again.expression)
    assert not again.eye_pose.any()


def test_people_are_placed_before_the_real_camera(small_rest, make_motion) -> None:
    """Their crop of 192 x 256 has focal 5000; a box 384 wide doubles it (inference.py)."""
    motion = make_motion(1, 63, widths=(10, 10, 0, 0), transl=np.array([[0.1, 0.2, 30.0]]))
    theirs = to_smplestx(motion, MEANS, small_rest)
    theirs["focal"] = np.array([[5000 / 192 * 384, 5000 / 256 * 512]])
    theirs["princpt"] = np.array([[96 / 192 * 384 + 50, 128 / 256 * 512 + 60]])
    camera = np.array([800.0, 800, 320, 240])
    placed = from_smplestx(Arrays(theirs, "s"), MEANS, small_rest, camera=camera)
    pelvis = small_rest(motion)[0, 0]
    x, y, z = pelvis + motion.transl[0]
    u, v, w = pelvis + placed.transl[0]
    assert w == pytest.approx(z * 800 / 10000)
    assert 800 * u / w + 320 == pytest.approx(10000 * x / z + 242)
    assert 800 * v / w + 240 == pytest.approx(10000 * y / z + 316)
    left = from_smplestx(Arrays(theirs, "s"), MEANS, small_rest)
    np.testing.assert_allclose(left.transl, motion.transl, atol=1e-12)


def test_mean_hands_of_model_files(small_body, tmp_path: Path) -> None:
    path = small_body.folder / "SMPLX_NEUTRAL.npz"
    file = np.load(path)
    np.testing.assert_array_equal(hand_means(path)[1], file["hands_meanr"])
    np.savez(tmp_path / "m.npz", hands_meanl=np.zeros(45), hands_meanr=np.zeros(12))
    with pytest.raises(ExchangeError, match=r"key 'hands_meanr'; expected 45 numbers; .*\(12,\)"):
        hand_means(tmp_path / "m.npz")


def test_wrong_dictionaries_are_named(small_rest, make_motion) -> None:
    theirs = to_smplestx(make_motion(2, 64), MEANS, small_rest)
    for key, array, text in (
        ("smplx_lhand_pose", np.zeros((2, 12)), r"'smplx_lhand_pose'; expected shape \(2, 45\)"),
        ("cam_trans", np.zeros((1, 3)), r"'cam_trans'; expected shape \(2, 3\)"),
        ("smplx_root_pose", np.zeros(3), r"'smplx_root_pose'; expected shape \(frames, 3\)"),
    ):
        with pytest.raises(ExchangeError, match=text):
            from_smplestx(Arrays(theirs | {key: array}, "s"), MEANS, small_rest)
