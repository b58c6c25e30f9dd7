"""Normals and light against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from pear_core.render.shading import Light, corner_matrix, shade, unit, vertex_normals


def _light(**changes: object) -> Light:
    values: dict[str, object] = {
        "direction": np.array([0, 0, -1], np.float32),
        "sun": np.ones(3, np.float32),
        "ambient": np.full(3, 0.2, np.float32),
        "gradient": np.zeros((3, 3), np.float32),
    }
    return Light(**(values | changes))  # type: ignore[arg-type]


def test_normals_of_a_sphere_are_its_radii() -> None:
    sphere = trimesh.creation.icosphere(3)
    faces = np.asarray(sphere.faces, np.int32)
    points = np.asarray(sphere.vertices, np.float32)
    normals = vertex_normals(points, faces, corner_matrix(faces, len(points)))
    assert np.einsum("vi,vi->v", normals, points).min() > 0.999


def test_lambert_by_hand() -> None:
    """At 60 degrees to the sun half of it arrives: 0.5 * (0.2 + 0.5) = 0.35."""
    normal = np.array([[np.sin(np.pi / 3), 0, -np.cos(np.pi / 3)]], np.float32)
    lit = shade(np.full((1, 3), 0.5, np.float32), normal, _light())
    np.testing.assert_allclose(lit, 0.35, atol=1e-6)


def test_turned_away_gets_ambient_only_and_gradient_adds() -> None:
    normal = np.array([[0, 1, 0]], np.float32)
    gradient = np.zeros((3, 3), np.float32)
    gradient[1, 2] = 0.3
    lit = shade(np.ones((1, 3), np.float32), normal, _light(gradient=gradient))
    np.testing.assert_allclose(lit, [[0.2, 0.2, 0.5]], atol=1e-6)


def test_unit_leaves_zero_vectors() -> None:
    out = unit(np.array([[3, 0, 4], [0, 0, 0]], np.float32))
    assert out[0] == pytest.approx([0.6, 0, 0.8]) and (out[1] == 0).all()
