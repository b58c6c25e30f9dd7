"""Views: the crop around a person, its labels and borders."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pear_core.data.synthetic.viewpoint import sample_root, sample_view


def _person(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(500, 3)) * [0.2, 0.45, 0.12]).astype(np.float32)


HEAD = np.arange(5)
POINTS = np.arange(0, 500, 3)


def test_whole_person_lies_in_the_crop() -> None:
    for seed in range(30):
        person = _person(seed)
        view = sample_view(np.random.default_rng(seed), person, None, HEAD, POINTS)
        inside = ((view.screen[:, :2] > -30) & (view.screen[:, :2] < 286)).all(axis=1)
        assert inside.mean() > 0.9
        size = np.ptp(view.screen[:, :2], axis=0).max()
        assert 256 / 1.25 / 1.3 < size < 256 / 1.25 * 1.4
        assert (view.screen[:, 2] > 0.2).all()


def test_further_points_project_like_the_mesh() -> None:
    person = _person(1)
    view = sample_view(np.random.default_rng(3), person, None, HEAD, POINTS)
    np.testing.assert_allclose(view.project(person[:7]), view.screen[:7], atol=1e-4)


def test_a_cut_picture_ends_below_and_the_crop_follows() -> None:
    for seed in range(20):
        person = _person(seed)
        person[:5, 1] = person[:, 1].min()  # the head is on top (y points down)
        view = sample_view(np.random.default_rng(seed), person, 0.4, HEAD, POINTS)
        bottom = view.image[3]
        assert bottom < 256 and (view.screen[:, 1] > bottom).mean() > 0.2


def test_people_stand_upright_in_optical_axes_mostly_facing_us() -> None:
    rng = np.random.default_rng(0)
    turns = Rotation.from_rotvec(np.stack([sample_root(rng) for _ in range(500)]))
    up, front = turns.apply([0, 1, 0]), turns.apply([0, 0, 1])
    assert (up[:, 1] < -0.7).mean() > 0.9
    assert 0.55 < (front[:, 2] < 0).mean() < 0.95
