"""glTF files, read by hand after the specification and by trimesh."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pear_ros.output.gltf import Body, read_glb, write_glb
from pear_ros.output.mesh import y_up
from pear_ros.problems import PearError
from pear_ros.types import Intrinsics

BALL = trimesh.creation.icosphere(subdivisions=2, radius=0.4)
DTYPES = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


def parse(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The two chunks of a .glb (glTF 2.0, section 4.4)."""
    magic, version, total = struct.unpack_from("<4sII", data)
    assert (magic, version, total) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    tree = json.loads(data[20 : 20 + size])
    start = 20 + size
    length, kind = struct.unpack_from("<I4s", data, start)
    assert kind == b"BIN\0"
    assert length % 4 == 0
    assert start + 8 + length == len(data)
    assert tree["buffers"] == [{"byteLength": length}]
    return tree, data[start + 8 :]


def values(tree: dict[str, Any], blob: bytes, index: int) -> np.ndarray:
    accessor = tree["accessors"][index]
    view = tree["bufferViews"][accessor["bufferView"]]
    dtype, width = np.dtype(DTYPES[accessor["componentType"]]), WIDTHS[accessor["type"]]
    assert view["byteOffset"] % dtype.itemsize == 0
    assert accessor["count"] * width * dtype.itemsize == view["byteLength"]
    array = np.frombuffer(blob, dtype, accessor["count"] * width, view["byteOffset"])
    return array.reshape(-1, width)


@pytest.fixture
def bodies() -> list[Body]:
    origin = np.array([0.3, -0.2, 2.5], np.float32)
    colours = np.random.default_rng(0).integers(0, 256, (len(BALL.vertices), 3), np.uint8)
    return [
        Body("human_1", BALL.vertices + origin, BALL.faces, (86, 180, 233), origin),
        Body("human_2", BALL.vertices + [0, 0, 4], BALL.faces, colours),
    ]


def test_bytes_follow_the_specification(bodies: list[Body], tmp_path: Path) -> None:
    camera = Intrinsics(500.0, 400.0, 320.0, 240.0, 640, 480)
    write_glb(tmp_path / "p.glb", bodies, camera)
    tree, blob = parse((tmp_path / "p.glb").read_bytes())
    assert tree["asset"]["version"] == "2.0"
    nodes = [tree["nodes"][i] for i in tree["scenes"][tree["scene"]]["nodes"]]
    assert [n["name"] for n in nodes] == ["camera", "human_1", "human_2"]
    view = tree["cameras"][nodes[0]["camera"]]["perspective"]
    assert view["yfov"] == pytest.approx(2 * np.arctan(240 / 400))
    # tan of half the horizontal angle is 320 / 500.
    assert view["aspectRatio"] * np.tan(view["yfov"] / 2) == pytest.approx(320 / 500)
    for node, body in zip(nodes[1:], bodies, strict=True):
        (primitive,) = tree["meshes"][node["mesh"]]["primitives"]
        position = values(tree, blob, primitive["attributes"]["POSITION"])
        accessor = tree["accessors"][primitive["attributes"]["POSITION"]]
        np.testing.assert_array_equal(np.float32(accessor["min"]), position.min(0))
        np.testing.assert_array_equal(np.float32(accessor["max"]), position.max(0))
        world = position + np.float32(node["translation"])
        np.testing.assert_allclose(world, body.vertices * (1, -1, -1), atol=1e-6)
        normal = values(tree, blob, primitive["attributes"]["NORMAL"])
        np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(
            values(tree, blob, primitive["indices"]).reshape(-1, 3), BALL.faces
        )
        colour = values(tree, blob, primitive["attributes"]["COLOR_0"])
        assert tree["accessors"][primitive["attributes"]["COLOR_0"]]["normalized"] is True
        assert (colour[:, 3] == 255).all()
        # sRGB transfer function (IEC 61966-2-1) brings linear light back to what was given.
        linear = colour[:, :3] / 255.0
        srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        assert np.abs(255 * srgb - body.colour).max() < 7


def test_trimesh_reads_the_same_surface_the_right_way_out(
    bodies: list[Body], tmp_path: Path
) -> None:
    write_glb(tmp_path / "p.glb", bodies)
    scene = trimesh.load(tmp_path / "p.glb")
    assert set(scene.geometry) == {"human_1", "human_2"}
    for body in bodies:
        matrix, name = scene.graph[body.name]
        mesh = scene.geometry[name].copy().apply_transform(matrix)
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(BALL.volume, rel=1e-5)
        np.testing.assert_allclose(
            mesh.bounds, np.sort(y_up(body.vertices), axis=0)[[0, -1]], atol=1e-6
        )


def test_many_vertices_need_wide_indices(tmp_path: Path) -> None:
    count = 66_000
    vertices = np.random.default_rng(0).normal(size=(count, 3))
    faces = np.array([[0, 1, count - 1]])
    write_glb(tmp_path / "p.glb", [Body("big", vertices, faces)])
    tree, blob = parse((tmp_path / "p.glb").read_bytes())
    primitive = tree["meshes"][0]["primitives"][0]
    assert values(tree, blob, primitive["indices"]).reshape(-1).tolist() == [0, 1, count - 1]
    # Vertices without faces still need unit normals.
    normal = values(tree, blob, primitive["attributes"]["NORMAL"])
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-5)


def test_nobody_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PearError, match="nobody to write"):
        write_glb(tmp_path / "p.glb", [])
    assert not (tmp_path / "p.glb").exists()


def test_own_files_come_back(bodies: list[Body], tmp_path: Path) -> None:
    write_glb(tmp_path / "p.glb", bodies, Intrinsics(500.0, 400.0, 320.0, 240.0, 640, 480))
    for body, back in zip(bodies, read_glb(tmp_path / "p.glb"), strict=True):
        assert back.name == body.name
        np.testing.assert_allclose(back.vertices, body.vertices, atol=1e-6)
        np.testing.assert_array_equal(back.faces, body.faces)
        np.testing.assert_allclose(back.origin, body.origin)
        # 8 bits of linear light are coarse in the dark.
        assert np.abs(back.colour.astype(int) - body.colour).max() < 7


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(at=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), cut=st.booleans())
def test_damaged_files_give_one_error_or_people(
    bodies: list[Body], tmp_path: Path, at: float, value: int, cut: bool
) -> None:
    path = tmp_path / "p.glb"
    write_glb(path, bodies)
    data = path.read_bytes()
    # Most of the file is vertices, where any value is as good as another: aim at the front.
    place = int(at * min(len(data), 3000))
    path.write_bytes(data[:place] if cut else data[:place] + bytes([value]) + data[place + 1 :])
    try:
        read_glb(path)
    except PearError as error:
        assert "p.glb" in str(error)
