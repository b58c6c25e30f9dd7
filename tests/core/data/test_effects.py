"""Patterns, backgrounds and picture effects: ranges and seeds."""

from __future__ import annotations

import numpy as np

from pear_core.data.synthetic import backgrounds, effects
from pear_core.data.synthetic.textures import random_colour, random_pattern, waves


def test_patterns_are_functions_of_the_point() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (200, 3)).astype(np.float32)
    for seed in range(20):
        pattern = random_pattern(np.random.default_rng(seed), plain=0.2)
        colours = pattern(points)
        assert colours.shape == (200, 3) and colours.min() >= 0 and colours.max() <= 1
        np.testing.assert_array_equal(pattern(points[50:60]), colours[50:60])


def test_waves_have_unit_spread_and_the_asked_wavelength() -> None:
    noise = waves(np.random.default_rng(0), 0.1, 40)
    line = np.zeros((20_000, 3), np.float32)
    line[:, 0] = np.linspace(0, 40, 20_000)
    values = noise(line)
    assert 0.8 < values.std() < 1.2
    crossings = (np.diff(np.sign(values)) != 0).sum() / 2 / 40
    assert 3 < crossings < 20  # per metre; 10 along the wave's own direction


def test_cloud_is_standardised() -> None:
    noise = backgrounds.cloud(np.random.default_rng(0), 64, 1.2)
    assert noise.shape == (64, 64) and abs(noise.mean()) < 1e-3 and abs(noise.std() - 1) < 1e-3


def test_pool_and_windows_are_seeded() -> None:
    a, b = (backgrounds.build_pool(3, 2) for _ in range(2))
    assert (a == b).all() and a.std() > 5
    windows = [
        backgrounds.sample_background(np.random.default_rng(1), a, 256, 192) for _ in range(2)
    ]
    assert (windows[0] == windows[1]).all() and windows[0].shape == (256, 192, 3)
    assert windows[0].min() >= 0 and windows[0].max() <= 1


def test_occluders_report_what_they_cover() -> None:
    pool = backgrounds.build_pool(1, 1)
    covered = 0.0
    for seed in range(10):
        picture = np.full((256, 192, 3), 0.123, np.float32)
        mask = effects.add_occluders(np.random.default_rng(seed), picture, pool)
        untouched = np.abs(picture - 0.123).max(axis=2) < 1e-6
        assert not (mask & untouched).any()
        covered += mask.mean() / 10
    assert 0.02 < covered < 0.6


def test_degrading_keeps_the_picture_recognisable() -> None:
    rng = np.random.default_rng(0)
    picture = np.zeros((256, 192, 3), np.float32)
    picture[:, 96:] = 0.8
    for _ in range(20):
        out = effects.degrade(rng, picture)
        assert out.dtype == np.uint8 and out.shape == picture.shape
        assert out[:, 120:].mean() > out[:, :72].mean() + 40


def test_colours_are_colours() -> None:
    rng = np.random.default_rng(0)
    colours = np.stack([random_colour(rng) for _ in range(300)])
    assert colours.min() >= 0 and colours.max() <= 1 and colours.std(axis=0).min() > 0.15
