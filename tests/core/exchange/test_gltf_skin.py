"""The animated .glb against the torch body model, through a player of its own, and glTF's rules."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pear_core.anatomy import SMPLX_JOINTS, SMPLX_PARENTS
from pear_core.body.ehm import Ehm
from pear_core.body.smplx import SmplxBody, full_pose
from pear_core.exchange.arrays import ExchangeError
from pear_core.exchange.gltf_skin import quaternions, strongest, to_gltf

Y_UP = np.array([1, -1, -1])


@pytest.mark.parametrize("scale_about", ["eyes", "origin"])
def test_it_plays_what_the_body_model_makes(
    small_body, make_motion, calm, parameters_of, player, scale_about
) -> None:
    motion = calm(make_motion(4, 1))
    with torch.no_grad():
        expected = Ehm(small_body, scale_about)(parameters_of(motion)).vertices.numpy()
    played = player(to_gltf(motion, small_body, influences=8, scale_about=scale_about))
    for frame in range(4):
        seen = (expected[frame] + motion.transl[frame]) * Y_UP
        assert np.abs(played.play(frame) - seen).max() < 1e-5


def test_the_body_turns_as_smplx_does(small_body, make_motion, calm, parameters_of, player) -> None:
    """Without a FLAME head of its own (all is kept) the file is plain SMPL-X."""
    bare = replace(small_body, kept=np.arange(len(small_body.vertex_ids)))
    motion = calm(make_motion(3, 2))
    given = parameters_of(motion)
    with torch.no_grad():
        body = SmplxBody(bare.smplx)(full_pose(given.rotations), given.betas, given.expression)
    played = player(to_gltf(motion, bare, influences=8))
    assert (
        np.abs(played.play(2) - (body.vertices[2].numpy() + motion.transl[2]) * Y_UP).max() < 1e-5
    )


def test_the_free_body_with_its_face(
    free_body, make_motion, calm, parameters_of, player, tmp_path: Path
) -> None:
    """Exact with a still face; a speaking one differs where the throat follows neck and jaw."""
    moving = make_motion(2, 3, angle=0.25, head_scale=np.full((2, 3), 1.05))
    rng = np.random.default_rng(0)
    names = {"flame_shape": 0.5, "betas": 0.7}
    moving = replace(moving, **{n: s * getattr(moving, n) for n, s in names.items()})
    face = np.clip(rng.normal(0, 0.4, (2, 50)), 0, 1)
    moving = replace(moving, expression=face, flame_expression=face)
    moving = replace(moving, jaw_pose=np.array([[0.25, 0, 0], [0.1, 0.02, 0]]))
    still = calm(moving)
    both = parameters_of(still), parameters_of(moving)
    model = Ehm(free_body)
    with torch.no_grad():
        expected = [model(p).vertices.numpy() for p in both]
    source = _sources(free_body)

    def errors(motion: Any, reference: Any, influences: int) -> Any:
        played = player(to_gltf(motion, free_body, influences))
        seen = (reference[1] + motion.transl[1]) * Y_UP
        return np.linalg.norm(played.play(1) - seen[source], axis=1)

    assert errors(still, expected[0], 8).max() < 1e-4
    few = errors(still, expected[0], 4)
    assert 1e-3 < few.max() < 1e-2 and few.mean() < 1e-4
    spoken = errors(moving, expected[1], 8)
    assert spoken.max() < 3e-3 and spoken.mean() < 1e-4


def _sources(assets: Any) -> Any:
    """Which vertex each of the file's is: the order of the unique (vertex, texture) pairs."""
    file = np.load(assets.folder / "SMPLX_NEUTRAL.npz")
    pairs = np.stack((assets.smplx.faces.reshape(-1), file["ft"].reshape(-1)), axis=1)
    return np.unique(pairs, axis=0)[:, 0]


def test_trimesh_finds_the_resting_body(small_body, make_motion, calm, parameters_of) -> None:
    trimesh = pytest.importorskip("trimesh")
    motion = calm(make_motion(2, 4))
    scene = trimesh.load(io.BytesIO(to_gltf(motion, small_body)), file_type="glb", process=False)
    (mesh,) = scene.geometry.values()
    still = replace(motion, rotations=np.zeros_like(motion.rotations))
    with torch.no_grad():
        expected = Ehm(small_body)(parameters_of(still)).vertices[0].numpy()
    np.testing.assert_allclose(mesh.vertices, expected, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, small_body.smplx.faces)
    assert {"human_7", *SMPLX_JOINTS} <= set(scene.graph.nodes)


