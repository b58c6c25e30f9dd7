"""Motions by physics and geometry; no body model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pear_core.anatomy import BODY_JOINTS
from pear_core.data.synthetic import motions

TIMES = np.arange(121) / 30.0
PERSON = {"rotations": np.full((52, 3), 0.125), "betas": np.zeros(200)}
JOINT = {name: i for i, name in enumerate(BODY_JOINTS)}


def root(actor: motions.Actor, t: int) -> Rotation:
    return Rotation.from_rotvec(actor.people[t]["rotations"][0])


def test_people_stand_upright_and_look_where_they_head() -> None:
    still = np.zeros((3, 52, 3))
    headings = np.array([0.0, np.pi / 2, -2.0])
    actor = motions.actor(PERSON, still, np.array([1.0, 2.0]), headings, look=4)
    for t, heading in enumerate(headings):
        np.testing.assert_allclose(root(actor, t).apply([0, 1, 0]), [0, 0, 1], atol=1e-9)
        forward = [np.cos(heading), np.sin(heading), 0]
        np.testing.assert_allclose(root(actor, t).apply([0, 0, 1]), forward, atol=1e-9)
    # Fingers keep the identity's relaxed pose, the body does not keep its own.
    assert (actor.people[0]["rotations"][22:] == 0.125).all()
    assert (actor.people[0]["rotations"][1:22] == 0).all() and actor.look == 4
    np.testing.assert_array_equal(actor.floor, [[1.0, 2.0]] * 3)


def test_a_walker_faces_the_path_and_steps_once_per_stride() -> None:
    start, end = np.array([3.0, -1.5]), np.array([3.0, 1.5])
    actor = motions.walk(PERSON, TIMES, motions.crossing(TIMES, start, end), look=1)
    np.testing.assert_allclose(actor.floor[0], start)
    np.testing.assert_allclose(actor.floor[-1], end)
    for t in (30, 60, 90):
        np.testing.assert_allclose(root(actor, t).apply([0, 0, 1])[:2], [0, 1], atol=0.12)
    hip = np.array([p["rotations"][JOINT["left_hip"], 0] for p in actor.people])
    middle = slice(15, 106)
    swings = np.diff(np.sign(hip[middle] - hip[middle].mean()))
    travelled = np.linalg.norm(actor.floor[105] - actor.floor[15])
    # Two sign changes per stride.
    assert np.abs(swings / 2).sum() == pytest.approx(2 * travelled / motions.STRIDE, abs=1.0)


def test_somebody_who_turns_back_ends_where_the_path_began() -> None:
    start, turn = np.array([3.0, 1.5]), np.array([3.0, 0.1])
    path = motions.there_and_back(TIMES, start, turn)
    np.testing.assert_allclose(path[[0, -1]], [start, start], atol=0.12)
    np.testing.assert_allclose(path[60], turn, atol=0.12)
    apart = np.linalg.norm(path - turn, axis=1)
    assert (np.diff(apart[5:50]) < 0).all() and (np.diff(apart[70:115]) > 0).all()


def test_a_jump_is_a_throw() -> None:
    _, lift = motions.jumping(TIMES, 0.5)
    # 0.45 s of flight: g t^2 / 8 high, and free fall in between.
    assert lift.max() == pytest.approx(9.81 * 0.45**2 / 8, abs=0.003)
    flying = np.flatnonzero(lift > 0)
    assert len(flying) in (13, 14)
    fall = np.diff(lift[flying], n=2) * 30.0**2
    np.testing.assert_allclose(fall, -9.81, atol=1e-6)


def test_waving_moves_one_forearm_at_its_rate() -> None:
    pose = motions.waving(TIMES, 1.5)
    angle = pose[:, JOINT["right_elbow"], 2]
    spectrum = np.abs(np.fft.rfft(angle[:120] - angle[:120].mean()))
    assert np.fft.rfftfreq(120, 1 / 30)[spectrum.argmax()] == pytest.approx(1.5)
    assert (pose[:, JOINT["left_elbow"]] == motions.standing(TIMES)[:, JOINT["left_elbow"]]).all()


def test_sitting_bends_hips_and_knees_and_stays_down() -> None:
    pose = motions.sitting(TIMES, 1.0)
    hips = -pose[:, JOINT["left_hip"], 0]
    assert hips[:31].max() == 0 and (np.diff(hips) >= 0).all()
    np.testing.assert_allclose(hips[60:], 1.45)
    np.testing.assert_allclose(pose[:, JOINT["left_knee"], 0], 1.1 * hips)
