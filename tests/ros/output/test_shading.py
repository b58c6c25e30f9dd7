"""Colours, light and blending."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from pear_ros.output.shading import paint, shade
from pear_ros.palette import PALETTE, track_colour
from pear_ros.types import Intrinsics

CAMERA = Intrinsics(100.0, 100.0, 20.0, 15.0, 40, 30)
FACES = np.array([[0, 2, 1], [0, 3, 2]])

# Machado, Oliveira and Fernandes (2009), severity 1.0, applied in linear RGB.
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
PROTANOPIA = np.array(
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of linear RGB."""
    xyz = (
        rgb
        @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T
    )
    f = np.cbrt(np.maximum(xyz / (0.9505, 1.0, 1.089), 0))
    return np.stack(
        (116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])), -1
    )


@pytest.mark.parametrize("sight", [np.eye(3), DEUTERANOPIA, PROTANOPIA])
def test_palette_is_told_apart_by_colour_blind_people(sight: np.ndarray) -> None:
    linear = (np.array(PALETTE) / 255.0) ** 2.2
    seen = lab(np.clip(linear @ sight.T, 0, 1))
    # A difference of 2.3 is just noticeable; 12 is clear at a glance.
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 12


def test_track_colours_differ_over_three_rounds() -> None:
    colours = [track_colour(i) for i in range(3 * len(PALETTE))]
    assert len(set(colours)) == len(colours)
    assert track_colour(0) == PALETTE[0]
    assert all(0 <= c <= 255 for colour in colours for c in colour)


def quad(z: float, left: float = -9, right: float = 9) -> np.ndarray:
    """An upright rectangle facing the camera."""
    return np.array([[left, -9.0, z], [right, -9, z], [right, 9, z], [left, 9, z]])


def test_light_comes_from_the_upper_left() -> None:
    at = np.tile([[0.0, 0, 2]], (4, 1))
    sides = np.array(
        [[-0.6, -0.6, -0.53], [0.6, -0.6, -0.53], [-0.6, 0.6, -0.53], [0.6, 0.6, -0.53]]
    )
    top_left, top_right, low_left, low_right = shade(at, sides, (128, 128, 128)).mean(1)
    assert top_left > top_right > low_right
    assert top_left > low_left
    assert low_right > 20


def test_pixels_are_covered_by_their_area() -> None:
    """A left edge through the middle of a column covers half of its samples."""
    image = np.zeros((30, 40, 3), np.uint8)
    left = (12.0 - CAMERA.cx) * 2.0 / CAMERA.fx
    part = paint(image, [quad(2.0, left)], FACES, [(255, 255, 255)], CAMERA, opacity=1.0)
    assert (part[:, :12] == 0).all()
    assert part[:, 13].min() > 200
    np.testing.assert_allclose(part[:, 12], part[:, 13] / 2.0, atol=1.5)


def test_opacity_mixes_photo_and_mesh() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    solid = paint(image, [quad(2.0)], FACES, [(200, 80, 40)], CAMERA, opacity=1.0).astype(float)
    mixed = paint(image, [quad(2.0)], FACES, [(200, 80, 40)], CAMERA, opacity=0.25).astype(float)
    np.testing.assert_allclose(mixed, 0.25 * solid + 0.75 * image, atol=1.01)


def test_nearer_people_hide_farther_ones_whatever_their_order() -> None:
    image = np.zeros((30, 40, 3), np.uint8)
    near, far = quad(1.5, right=0.0), quad(2.5)
    red, blue = (255, 0, 0), (0, 0, 255)
    one = paint(image, [near, far], FACES, [red, blue], CAMERA, 1.0)
    other = paint(image, [far, near], FACES, [blue, red], CAMERA, 1.0)
    np.testing.assert_array_equal(one, other)
    assert (one[:, :19, 0] > one[:, :19, 2]).all()
    assert (one[:, 22:, 2] > one[:, 22:, 0]).all()


def test_picture_beside_the_mesh_is_untouched_and_the_input_never_changes() -> None:
    image = np.random.default_rng(1).integers(0, 256, (30, 40, 3), np.uint8)
    before = image.copy()
    small = np.array([[-0.1, -0.1, 2], [0.1, -0.1, 2], [0.1, 0.1, 2], [-0.1, 0.1, 2]])
    result = paint(image, [small], FACES, [(9, 99, 199)], CAMERA)
    np.testing.assert_array_equal(image, before)
    changed = np.argwhere((result != image).any(-1))
    # 0.1 m at 2 m and 100 px are 5 px.
    assert changed.min(0).tolist() == [10, 15]
    assert changed.max(0).tolist() == [20, 25]
    for nothing in ([], [quad(-1.0)], [quad(2.0) + (90, 0, 0)]):
        colours = [(1, 2, 3)] * len(nothing)
        np.testing.assert_array_equal(paint(image, nothing, FACES, colours, CAMERA), image)