def test_texture_seams_split_vertices(small_body, make_motion, calm, player, tmp_path) -> None:
    rng = np.random.default_rng(5)
    source = np.load(small_body.folder / "SMPLX_NEUTRAL.npz")
    uv, corners = rng.uniform(size=(70, 2)), rng.integers(0, 70, (150, 3))
    arrays = {name: source[name] for name in source.files}
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **arrays, vt=uv, ft=corners)
    motion = calm(make_motion(1, 5))
    plain = player(to_gltf(motion, small_body))
    split = player(to_gltf(motion, replace(small_body, folder=tmp_path)))
    where = split.triangles()
    for name in ("POSITION", "NORMAL", "WEIGHTS_0", "JOINTS_0"):
        np.testing.assert_array_equal(
            split.attribute(name)[where], plain.attribute(name)[small_body.smplx.faces]
        )
    expected = np.stack((uv[corners][..., 0], 1 - uv[corners][..., 1]), axis=-1)
    np.testing.assert_allclose(split.attribute("TEXCOORD_0")[where], expected, atol=1e-7)


@pytest.mark.parametrize("influences", [4, 8])
def test_the_rules_of_the_specification(small_body, make_motion, player, influences) -> None:
    motion = make_motion(5, 6)
    file = player(to_gltf(motion, small_body, influences))
    tree = file.tree
    assert tree["asset"]["version"] == "2.0"
    (buffer,) = tree["buffers"]
    assert buffer["byteLength"] <= len(file.blob) < buffer["byteLength"] + 4
    ends = 0
    for view in tree["bufferViews"]:
        assert view["byteOffset"] % 4 == 0 and view["byteOffset"] >= ends
        ends = view["byteOffset"] + view["byteLength"]
    for index, entry in enumerate(tree["accessors"]):
        values = file.array(index)
        assert np.isfinite(values).all() and entry["count"] == len(values) > 0
        if "min" in entry:
            np.testing.assert_array_equal(values.min(axis=0), np.float32(entry["min"]))
            np.testing.assert_array_equal(values.max(axis=0), np.float32(entry["max"]))
        if "sparse" in entry:
            where = entry["sparse"]["indices"]
            count = entry["sparse"]["count"]
            rows = file._view(where["bufferView"], where["componentType"], count, 1)[:, 0]
            assert (np.diff(rows.astype(int)) > 0).all() and rows.max() < entry["count"]
    needed = [file.primitive["attributes"]["POSITION"], *(
        target["POSITION"] for target in file.primitive["targets"]
    ), *(sampler["input"] for sampler in tree["animations"][0]["samplers"])]  # fmt: skip
    assert all("min" in tree["accessors"][i] and "max" in tree["accessors"][i] for i in needed)
    joints, weights = file.skinning()
    assert joints.shape == (90, influences)
    assert joints.max() < len(tree["skins"][0]["joints"]) == 55
    assert np.abs(weights.sum(axis=1) - 1).max() < 1e-6 and weights.min() >= 0
    assert (joints[weights == 0] == 0).all()
    for row, amount in zip(joints, weights):
        used = row[amount > 0]
        assert len(used) == len(set(used))
    np.testing.assert_allclose(np.linalg.norm(file.attribute("NORMAL"), axis=1), 1, atol=1e-5)
    assert len(tree["meshes"][0]["weights"]) == len(file.primitive["targets"])
    assert len(tree["meshes"][0]["extras"]["targetNames"]) == len(file.primitive["targets"])


