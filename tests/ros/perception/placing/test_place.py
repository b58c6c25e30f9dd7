"""Placement: known translations come back, from good and bad starts, near and far, at any principal
point.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core import layout
from pear_ros.perception.placing import place
from pear_ros.types import Crop, Intrinsics, ScaleSource

K = Intrinsics(fx=600.0, fy=640.0, cx=251.0, cy=277.0, width=640, height=480)
BODY = np.random.default_rng(3).uniform([-0.3, -0.9, -0.2], [0.3, 0.8, 0.25], (145, 3))


def seen(transl: np.ndarray, k: Intrinsics = K) -> np.ndarray:
    """Pixels (145, 2) of the body at transl, by a 3x4 camera matrix."""
    matrix = np.array([[k.fx, 0, k.cx], [0, k.fy, k.cy], [0, 0, 1.0]]) @ np.hstack(
        [np.eye(3), transl[:, None]]
    )
    homogeneous = matrix @ np.vstack([BODY.T, np.ones(145)])
    return (homogeneous[:2] / homogeneous[2]).T


def placed(pixels: np.ndarray, camera: tuple, crop: Crop, **options: object) -> place.Placement:
    confidence = options.get("confidence", np.ones((1, 145)))
    return place.place(
        BODY[None].astype(np.float32), pixels[None].astype(np.float32), confidence,
        np.array([camera], np.float32), [crop], K, options.get("scale", ScaleSource.INTRINSICS),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-2, 2), st.floats(-1.5, 1.5), st.floats(1.2, 12),
    st.floats(0.5, 2.0), st.floats(-0.3, 0.3), st.floats(-0.3, 0.3),
)  # fmt: skip
def test_true_translation_comes_back_from_a_wrong_start(
    x: float, y: float, z: float, wrong: float, dx: float, dy: float
) -> None:
    truth = np.array([x, y, z])
    pixels = seen(truth)
    side = 1.25 * float((pixels.max(axis=0) - pixels.min(axis=0)).max())
    cx, cy = pixels.mean(axis=0).tolist()
    s = 2 * 620.0 / (z * side) * wrong
    found = placed(pixels, (dx, dy, s), Crop(cx, cy, side))
    np.testing.assert_allclose(found.transl[0], truth, atol=1e-3)
    assert found.residual[0] < 0.01
    relative = place.RELATIVE_SIGMA[ScaleSource.INTRINSICS]
    assert found.depth_sigma[0] == pytest.approx(relative * z, rel=1e-2)


def test_far_formula_meets_the_crop_camera_in_pixels() -> None:
    """A body seen by the crop camera (24 / s away) and by the full camera falls on the same pixels,
    from afar.
    """
    tx, ty, s = 0.12, -0.2, 0.9
    long = Intrinsics(fx=6000.0, fy=6000.0, cx=251.0, cy=277.0, width=640, height=480)
    crop = Crop(270.0, 260.0, 500.0)
    far = place.far_translation(np.array([[tx, ty, s]]), [crop], long)[0]
    depth = BODY[:, 2] + layout.FOCAL / s
    u = 0.5 + 12.0 * (BODY[:, :2] - [tx, ty]) / depth[:, None]
    in_crop = np.array([crop.cx, crop.cy]) + (u - 0.5) * crop.side
    # Both cameras stand 24 / s = 26.7 m away; only the direction differs, by a fifth of a degree.
    assert np.abs(seen(far, long) - in_crop).max() < 0.25
    # By hand: 225 pixels per metre at 6000 / 225 m, 19 pixels right of the principal point.
    assert far.tolist() == pytest.approx([-0.12 + 19 / 225, 0.2 - 17 / 225, 6000 / 225])


def test_noise_of_a_pixel_moves_depth_within_the_stated_sigma() -> None:
    truth = np.array([0.4, -0.1, 3.0])
    rng = np.random.default_rng(5)
    clean = seen(truth)
    crop = Crop(*clean.mean(axis=0).tolist(), 500.0)
    s = 2 * 620.0 / (3.0 * 500.0)
    found = [
        placed(clean + rng.normal(0, 2.0, clean.shape), (-0.4, 0.1, s), crop) for _ in range(20)
    ]
    errors = np.array([p.transl[0] - truth for p in found])
    assert np.abs(errors[:, 2]).max() < 0.1
    assert np.abs(errors[:, :2]).max() < 0.01
    # Size dominates: its share of 3 m, and a little for the misfit.
    size = 3.0 * place.RELATIVE_SIGMA[ScaleSource.INTRINSICS]
    assert all(0.95 * size < p.depth_sigma[0] < 1.1 * size for p in found)
    # Weights differ between joints, so only the order of the residual is known: 2 pixels.
    assert 1.2 < np.mean([p.residual[0] for p in found]) < 2.8


def test_hidden_joints_do_not_vote_unless_few_are_seen() -> None:
    truth = np.array([0.0, 0.0, 3.0])
    pixels = seen(truth)
    crop = Crop(*pixels.mean(axis=0).tolist(), 500.0)
    camera = (0.0, 0.0, 2 * 620.0 / 1500.0)
    broken = pixels.copy()
    broken[60:] += 300.0
    visible = np.ones((1, 145))
    visible[:, 60:] = 0.0
    kept = placed(broken, camera, crop, confidence=visible)
    np.testing.assert_allclose(kept.transl[0], truth, atol=1e-3)
    none = placed(pixels, camera, crop, confidence=np.zeros((1, 145)))
    np.testing.assert_allclose(none.transl[0], truth, atol=1e-3)


def test_scale_none_has_no_depth_sigma_and_each_person_has_an_own_scale() -> None:
    pixels = seen(np.array([0.0, 0.0, 3.0]))
    crop = Crop(251.0, 277.0, 500.0)
    found = placed(pixels, (0.0, 0.0, 0.8), crop, scale=ScaleSource.NONE)
    assert np.isinf(found.depth_sigma[0]) and found.scale == (ScaleSource.NONE,)
    scales = (ScaleSource.NONE, ScaleSource.KNOWN_SHAPE, ScaleSource.INTRINSICS)
    people = [np.repeat(a[None], 3, 0).astype(np.float32) for a in (BODY, pixels)]
    cameras = np.tile(np.array([[0.0, 0.0, 0.8]], np.float32), (3, 1))
    mixed = place.place(*people, np.ones((3, 145)), cameras, [crop] * 3, K, scales)
    assert mixed.scale == scales
    np.testing.assert_allclose(mixed.transl[:, 2], 3.0, atol=1e-3)
    expected = [np.inf, *(3.0 * place.RELATIVE_SIGMA[s] for s in scales[1:])]
    np.testing.assert_allclose(mixed.depth_sigma, expected, rtol=0.02)


def test_a_person_whom_the_border_cuts_is_less_sure() -> None:
    """Of the joints' weight, 0.05 lies in each of the 117 small ones and 1 in each of 28."""
    pixels = seen(np.array([0.0, 0.0, 3.0]))
    confidence = np.ones((1, 145))
    confidence[0, place.JOINT_WEIGHTS < 1.0] = 0.0
    confidence[0, np.flatnonzero(place.JOINT_WEIGHTS == 1.0)[:14]] = 0.0
    lost = (14 + 0.05 * 117) / (28 + 0.05 * 117)
    found = placed(pixels, (0.0, 0.0, 0.8), Crop(251.0, 277.0, 500.0), confidence=confidence)
    relative = np.hypot(place.RELATIVE_SIGMA[ScaleSource.INTRINSICS], place.CUT_SIGMA * lost)
    assert found.depth_sigma[0] == pytest.approx(3.0 * relative, rel=0.02)


