"""From a regressor that sees crops perfectly to people in metres, whatever way the camera looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fabricated import ball_body as balls
from pear_ros.perception.placing import depth, metric
from pear_ros.perception.placing.skin import rest_pose
from pear_ros.perception.placing.stature import KnownPeople
from pear_ros.problems import PearError, Problems
from pear_ros.types import Crop, Frame, Intrinsics, RegressorOutput, ScaleSource

K = Intrinsics(fx=400.0, fy=405.0, cx=165.0, cy=132.0, width=320, height=280)
IMAGE = np.zeros((280, 320, 3), np.uint8)
UPRIGHT = Rotation.from_euler("x", 90, degrees=True)
"""y-up body to a z-up world."""
LEVEL = Rotation.from_matrix([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Optical frame to a z-up world, looking along the world's y."""


def axis_to(ray: np.ndarray) -> Rotation:
    """The shortest turn of the optical axis to a ray."""
    unit = ray / np.linalg.norm(ray)
    across = np.cross([0, 0, 1.0], unit)
    sine = np.linalg.norm(across)
    if sine < 1e-12:
        return Rotation.identity()
    return Rotation.from_rotvec(across / sine * np.arctan2(sine, unit[2]))


class Perfect:
    """A regressor that knows the person in the world and answers as one does who sees only crops:
    as if the camera looked straight at the crop's centre.
    """

    def __init__(self, root: Rotation, pelvis: np.ndarray, camera: Rotation, place: np.ndarray):
        self.root, self.pelvis, self.camera, self.place = root, pelvis, camera, place
        self.body = balls.BallBody()
        self.joints = (camera.inv() * root).apply(balls.rest_joints()) + camera.inv().apply(
            pelvis - place
        )
        self.pixels = self.joints[:, :2] / self.joints[:, 2:] * (K.fx, K.fy) + (K.cx, K.cy)
        low, high = self.pixels.min(axis=0), self.pixels.max(axis=0)
        self.crop = Crop(*((low + high) / 2).tolist(), 1.25 * float((high - low).max()))

    def output(self) -> RegressorOutput:
        centre = ((self.crop.cx - K.cx) / K.fx, (self.crop.cy - K.cy) / K.fy, 1.0)
        straight = axis_to(np.array(centre)).inv() * self.camera.inv() * self.root
        parameters = rest_pose(1)
        parameters.rotations[0, 0] = straight.as_matrix()
        s = 2 * np.sqrt(K.fx * K.fy) / (self.joints[0, 2] * self.crop.side)
        seen = (self.pixels - (self.crop.cx, self.crop.cy)) / self.crop.side + 0.5
        return RegressorOutput(
            parameters,
            self.body.joints(parameters),
            seen[None].astype(np.float32),
            np.array([[0.0, 0.0, s]], np.float32),
        )

    def placed(
        self, options: metric.PlaceOptions | None, image: np.ndarray | None = None,
        calibrated: bool = True, problems: Problems | None = None, engine: object = None,
    ) -> metric.Placed:  # fmt: skip
        counted = Problems() if problems is None else problems
        placer = metric.Placer(engine or self.body, options, counted)
        frame = Frame(IMAGE, stamp=5, intrinsics=K, depth=image, source="/camera")
        sure = np.ones((1, 145), np.float32)
        pixels = self.pixels[None].astype(np.float32)
        return placer.place(frame, self.output(), [3], pixels, sure, [self.crop], K, calibrated)


def standing(pitch: float, roll: float = 0.0, yaw: float = 0.0, height: float = 1.2) -> Perfect:
    """One and the same person 3.5 m away; pitch down, degrees."""
    camera = (
        Rotation.from_euler("z", yaw, degrees=True)
        * LEVEL
        * Rotation.from_euler("xz", [-pitch, roll], degrees=True)
    )
    root = Rotation.from_euler("z", 25, degrees=True) * UPRIGHT
    return Perfect(root, np.array([0.3, 3.5, 0.95]), camera, np.array([0.0, 0.0, height]))


