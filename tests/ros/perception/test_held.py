"""People whom nobody sees, carried on: pinhole geometry by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_ros.perception.held import held
from pear_ros.perception.pipeline import Pipeline
from pear_ros.types import Box, Human, HumanFrame, Reference, TrackState


@pytest.fixture
def before(scene_of) -> HumanFrame:
    """One person three metres away, seen by the pipeline."""
    scene = scene_of({"a": (-0.3, 0.1, 3.0)})
    return Pipeline(scene, scene).process(scene.frame(0, scene.k))


def moved(box: Box, dx: float, dy: float) -> Box:
    return Box(box.x0 + dx, box.y0 + dy, box.x1 + dx, box.y1 + dy, 0.4)


def test_a_pixel_shift_is_a_shift_in_metres_at_the_persons_distance(before: HumanFrame) -> None:
    last = before.humans[0]
    person = held(last, 0.2, moved(last.box, 30.0, -12.0), before, before)
    assert person.state is TrackState.PREDICTED and person.track_id == last.track_id
    # The pelvis itself stays exactly where the box goes.
    k, (x, y, z) = before.intrinsics, person.joints[0]
    old = last.joints[0]
    assert k.fx * x / z - k.fx * old[0] / old[2] == pytest.approx(30.0, abs=1e-3)
    assert k.fy * y / z - k.fy * old[1] / old[2] == pytest.approx(-12.0, abs=1e-3)
    assert z == old[2]
    way = person.transl - last.transl
    np.testing.assert_allclose(person.joints - last.joints, np.tile(way, (145, 1)), atol=1e-5)
    np.testing.assert_allclose(person.keypoints - last.keypoints, [[30.0, -12.0]] * 145, atol=1e-3)
    assert person.crop.cx - last.crop.cx == pytest.approx(30.0)
    assert person.crop.side == last.crop.side
    # The size of the box is the person's, not the tracker's.
    wide = Box(last.box.x0 - 50, last.box.y0, last.box.x1 + 50, last.box.y1)
    assert held(last, 0.2, wide, before, before).box == replace(last.box, score=1.0)
    np.testing.assert_array_equal(person.parameters.rotations, last.parameters.rotations)


def test_confidence_fades_and_sigma_grows(before: HumanFrame) -> None:
    last = replace(before.humans[0], joint_confidence=np.full(145, 0.8, np.float32))
    person = held(last, 0.5, last.box, before, before)
    inside = person.keypoints[:, 1] <= 479.5
    np.testing.assert_allclose(person.joint_confidence[inside], 0.8 / np.e, rtol=1e-5)
    assert person.depth_sigma == pytest.approx(np.hypot(last.depth_sigma, 0.35))
    # Joints that are carried out of the picture are not believed at all.
    away = held(last, 0.0, moved(last.box, 4000.0, 0.0), before, before)
    assert (away.joint_confidence == 0).all()
    unknown = replace(last, depth_sigma=float("inf"))
    assert held(unknown, 0.5, last.box, before, before).depth_sigma == float("inf")


def test_a_turning_camera_does_not_turn_the_person(before: HumanFrame) -> None:
    last: Human = replace(before.humans[0], velocity=np.array([0.0, 0.0, 1.0], np.float32))
    first = Rotation.from_euler("xyz", [0.1, 0.2, 0.3]).as_matrix()
    # The camera yaws to its right, about its own vertical axis.
    second = first @ Rotation.from_euler("y", 0.25).as_matrix()
    then = replace(before, reference=Reference("odom", first, np.zeros(3)))
    now = replace(before, reference=Reference("odom", second, np.zeros(3)))
    person = held(last, 0.0, last.box, then, now)
    world = first @ last.parameters.rotations[0, 0]
    np.testing.assert_allclose(second @ person.parameters.rotations[0, 0], world, atol=1e-6)
    limbs = (last.joints - last.joints[0]) @ first.T
    np.testing.assert_allclose((person.joints - person.joints[0]) @ second.T, limbs, atol=1e-5)
    np.testing.assert_allclose(person.joints[0], last.joints[0], atol=1e-6)
    np.testing.assert_allclose(second @ person.velocity, first @ [0, 0, 1], atol=1e-6)
    assert person.raw_parameters is person.parameters
    # Another frame of reference says nothing about the turn.
    other = replace(now, reference=Reference("map", second, np.zeros(3)))
    np.testing.assert_array_equal(
        held(last, 0.0, last.box, then, other).parameters.rotations, last.parameters.rotations
    )


def test_what_was_regressed_is_carried_along(before: HumanFrame) -> None:
    last = before.humans[0]
    rotations = last.parameters.rotations.copy()
    rotations[0, 0] = Rotation.from_euler("z", 0.5).as_matrix()
    raw = replace(last.parameters, rotations=rotations)
    last = replace(last, raw_parameters=raw, raw_transl=last.transl + 1.0)
    second = Rotation.from_euler("y", 0.25).as_matrix()
    then = replace(before, reference=Reference("odom", np.eye(3), np.zeros(3)))
    now = replace(before, reference=Reference("odom", second, np.zeros(3)))
    person = held(last, 0.1, moved(last.box, 8.0, 0.0), then, now)
    np.testing.assert_allclose(second @ person.raw_parameters.rotations[0, 0], rotations[0, 0], atol=1e-6)  # fmt: skip
    assert person.raw_transl is not None
    np.testing.assert_allclose(person.raw_transl - person.transl, np.ones(3), atol=1e-5)
    np.testing.assert_array_equal(person.raw_parameters.betas, raw.betas)