def test_every_joint_has_its_parent_and_its_curve(small_body, make_motion, player) -> None:
    motion = make_motion(6, 7, stamps=np.array([5, 40, 70, 110, 140, 200]) * 1_000_000)
    file = player(to_gltf(motion, small_body))
    tree = file.tree
    nodes = tree["skins"][0]["joints"]
    assert [tree["nodes"][n]["name"] for n in nodes] == list(SMPLX_JOINTS)
    for joint, parent in enumerate(SMPLX_PARENTS):
        if parent >= 0:
            assert nodes[joint] in tree["nodes"][nodes[parent]]["children"]
    np.testing.assert_allclose(file.times(), [0, 0.035, 0.065, 0.105, 0.135, 0.195], atol=1e-7)
    animation = tree["animations"][0]
    turning = set()
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        assert sampler["interpolation"] == "LINEAR"
        if channel["target"]["path"] == "rotation":
            turns = file.array(sampler["output"])
            assert turns.shape == (6, 4)
            assert np.abs(np.linalg.norm(turns, axis=1) - 1).max() < 1e-6
            assert ((turns[1:] * turns[:-1]).sum(axis=1) >= 0).all()
            turning.add(channel["target"]["node"])
    assert turning == set(nodes)


def test_expressions_that_nobody_sees_are_left_out(small_body, make_motion, calm, player) -> None:
    face = np.zeros((2, 50))
    face[1, 3] = 0.5
    motion = calm(make_motion(2, 8))
    names = tuple(f"shape{i}" for i in range(50))
    motion = replace(motion, flame_expression=face, expression_names=names)
    file = player(to_gltf(motion, small_body))
    assert file.tree["meshes"][0]["extras"]["targetNames"] == ["shape3"]
    assert file.key(1)[1].tolist() == [0.5]
    quiet = player(to_gltf(calm(motion), small_body))
    assert "targets" not in quiet.primitive
    paths = {c["target"]["path"] for c in quiet.tree["animations"][0]["channels"]}
    assert paths == {"translation", "rotation"}


def test_a_person_before_the_camera_faces_it(small_body, make_motion, calm, player) -> None:
    """Upright and turned to the camera in optical axes: -z away, y up, facing +z in glTF's."""
    motion = calm(make_motion(1, 9, angle=0.0))
    still = np.zeros((1, 52, 3))
    still[0, 0] = (np.pi, 0, 0)
    motion = replace(motion, rotations=still, transl=np.array([[0.2, 0.1, 3.0]]))
    file = player(to_gltf(motion, small_body))
    nodes, _ = file.key(0)
    pelvis = file.tree["skins"][0]["joints"][0]
    place = file.world(nodes)[pelvis]
    np.testing.assert_allclose(place[:3, :3], np.eye(3), atol=1e-6)
    rest = np.array(file.tree["nodes"][pelvis]["translation"])
    np.testing.assert_allclose(place[:3, 3], (rest + motion.transl[0]) * Y_UP, atol=1e-6)


def test_quaternions_keep_their_sign_through_a_full_turn() -> None:
    angles = np.linspace(0, 4 * np.pi, 41)
    turns = quaternions(angles[:, None] * np.array([0.0, 0.6, 0.8]))
    assert ((turns[1:] * turns[:-1]).sum(axis=1) > 0.9).all()
    half = np.stack((0 * angles, 0.6 * np.sin(angles / 2), 0.8 * np.sin(angles / 2),
                     np.cos(angles / 2)), axis=1)  # fmt: skip
    np.testing.assert_allclose(turns * np.sign(turns[0] @ half[0]), half, atol=1e-9)


def test_strongest_keeps_the_largest_and_their_ratio() -> None:
    weights = np.zeros((2, 55))
    weights[0, [3, 9, 20, 41, 54]] = (0.1, 0.4, 0.05, 0.25, 0.2)
    weights[1, 12] = 1
    joints, kept = strongest(weights, 4)
    assert joints.tolist() == [[9, 41, 54, 3], [12, 0, 0, 0]]
    np.testing.assert_allclose(kept[0], np.array([0.4, 0.25, 0.2, 0.1]) / 0.95, atol=1e-7)
    assert kept[1].tolist() == [1, 0, 0, 0]


def test_what_the_body_cannot_wear_is_refused(small_body, make_motion) -> None:
    with pytest.raises(ExchangeError, match="4 or 8; found 5"):
        to_gltf(make_motion(1, 0), small_body, influences=5)
    with pytest.raises(ExchangeError, match=r"betas; expected at most 300 .* found 301"):
        to_gltf(make_motion(1, 0, widths=(301, 50, 300, 50)), small_body)
