"""Colour descriptors of pictures whose colours are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pear_core.anatomy import BODY_JOINTS
from pear_ros.perception.tracking import appearance
from pear_ros.perception.tracking.appearance import BINS, SIZE, describe, distances


def standing(x: float = 100.0, y: float = 20.0) -> np.ndarray:
    """145 key points of somebody 200 pixels high: torso in rows y + 40..100, legs below it."""
    points = np.full((145, 2), (x, y), np.float32)
    for side, sign in (("left", 1), ("right", -1)):
        for name, dx, dy in (("shoulder", 20, 40), ("hip", 12, 100), ("knee", 12, 150),
                             ("ankle", 12, 200)):  # fmt: skip
            points[BODY_JOINTS.index(f"{side}_{name}")] = (x + sign * dx, y + dy)
    return points


def dressed(top: tuple[int, int, int], legs: tuple[int, int, int]) -> np.ndarray:
    image = np.zeros((260, 200, 3), np.uint8)
    image[:120], image[120:] = top, legs
    return image


def test_a_plain_colour_fills_its_bins() -> None:
    found = describe(dressed((255, 255, 255), (0, 0, 0)), standing()[None])
    torso, legs = found[0].reshape(2, 3, BINS)
    # White has the largest lightness, black the least; both are grey: a and b half way between the
    # two middle bins.
    expected = np.zeros((2, 3, BINS), np.float32)
    expected[0, 0, -1] = expected[1, 0, 0] = 1.0
    expected[:, 1:, BINS // 2 - 1 : BINS // 2 + 1] = math.sqrt(0.5)
    np.testing.assert_allclose([torso, legs], expected, atol=1e-6)


def test_distances_of_colours_by_hand() -> None:
    keypoints = standing()[None]
    white_black = describe(dressed((255, 255, 255), (0, 0, 0)), keypoints)
    black_black = describe(dressed((0, 0, 0), (0, 0, 0)), keypoints)
    # One of two regions differs in one of three histograms, there wholly: overlap (2/3 + 1) / 2.
    expected = math.sqrt(1.0 - 5.0 / 6.0)
    assert distances(white_black, black_black)[0, 0] == pytest.approx(expected, abs=1e-6)
    assert distances(white_black, white_black)[0, 0] == pytest.approx(0.0, abs=1e-3)


def test_red_and_blue_people_are_far_apart_and_a_shadow_is_near() -> None:
    keypoints = np.repeat(standing()[None], 1, axis=0)
    red = describe(dressed((200, 30, 30), (40, 40, 60)), keypoints)
    shade = describe(dressed((170, 25, 25), (34, 34, 51)), keypoints)
    blue = describe(dressed((30, 60, 200), (200, 190, 160)), keypoints)
    assert distances(red, shade)[0, 0] < 0.3 < 0.7 < distances(red, blue)[0, 0]


def test_the_background_and_the_place_in_the_picture_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (400, 600, 3), dtype=np.uint8)
    body = np.zeros((260, 60, 3), np.uint8)
    body[:120], body[120:] = (200, 30, 30), (40, 40, 60)
    image[30:290, 370:430] = body
    there = describe(image, standing(400.0, 50.0)[None])
    alone = describe(dressed((200, 30, 30), (40, 40, 60)), standing()[None])
    assert distances(there, alone)[0, 0] == pytest.approx(0.0, abs=0.02)


def test_a_region_outside_the_picture_is_unknown() -> None:
    image = dressed((255, 255, 255), (0, 0, 0))
    found = describe(image, np.stack([standing(), standing(y=140.0), standing(x=5000.0)]))
    assert (found[2] == 0).all() and found.shape == (3, SIZE) and found.dtype == np.float32
    between = distances(found, found)
    assert np.isnan(between[2]).all() and np.isfinite(between[:2, :2]).all()
    # Half of the second person is seen, the torso, and it is black.
    assert found[1, : SIZE // 2].reshape(3, BINS)[0, 0] == pytest.approx(1.0)


def test_key_points_that_are_not_finite_see_nothing() -> None:
    broken = standing()[None].copy()
    broken[:] = np.nan
    assert (describe(dressed((1, 2, 3), (4, 5, 6)), broken) == 0).all()
    assert describe(dressed((1, 2, 3), (4, 5, 6)), broken[:0]).shape == (0, SIZE)


def test_shares_sum_to_one() -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 255, (300, 300, 3), dtype=np.uint8)
    found = describe(image, standing()[None])
    np.testing.assert_allclose((found.reshape(6, BINS) ** 2).sum(axis=1), 1.0, atol=1e-5)
    assert appearance.REGIONS == 2
