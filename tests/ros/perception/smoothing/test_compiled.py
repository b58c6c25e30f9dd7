"""The smoother's filters in one compiled call against the same in numpy, over whole stories."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core import layout
from pear_ros import native
from pear_ros.perception.smoothing import compiled, filters, remembered
from pear_ros.perception.smoothing.filters import SmoothOptions, Told
from pear_ros.types import (
    Box,
    Crop,
    FloatArray,
    Human,
    Parameters,
    Reference,
    ScaleSource,
    TrackState,
)

FRAME = 33_333_333


@pytest.fixture(autouse=True)
def _compiled() -> None:
    if native.kernels is None:
        pytest.skip("the kernels are not compiled here")


def parameters(rng: np.random.Generator, count: int) -> Parameters:
    """Of N people; fields are views with gaps, as engines give them."""
    turns = Rotation.random(52 * count, rng=rng).as_matrix().astype(np.float32)
    names = [n for n in Parameters.__dataclass_fields__ if n != "rotations"]
    widths = [layout.FIELDS[n].width for n in names]
    numbers = 0.4 * rng.standard_normal((count, sum(widths))).astype(np.float32)
    ends = np.cumsum(widths)
    fields = {n: numbers[:, e - w : e] for n, w, e in zip(names, widths, ends, strict=True)}
    return Parameters(turns.reshape(count, 52, 3, 3), **fields)


def people(rng: np.random.Generator, ids: tuple[int, ...]) -> tuple[tuple[Human, ...], Parameters]:
    together = parameters(rng, len(ids))
    out = []
    for i, track_id in enumerate(ids):
        own = together.person(i)
        place = rng.normal((0, 0, 4), rng.choice([0.02, 0.3, 3.0]), 3).astype(np.float32)
        out.append(Human(
            track_id, rng.choice(np.array([TrackState.TRACKED, TrackState.PREDICTED], object)),
            Box(0, 0, 9, 9), Crop(5, 5, 9), own, own, np.zeros(3, np.float32), place,
            np.zeros((145, 3), np.float32), np.zeros((145, 2), np.float32),
            rng.choice(np.array([0.0, 0.3, 0.9], np.float32), 145),
            rng.choice(np.array([ScaleSource.INTRINSICS, ScaleSource.DEPTH], object)), 0.1,
        ))  # fmt: skip
    return tuple(out), together


def same(found: tuple[Any, Told], expected: tuple[Any, Told]) -> None:
    (now, told), (then, truth) = found, expected
    assert now.ids == then.ids
    np.testing.assert_array_equal(now.stamps, then.stamps)
    # Quaternions of one rotation have two signs.
    for i in (0, 2):
        a, b = now.part(i), then.part(i)
        assert np.abs((a * b).sum(axis=-1)).min() > 1.0 - 1e-9
    for i in (1, *range(3, 12)):
        np.testing.assert_allclose(now.part(i), then.part(i), atol=1e-7)
    for name in ("rotations", "numbers", "transl", "velocity"):
        np.testing.assert_allclose(getattr(told, name), getattr(truth, name), atol=2e-6)
    # Axis-angles near half turns have two signs as well.
    a, b = (Rotation.from_rotvec(t.small.reshape(-1, 3)) for t in (told, truth))
    assert (a * b.inv()).magnitude().max() < 1e-5


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), moving=st.booleans(), alone=st.booleans())
def test_a_story_in_both(seed: int, moving: bool, alone: bool) -> None:
    rng = np.random.default_rng(seed)
    options = SmoothOptions(cutoff=float(rng.uniform(0.5, 4)), torso=float(rng.uniform(0.5, 2)))
    reference = None
    old, stamp = None, 1_000_000_000
    for _ in range(6):
        ids = (
            (3,)
            if alone
            else tuple(sorted(rng.choice(6, rng.integers(1, 5), replace=False).tolist()))
        )
        humans, together = people(rng, ids)
        if moving:
            turn: FloatArray = Rotation.random(rng=rng).as_matrix()
            reference = Reference("odom", turn, rng.normal(size=3))
        args = old, ids, stamp, humans, reference, None if alone else together, options
        found, expected = compiled.step(*args), filters.step(*args)
        same(found, expected)
        old = expected[0]
        # The next picture, a late one, one after a pause, one of the same stamp, one from the past.
        stamp += int(FRAME * rng.choice([1, 2, 20, 0, -1]))


def test_rows_are_of_the_size_that_the_kernel_computes() -> None:
    """A kernel that saw another row would refuse it."""
    rng = np.random.default_rng(0)
    humans, together = people(rng, (0,))
    now, _ = compiled.step(None, (0,), 1, humans, None, together, SmoothOptions())
    assert now.rows.shape == (1, remembered.WIDTH)
    short = remembered.Remembered((0,), now.stamps, now.rows[:, :-1].copy())
    with pytest.raises(ValueError, match=r"expected \d+ numbers"):
        compiled.step(short, (0,), 2, humans, None, together, SmoothOptions())


def test_fields_of_another_width_are_refused() -> None:
    rng = np.random.default_rng(0)
    humans, together = people(rng, (0, 1))
    wider = Parameters(**{
        n: getattr(together, n) if n != "betas" else np.zeros((2, 500), np.float32)
        for n in Parameters.__dataclass_fields__
    })  # fmt: skip
    with pytest.raises(ValueError, match="shapes"):
        compiled.step(None, (0, 1), 1, humans, None, wider, SmoothOptions())
