"""PLY files, read by trimesh and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from pear_ros.output.ply import write_ply

BOX = trimesh.creation.box((0.4, 1.7, 0.3))


def test_trimesh_reads_the_same_mesh(tmp_path: Path) -> None:
    vertices = (BOX.vertices + [0.1, -0.2, 3]).astype(np.float32)
    colours = np.random.default_rng(0).integers(0, 256, (len(vertices), 3), np.uint8)
    write_ply(tmp_path / "p.ply", vertices, BOX.faces, colours)
    mesh = trimesh.load(tmp_path / "p.ply", process=False)
    np.testing.assert_array_equal(mesh.vertices.astype(np.float32), vertices)
    np.testing.assert_array_equal(mesh.faces, BOX.faces)
    np.testing.assert_array_equal(mesh.visual.vertex_colors[:, :3], colours)
    assert mesh.is_watertight
    assert mesh.volume > 0


def test_bytes_are_header_vertices_faces(tmp_path: Path) -> None:
    vertices = np.array([[0.0, 0, 1], [1, 0, 1], [0, 1, 1]])
    write_ply(tmp_path / "p.ply", vertices, np.array([[0, 1, 2]]), (1, 2, 3))
    data = (tmp_path / "p.ply").read_bytes()
    header, body = data.split(b"end_header\n")
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\n")
    assert b"optical frame" in header
    assert len(body) == 3 * 27 + 13
    np.testing.assert_array_equal(np.frombuffer(body, "<f4", 6, 27), (1, 0, 1, 0, 0, 1))
    assert body[24:27] == bytes((1, 2, 3))
    assert body[-13] == 3
    np.testing.assert_array_equal(np.frombuffer(body[-12:], "<i4"), (0, 1, 2))