@settings(max_examples=40, deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(1.5, 8), st.floats(0.7, 1.4))
def test_at_a_given_depth_the_body_stays_on_its_ray(
    x: float, y: float, z: float, ratio: float
) -> None:
    truth = np.array([x, y, z])
    pixels = seen(truth)
    body, sure = BODY[None].astype(np.float32), np.ones((1, 145))
    exact = place.at_depth(body, pixels[None], sure, np.array([z]), K)
    np.testing.assert_allclose(exact[0], truth, atol=1e-5)
    # Elsewhere: the least squares by another solver.
    wrong = z * ratio
    found = place.at_depth(body, pixels[None], sure, np.array([wrong]), K)[0]
    depth = BODY[:, 2] + wrong
    root = np.sqrt(place.JOINT_WEIGHTS)
    for axis, (focal, centre) in enumerate(((K.fx, K.cx), (K.fy, K.cy))):
        slope = focal / depth
        missing = pixels[:, axis] - centre - slope * BODY[:, axis]
        solved = np.linalg.lstsq((root * slope)[:, None], root * missing, rcond=None)[0]
        assert found[axis] == pytest.approx(solved[0], abs=1e-5)
    assert found[2] == wrong


def test_nonsense_stays_finite_and_before_the_camera() -> None:
    rng = np.random.default_rng(6)
    for _ in range(50):
        camera = tuple(rng.normal(0, 10, 3))
        found = placed(rng.normal(0, 1e4, (145, 2)), camera, Crop(0.0, 0.0, 20.0))
        assert np.isfinite(found.transl).all()
        assert (BODY[:, 2] + found.transl[0, 2]).min() > 0.049


def test_people_do_not_influence_each_other() -> None:
    truths = np.array([[0.5, 0.0, 2.0], [-1.0, 0.2, 6.0], [0.0, 0.4, 3.5]])
    pixels = np.stack([seen(t) for t in truths]).astype(np.float32)
    crops = [Crop(*p.mean(axis=0).tolist(), 400.0) for p in pixels]
    cameras = np.array([[0.0, 0.0, 3.1 / t[2]] for t in truths], np.float32)
    bodies = np.tile(BODY, (3, 1, 1)).astype(np.float32)
    found = place.place(
        bodies, pixels, np.ones((3, 145)), cameras, crops, K, ScaleSource.INTRINSICS
    )
    np.testing.assert_allclose(found.transl, truths, atol=1e-3)
    nobody = place.place(
        bodies[:0], pixels[:0], np.ones((0, 145)), cameras[:0], [], K, ScaleSource.NONE
    )
    assert nobody.transl.shape == (0, 3)


def test_assumed_lens_and_unusable_calibrations() -> None:
    lens = place.assumed_intrinsics(640, 480)
    assert (lens.fx, lens.fy, lens.cx, lens.cy) == (800.0, 800.0, 319.5, 239.5)
    across = 2 * math.degrees(math.atan(0.5 * math.hypot(640, 480) / lens.fx))
    assert across == pytest.approx(53.13, abs=0.01)
    assert place.usable(K, 640, 480)
    for broken in (
        None,
        replace(K, fx=0.0),
        replace(K, fy=-1.0),
        replace(K, cx=float("nan")),
        replace(K, width=320),
    ):
        assert not place.usable(broken, 640, 480)
