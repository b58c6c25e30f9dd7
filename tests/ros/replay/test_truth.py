"""Errors against ground truth: hand-computed cases and an independent Procrustes."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_ros.replay.truth import Seen, compare, procrustes


def person(seed: int = 0, track: int = 1, shift: float = 0.0, px: float = 0.0) -> Seen:
    rng = np.random.default_rng(seed)
    joints = rng.normal(size=(145, 3)) * 0.5 + [0, 0, 3]
    keypoints = rng.uniform(100, 300, size=(145, 2))
    return Seen(joints + shift, keypoints + px, track)


def test_procrustes_undoes_a_similarity() -> None:
    rng = np.random.default_rng(1)
    target = rng.normal(size=(22, 3))
    turned = 0.7 * Rotation.from_rotvec([0.3, -1.0, 2.0]).apply(target) + [1, 2, 3]
    np.testing.assert_allclose(procrustes(turned, target), target, atol=1e-12)


def test_procrustes_matches_scipy_and_never_mirrors() -> None:
    rng = np.random.default_rng(2)
    target = rng.normal(size=(22, 3))
    mirrored = target * [-1, 1, 1]
    aligned = procrustes(mirrored, target)
    a, b = mirrored - mirrored.mean(0), target - target.mean(0)
    rotation, _ = Rotation.align_vectors(b, a)
    turned = rotation.apply(a)
    scale = (turned * b).sum() / (a**2).sum()
    np.testing.assert_allclose(aligned, scale * turned + target.mean(0), atol=1e-9)
    assert np.linalg.norm(aligned - target) > 1.0


def test_a_shifted_person_has_position_and_pixel_error_only() -> None:
    errors = compare({0: [person()]}, {0: [person(shift=0.1, px=3.0)]})
    assert errors.matched == 1
    assert errors.mpjpe == pytest.approx(0, abs=1e-6)
    assert errors.pa_mpjpe == pytest.approx(0, abs=1e-6)
    assert errors.position_mm == pytest.approx(100 * np.sqrt(3))
    assert errors.keypoint_px == pytest.approx(3 * np.sqrt(2))


def test_one_moved_joint_counts_by_its_share() -> None:
    truth = person()
    joints = truth.joints.copy()
    joints[21, 0] += 0.22
    errors = compare({0: [truth]}, {0: [Seen(joints, truth.keypoints, 1)]})
    assert errors.mpjpe == pytest.approx(10.0)
    # Procrustes minimises squares: the mean distance is bounded by the root mean square before it.
    assert 0 < errors.pa_mpjpe <= 220 / np.sqrt(22)


def test_missed_extra_and_switched_people_are_counted() -> None:
    a, b = person(0, 1), person(0, 2, px=1000.0)
    truth = {0: [a, b], 1: [a, b], 2: [a]}
    found = {
        0: [Seen(a.joints, a.keypoints, 7), Seen(b.joints, b.keypoints, 8)],
        1: [Seen(b.joints, b.keypoints, 7)],
        2: [Seen(a.joints, a.keypoints, 7), person(0, 9, px=5000.0)],
    }
    errors = compare(truth, found)
    assert (errors.people, errors.matched, errors.missed, errors.extra) == (5, 4, 1, 1)
    assert errors.id_switches == 1
