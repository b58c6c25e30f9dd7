"""Known sizes on a body whose stature is a formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricated import ball_body as balls
from pear_ros.perception.placing.skin import rest_pose
from pear_ros.perception.placing.stature import KnownPeople, StatureModel
from pear_ros.problems import PearError
from pear_ros.types import Parameters

HEIGHT = 0.8 + 0.9
"""Metres between heels and the top of the head of the mean ball body."""
SOLES = 1.2 + 2 * balls.RADIUS
"""Metres between the lowest ball (knees) and the highest (head): the mesh that it has."""


def people(rng: np.random.Generator, count: int) -> Parameters:
    found = rest_pose(count)
    found.betas[:] = rng.normal(size=found.betas.shape)
    found.flame_shape[:] = rng.normal(size=found.flame_shape.shape)
    found.head_scale[:] += rng.normal(0, 0.05, (count, 3))
    return found


def test_stature_is_measured_on_the_model() -> None:
    model = StatureModel.of(balls.BallBody(growth=0.1, lift=0.2, flame=0.03))
    assert model.base == pytest.approx(SOLES, abs=1e-6)
    person = rest_pose(3)
    person.betas[1, 0], person.betas[1, 1] = 2.0, 5.0
    person.head_scale[2, 1], person.flame_shape[2, 0] = 1.1, -1.0
    # 2 units of a tenth of the height; 0.1 of 0.2 m per unit, 0.03 m less.
    expected = [SOLES, SOLES + 0.2 * HEIGHT, SOLES + 0.1 * 0.2 - 0.03]
    np.testing.assert_allclose(model.stature(person), expected, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.9, 2.3), st.integers(0, 99))
def test_people_get_their_stature_by_the_smallest_change_of_betas(size: float, seed: int) -> None:
    model = StatureModel.of(balls.BallBody())
    before = people(np.random.default_rng(seed), 3)
    after = model.sized(before, [None, size, None])
    np.testing.assert_allclose(after.betas[[0, 2]], before.betas[[0, 2]])
    assert model.stature(after)[1] == pytest.approx(size, abs=1e-4)
    # Only the one beta that changes the stature moves, by the missing height over its slope.
    change = after.betas[1] - before.betas[1]
    wanted = (size - model.stature(before)[1]) / (0.1 * HEIGHT)
    assert change[0] == pytest.approx(wanted, abs=1e-3)
    assert np.abs(change[1:]).max() < 1e-5
    assert after.flame_shape is before.flame_shape and after.rotations is before.rotations


def test_given_betas_replace_the_regressed_ones() -> None:
    betas = np.linspace(-1, 1, 200).astype(np.float32)
    known = KnownPeople(1.8, {4: betas, 5: 1.6})
    model = StatureModel.of(balls.BallBody())
    after = model.sized(people(np.random.default_rng(0), 3), [known.of(i) for i in (4, 5, 6)])
    np.testing.assert_array_equal(after.betas[0], betas)
    np.testing.assert_allclose(model.stature(after)[1:], [1.6, 1.8], atol=1e-4)


def test_nobody_known_and_impossible_sizes() -> None:
    assert not KnownPeople() and KnownPeople(1.7) and KnownPeople(tracks={3: 1.7})
    assert KnownPeople().of(0) is None
    for wrong in (0.5, 3.0, float("nan"), 180.0, -1.7):
        with pytest.raises(PearError, match=r"everybody: not a stature; expected 0\.8 to 2\.4 m"):
            KnownPeople(wrong)
        with pytest.raises(PearError, match="track 7"):
            KnownPeople(tracks={7: wrong})
    for betas in (np.zeros(10, np.float32), np.full(200, np.nan, np.float32)):
        with pytest.raises(PearError, match="200 finite betas"):
            KnownPeople(betas)