CAMERAS = [(0, 0, 0, 1.2), (15, 0, 0, 1.2), (-12, 8, 5, 0.4), (25, -10, -8, 2.6), (3, 170, 0, 1.0)]


@pytest.mark.parametrize(("pitch", "roll", "yaw", "height"), CAMERAS)
def test_a_tilted_camera_does_not_tilt_the_human(
    pitch: float, roll: float, yaw: float, height: float
) -> None:
    person = standing(pitch, roll, yaw, height)
    found = person.placed(metric.PlaceOptions())
    world = person.camera.as_matrix()
    root = world @ found.parameters.rotations[0, 0]
    np.testing.assert_allclose(root, person.root.as_matrix(), atol=1e-4)
    joints = (found.joints[0] + found.placement.transl[0]) @ world.T + person.place
    np.testing.assert_allclose(joints[0], person.pelvis, atol=1e-4)
    expected = person.root.apply(balls.rest_joints()) + person.pelvis
    np.testing.assert_allclose(joints, expected, atol=1e-4)
    assert found.placement.residual[0] < 1e-3
    assert found.raw is found.parameters


def test_without_the_viewing_ray_the_camera_tilts_the_human() -> None:
    """So the test above is no matter of course: 15 degrees down, the person 12 degrees above the axis."""
    person = standing(15)
    found = person.placed(metric.PlaceOptions(viewing_ray=False))
    root = person.camera.as_matrix() @ found.parameters.rotations[0, 0]
    lean = np.degrees(np.arccos(root[2, 1]))
    centre = ((person.crop.cx - K.cx) / K.fx, (person.crop.cy - K.cy) / K.fy)
    assert lean == pytest.approx(np.degrees(np.arctan(abs(centre[1]))), abs=1.0) and lean > 8
    bare = person.placed(None)
    np.testing.assert_array_equal(bare.parameters.rotations, found.parameters.rotations)
    # Nor is anybody turned by a lens that is only assumed.
    assumed = person.placed(metric.PlaceOptions(), calibrated=False)
    np.testing.assert_array_equal(assumed.parameters.rotations, found.parameters.rotations)


@settings(max_examples=60, deadline=None)
@given(st.floats(-500, 800), st.floats(-500, 800))
def test_viewing_turns_are_the_shortest_ones(cx: float, cy: float) -> None:
    found = metric.viewing_turns([Crop(cx, cy, 10.0), Crop(K.cx, K.cy, 10.0)], K)
    ray = np.array([(cx - K.cx) / K.fx, (cy - K.cy) / K.fy, 1.0])
    np.testing.assert_allclose(found[0], axis_to(ray).as_matrix(), atol=1e-9)
    np.testing.assert_allclose(found[1], np.eye(3), atol=1e-12)


def test_turning_a_person_turns_the_joints_about_the_pelvis() -> None:
    rng = np.random.default_rng(0)
    parameters = rest_pose(2)
    parameters.rotations[:] = Rotation.random(104, rng=rng).as_matrix().reshape(2, 52, 3, 3)
    joints = rng.normal(size=(2, 145, 3)).astype(np.float32)
    before = parameters.rotations.copy()
    turn = Rotation.random(2, rng=rng)
    after, moved = metric.turned(parameters, joints, turn.as_matrix())
    np.testing.assert_array_equal(parameters.rotations, before)
    np.testing.assert_array_equal(after.rotations[:, 1:], before[:, 1:])
    for i in range(2):
        expected = turn[i].apply(joints[i] - joints[i, 0]) + joints[i, 0]
        np.testing.assert_allclose(moved[i], expected, atol=1e-5)
        root = turn[i] * Rotation.from_matrix(before[i, 0])
        np.testing.assert_allclose(after.rotations[i, 0], root.as_matrix(), atol=1e-5)


