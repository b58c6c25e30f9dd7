"""Normals, placement and axes of meshes."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import trimesh

from pear_ros.output.mesh import frame_vertices, joined, placed, vertex_normals, y_up
from pear_ros.types import FloatArray, Parameters


def test_normals_of_a_sphere_point_outwards() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=4)
    normals = vertex_normals(sphere.vertices, sphere.faces)
    np.testing.assert_allclose(normals, sphere.vertices, atol=8e-3)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)


def test_normals_are_weighted_by_area_and_zero_without_faces() -> None:
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 1], [9, 9, 9]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    # Cross products by hand: (0, 0, 6) and (3, 0, 0).
    expected = np.array([3.0, 0, 6]) / np.sqrt(45)
    normals = vertex_normals(vertices, faces)
    np.testing.assert_allclose(normals[0], expected, atol=1e-6)
    np.testing.assert_allclose(normals[1], (0, 0, 1))
    np.testing.assert_allclose(normals[4], 0)


def test_y_up_is_half_a_turn_about_x() -> None:
    matrix = y_up(np.eye(3)).T
    assert np.linalg.det(matrix) == 1
    np.testing.assert_allclose(
        matrix, trimesh.transformations.rotation_matrix(np.pi, (1, 0, 0))[:3, :3], atol=1e-12
    )
    head_above_the_camera = y_up(np.array([[0.0, -1.0, 2.0]]))
    np.testing.assert_allclose(head_above_the_camera, [[0, 1, -2]])


class _Engine:
    """Puts the first beta of each person into its only vertex; counts its calls."""

    calls = 0

    def mesh(self, parameters: Parameters) -> FloatArray:
        self.calls += 1
        return np.repeat(parameters.betas[:, :1, None], 3, axis=2)


def test_everybody_of_a_frame_takes_one_call_and_lands_at_its_place(make_frame) -> None:
    frame, engine = make_frame(people=3), _Engine()
    vertices = frame_vertices(engine, frame)
    assert engine.calls == 1
    for human, points in zip(frame.humans, vertices, strict=True):
        np.testing.assert_allclose(
            points[0], human.parameters.betas[0, 0] + human.transl, rtol=1e-6
        )
    assert len(frame_vertices(engine, make_frame(people=0))) == 0
    assert engine.calls == 1
    assert len(placed(np.zeros((0, 4, 3)), make_frame(people=0))) == 0


def test_joined_keeps_each_person(make_frame) -> None:
    people = [human.parameters for human in make_frame(people=3).humans]
    batch = joined(people)
    assert len(batch) == 3
    for i, person in enumerate(people):
        for f in fields(Parameters):
            np.testing.assert_array_equal(getattr(batch.person(i), f.name), getattr(person, f.name))
