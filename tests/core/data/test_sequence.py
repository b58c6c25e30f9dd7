"""Rendered sequences: pictures, depth and silhouettes against geometry done by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pear_core.data.synthetic import motions
from pear_core.data.synthetic.people import sample_person
from pear_core.data.synthetic.sequence import (
    CameraPath,
    Pinhole,
    Room,
    Shot,
    Stage,
    camera_path,
    draw_room,
)

BODY = Path(__file__).parents[3] / "models" / "free_body"
SMALL = Pinhole(200.0, 210.0, 119.5, 89.5, 240, 180)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(BODY, seed=3, supersampling=2)


@pytest.fixture(scope="module")
def actors(stage: Stage) -> list[motions.Actor]:
    """Two who stand one behind the other, then two beside each other; the second farther away."""
    rng = np.random.default_rng(1)
    pose = motions.standing(np.zeros(2))
    places = (np.array([[2.5, 0.0], [2.5, -0.8]]), np.array([[4.0, 0.1], [4.0, 0.8]]))
    return [
        motions.actor(sample_person(rng, stage.identities, upright=True), pose, place,
                      np.array(np.pi), look)
        for look, place in enumerate(places)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def shots(stage: Stage, actors: list[motions.Actor]) -> list[Shot]:
    path = camera_path((0.0, 0.0, 1.1), yaw=0.05, pitch=0.04, frames=2)
    return list(stage.shoot(actors, SMALL, path))


def test_camera_angles() -> None:
    path = camera_path((1, 2, 3), yaw=0.3, pitch=0.2, frames=1)
    ahead, down = path.rotation[0][:, 2], path.rotation[0][:, 1]
    # Spherical coordinates of the line of sight: left is +y, down is -z.
    expected = [np.cos(0.2) * np.cos(0.3), np.cos(0.2) * np.sin(0.3), -np.sin(0.2)]
    np.testing.assert_allclose(ahead, expected, atol=1e-12)
    assert down[2] < -0.9 and path.translation.tolist() == [[1, 2, 3]]
    level = camera_path((0, 0, 1)).rotation[0]
    np.testing.assert_allclose(level @ [1, 0, 0], [0, -1, 0], atol=1e-12)
    rolled = camera_path((0, 0, 1), roll=0.1).rotation[0]
    np.testing.assert_allclose(rolled[:, 2], [1, 0, 0], atol=1e-12)
    # Clockwise: the camera's right side goes down.
    assert rolled[2, 0] < 0


def test_room_depth_by_similar_triangles() -> None:
    walls = np.zeros((6, 8, 8, 3), np.float32) + np.arange(6, dtype=np.float32)[:, None, None, None]
    room = Room(np.array([-3.0, -6.0, 0.0]), np.array([9.0, 6.0, 3.2]), walls)
    path = camera_path((1.0, 0.0, 1.2))
    colour, depth = draw_room(room, SMALL, path.rotation[0], path.translation[0])
    row = 179
    assert depth[90, 120] == pytest.approx(9.0 - 1.0) and colour[90, 120, 0] == 1
    assert depth[row, 120] == pytest.approx(1.2 * SMALL.fy / (row - SMALL.cy), rel=1e-5)
    assert colour[row, 120, 0] == 4
    left = 6.0 * SMALL.fx / SMALL.cx
    assert left > 8.0 and depth[90, 0] == pytest.approx(8.0)
    with pytest.raises(ValueError, match="camera: expected inside the room"):
        draw_room(room, SMALL, path.rotation[0], np.array([10.0, 0.0, 1.0]))


def test_everybody_is_where_the_labels_say(shots: list[Shot]) -> None:
    for shot in shots:
        x, y, z = np.moveaxis(shot.joints, -1, 0)
        np.testing.assert_allclose(shot.keypoints[..., 0], SMALL.fx * x / z + SMALL.cx, atol=0.01)
        np.testing.assert_allclose(shot.keypoints[..., 1], SMALL.fy * y / z + SMALL.cy, atol=0.01)
        # Back in the world both stand where the actors were told to, the feet on the floor.
        world = shot.joints.astype(np.float64) @ shot.rotation.T + shot.translation
        assert np.abs(world[..., 2].min(axis=1)).max() < 1e-4
        assert world[0, 0, 0] == pytest.approx(2.5, abs=1e-4)
        assert world[1, 0, 0] == pytest.approx(4.0, abs=1e-4)
        assert world[0, 15, 2] > 1.2


def test_silhouettes_boxes_and_occlusion(shots: list[Shot]) -> None:
    behind, beside = shots
    assert behind.visible[0] == 1.0 and behind.visible[1] < 0.45
    np.testing.assert_array_equal(beside.visible, [1.0, 1.0])
    for person in (0, 1):
        rows, columns = np.nonzero(beside.owner == person)
        found = [columns.min(), rows.min(), columns.max(), rows.max()]
        np.testing.assert_allclose(beside.boxes[person], found, atol=1.01)
        u, v = np.rint(beside.keypoints[person, [0, 3, 6]]).astype(int).T
        assert (beside.owner[v, u] == person).all()
        # Skin and clothes lie up to a quarter of a metre before the spine.
        before = beside.joints[person, [0, 3, 6], 2] - beside.depth[v, u]
        assert (before > 0.02).all() and (before < 0.3).all()
    # In front of the farther one the nearer one is seen, at its own distance.
    common = (behind.owner == 0) & (behind.depth < 3.0)
    assert common.sum() == (behind.owner == 0).sum() > 1000
    far = behind.owner == -1
    assert behind.depth[far].min() > 1.0 and np.isfinite(behind.depth).all()


def test_actors_and_camera_have_the_same_number_of_frames(
    stage: Stage, actors: list[motions.Actor]
) -> None:
    path = CameraPath(np.tile(np.eye(3), (3, 1, 1)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"expected equal lengths, found \{2, 3\}"):
        next(stage.shoot(actors, SMALL, path))


def test_an_empty_room_has_nobody_in_it(stage: Stage) -> None:
    path = camera_path((0, 0, 1.2))
    shot = next(stage.shoot([], SMALL, path))
    assert shot.image.shape == (180, 240, 3) and (shot.owner == -1).all()
    assert shot.joints.shape == (0, 145, 3) and shot.boxes.shape == (0, 4)
