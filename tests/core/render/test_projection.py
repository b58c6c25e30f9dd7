"""Projection into the crop: hand cases, the crop camera's fit, and a rendered joint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.geometry.cameras import project_crop
from pear_core.render.projection import crop_screen, fit_crop_camera, pinhole_screen
from pear_core.render.visibility import rasterise


def test_crop_camera_by_hand() -> None:
    """s = 1: tz = 24; a point 0.5 m right and 1 m up at z = 0 lies at u = 0.5 + 12 * 0.5 / 24 =
    0.75.
    """
    screen = crop_screen(np.array([[0.5, -1.0, 0.0]], np.float32), np.array([0, 0, 1], np.float32))
    np.testing.assert_allclose(screen, [[0.75 * 256, 0.0, 24.0]], atol=1e-4)


def test_pinhole_by_hand() -> None:
    screen = pinhole_screen(np.array([[0.2, -0.4, 2.0]], np.float32), 500.0, 320.0, 240.0)
    np.testing.assert_allclose(screen, [[370.0, 140.0, 2.0]], atol=1e-4)


def test_rendered_joint_lands_where_project_crop_says() -> None:
    joint = np.array([0.31, -0.22, 0.4], np.float32)
    camera = np.array([0.1, -0.05, 0.8], np.float32)
    uv = project_crop(torch.tensor(joint)[None, None], torch.tensor(camera)[None])[0, 0].numpy()
    corners = joint + 0.03 * np.array(
        [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float32
    )
    faces = np.array(
        [[a, b, c] for a in (0, 1) for b in (2, 3) for c in (4, 5)], np.int32
    )  # an octahedron around the joint
    seen = rasterise(crop_screen(corners, camera), faces, 256, 256)
    rows, columns = np.nonzero(seen.mask)
    assert len(rows) > 10
    assert columns.mean() == pytest.approx(256 * uv[0], abs=0.3)
    assert rows.mean() == pytest.approx(256 * uv[1], abs=0.3)


@settings(max_examples=40, deadline=None)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.3, 3.0), st.integers(0, 10_000))
def test_fit_recovers_the_camera_that_made_the_picture(
    tx: float, ty: float, s: float, seed: int
) -> None:
    points = np.random.default_rng(seed).normal(0, 0.4, (40, 3)).astype(np.float32)
    camera = torch.tensor([[tx, ty, s]])
    uv = project_crop(torch.from_numpy(points)[None], camera)[0].numpy()
    np.testing.assert_allclose(fit_crop_camera(points, uv, rounds=12), [tx, ty, s], atol=2e-3)
