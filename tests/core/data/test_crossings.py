"""The scenes are what their names say, by the geometry of the paths; nothing is rendered."""

from __future__ import annotations

import numpy as np
import pytest

from pear_core.data.synthetic.crossings import NAMES, Crossing, crossing
from pear_core.data.synthetic.studio import Studio


@pytest.fixture(scope="module")
def scenes(studio: Studio) -> dict[tuple[str, int], Crossing]:
    return {(n, s): crossing(n, studio.identities, s) for n in NAMES for s in (1, 2)}


def bearings(scene: Crossing) -> np.ndarray:
    """Angles (T, 2) of the people left of the camera's line of sight, radians."""
    floor = (
        np.stack([a.floor for a in scene.actors], axis=1) - scene.camera.translation[:, None, :2]
    )
    ahead = scene.camera.rotation[:, :2, 2]
    yaw = np.arctan2(ahead[:, 1], ahead[:, 0])
    return np.arctan2(floor[..., 1], floor[..., 0]) - yaw[:, None]


def test_four_seconds_of_two_people(scenes: dict) -> None:
    for (name, _), scene in scenes.items():
        assert scene.times[1] == pytest.approx(1 / 30) and len(scene.times) == 120
        assert (scene.actors[0].look == scene.actors[1].look) == (name == "same_clothes")
        assert len(scene.camera.rotation) == 120
        assert all(len(a.people) == 120 for a in scene.actors)


def test_who_crosses_and_who_does_not(scenes: dict) -> None:
    for (name, _), scene in scenes.items():
        angle = bearings(scene)
        first, last = np.sign(angle[0, 0] - angle[0, 1]), np.sign(angle[-1, 0] - angle[-1, 1])
        assert (first == last) == (name == "turning_back"), name
        # 53 degrees of view, half of it each way: they are in the picture where they meet.
        assert np.abs(angle).max() < 0.65
        closest = np.abs(angle[:, 0] - angle[:, 1]).min()
        assert closest < 0.06


def test_nobody_walks_through_anybody(scenes: dict) -> None:
    for scene in scenes.values():
        apart = np.linalg.norm(scene.actors[0].floor - scene.actors[1].floor, axis=1)
        assert apart.min() > 0.3


def test_the_occluded_one_is_far_behind(scenes: dict) -> None:
    scene = scenes["occlusion", 1]
    assert (scene.actors[1].floor[:, 0] - scene.actors[0].floor[:, 0] > 1.1).all()


def test_only_the_panning_camera_turns(scenes: dict) -> None:
    for (name, _), scene in scenes.items():
        ahead = scene.camera.rotation[:, :, 2]
        swing = np.ptp(np.arctan2(ahead[:, 1], ahead[:, 0]))
        assert swing == pytest.approx(0.44 if name == "panning" else 0.0, abs=0.01)


def test_the_same_seed_gives_the_same_scene(scenes: dict, studio: Studio) -> None:
    again = crossing("panning", studio.identities, 1)
    for a, b in zip(again.actors, scenes["panning", 1].actors, strict=True):
        np.testing.assert_array_equal(a.floor, b.floor)
        np.testing.assert_array_equal(a.people[7]["rotations"], b.people[7]["rotations"])
    other = scenes["panning", 2]
    assert not np.array_equal(again.actors[0].floor, other.actors[0].floor)


def test_other_names_are_refused(studio: Studio) -> None:
    with pytest.raises(ValueError, match="crossing: expected one of crossing, occlusion"):
        crossing("dancing", studio.identities, 1)