@pytest.mark.parametrize(("share", "stature"), [(0.75, 0.99), (1.0, 1.32), (1.2, 1.584)])
def test_who_is_known_stands_where_that_size_belongs(share: float, stature: float) -> None:
    """The mean ball body's mesh is 1.32 m high and grows like its joints; a known person of 3/4 of
    that stands at 3/4 of the distance.
    """
    person = standing(5)
    body = replace(person.body, growth=1.0)
    person.body = body
    # The stature's slope is that of the joints, 1.7 m per unit, onto a mesh of 1.32 m.
    beta = (stature - 1.32) / 1.7
    known = metric.PlaceOptions(KnownPeople(tracks={3: stature}))
    found = person.placed(known)
    assert found.placement.scale == (ScaleSource.KNOWN_SHAPE,)
    assert found.parameters.betas[0, 0] == pytest.approx(beta, abs=1e-4)
    assert found.raw.betas[0, 0] == 0.0
    # Stretched along its axis by 1 + beta: so is the distance, as far as the body stands upright.
    pelvis = found.joints[0, 0] + found.placement.transl[0]
    assert pelvis[2] == pytest.approx((1 + beta) * person.joints[0, 2], rel=0.06)
    # The name decides: this stature is another track's.
    other = person.placed(metric.PlaceOptions(KnownPeople(tracks={4: stature})))
    assert other.placement.scale == (ScaleSource.INTRINSICS,)
    lens = person.placed(known, calibrated=False)
    assert lens.placement.scale == (ScaleSource.NONE,) and np.isinf(lens.placement.depth_sigma[0])


def test_depth_moves_a_person_along_the_viewing_ray() -> None:
    """The true person is a tenth smaller than regressed, and a tenth nearer."""
    person = standing(5)
    image = balls.depth_image(0.9 * person.joints, K) - depth.CLOTHES
    found = person.placed(metric.PlaceOptions(), image.astype(np.float32))
    assert found.placement.scale == (ScaleSource.DEPTH,)
    pelvis = found.joints[0, 0] + found.placement.transl[0]
    np.testing.assert_allclose(pelvis, 0.9 * person.joints[0], atol=0.03)
    assert 0.01 < found.placement.depth_sigma[0] < 0.06
    # The body keeps its size.
    np.testing.assert_allclose(found.joints[0, 15, 1] - found.joints[0, 0, 1],
                               person.joints[15, 1] - person.joints[0, 1], atol=1e-5)  # fmt: skip
    nothing = person.placed(metric.PlaceOptions(), np.full((280, 320), np.nan, np.float32))
    assert nothing.placement.scale == (ScaleSource.INTRINSICS,)
    np.testing.assert_allclose(
        nothing.joints[0, 0] + nothing.placement.transl[0], person.joints[0], atol=1e-3
    )


@pytest.mark.parametrize(
    "wrong",
    [np.ones((140, 160), np.float32), np.ones((280, 320), np.uint16), np.ones(9, np.float32)],
)
def test_depth_of_another_kind_is_counted_and_ignored(wrong: np.ndarray) -> None:
    problems = Problems()
    found = standing(5).placed(metric.PlaceOptions(), wrong, problems=problems)
    assert found.placement.scale == (ScaleSource.INTRINSICS,)
    assert problems.counts == {"depth": 1} and "320x280" in str(problems.examples["depth"][0])


def test_engines_without_a_mesh_do_what_they_can() -> None:
    problems, person = Problems(), standing(5)
    image = balls.depth_image(person.joints, K)
    found = person.placed(metric.PlaceOptions(), image, problems=problems, engine=object())
    assert found.placement.scale == (ScaleSource.INTRINSICS,) and problems.counts == {"depth": 1}
    with pytest.raises(PearError, match="known people need an engine with a mesh"):
        metric.Placer(object(), metric.PlaceOptions(KnownPeople(1.8)), problems)


def test_the_body_is_measured_once() -> None:
    person = standing(5)
    placer = metric.Placer(person.body, None, Problems())
    assert person.body.calls == []
    placer.options = metric.PlaceOptions(KnownPeople(1.7))
    placer.prepare()
    measured = len(person.body.calls)
    placer.options = metric.PlaceOptions(KnownPeople(1.8))
    placer.prepare()
    assert len(person.body.calls) == measured > 0
