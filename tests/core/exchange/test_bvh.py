"""BVH files read by a parser of the test's own, forward kinematics by scipy's Euler angles."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pear_core.anatomy import SMPLX_JOINTS, SMPLX_PARENTS
from pear_core.body.smplx import SmplxBody, full_pose
from pear_core.exchange.bvh import euler, to_bvh

ORDER = ["Zrotation", "Xrotation", "Yrotation"]


@dataclass
class Joint:
    name: str
    parent: int
    offset: list[float] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)


def parse(text: str) -> tuple[list[Joint], np.ndarray, float]:
    """Joints in the order of the file, rows of the motion, seconds per frame."""
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["HIERARCHY"]
    joints: list[Joint] = []
    stack: list[int] = []
    ends = 0
    pending = -1
    at = 1
    while lines[at] != ["MOTION"]:
        word = lines[at][0]
        if word in ("ROOT", "JOINT"):
            joints.append(Joint(lines[at][1], stack[-1] if stack else -1))
            pending = len(joints) - 1
        elif word == "End":
            pending, ends = -2, ends + 1
        elif word == "{":
            stack.append(pending)
        elif word == "}":
            stack.pop()
        elif word == "OFFSET" and stack[-1] >= 0:
            joints[stack[-1]].offset = [float(v) for v in lines[at][1:]]
        elif word == "CHANNELS":
            assert int(lines[at][1]) == len(lines[at]) - 2
            joints[stack[-1]].channels = lines[at][2:]
        at += 1
    assert not stack
    leaves = set(range(len(joints))) - {j.parent for j in joints}
    assert ends == len(leaves)
    assert lines[at + 1][0] == "Frames:" and lines[at + 2][:2] == ["Frame", "Time:"]
    rows = np.array([[float(v) for v in line] for line in lines[at + 3 :]])
    assert len(rows) == int(lines[at + 1][1])
    return joints, rows, float(lines[at + 2][2])


def positions(joints: list[Joint], row: np.ndarray) -> dict[str, np.ndarray]:
    """Joints in the file's unit and axes at one frame."""
    world: list[np.ndarray] = []
    at = 0
    for joint in joints:
        values = dict(zip(joint.channels, row[at : at + len(joint.channels)], strict=True))
        at += len(joint.channels)
        local = np.eye(4)
        local[:3, 3] = joint.offset
        local[:3, 3] += [values.get(f"{axis}position", 0.0) for axis in "XYZ"]
        turn = [name for name in joint.channels if name.endswith("rotation")]
        angles = [values[name] for name in turn]
        order = "".join(name[0] for name in turn)
        local[:3, :3] = Rotation.from_euler(order, angles, degrees=True).as_matrix()
        world.append(local if joint.parent < 0 else world[joint.parent] @ local)
    assert at == len(row)
    return {joint.name: m[:3, 3] for joint, m in zip(joints, world, strict=True)}


def test_joints_are_where_the_body_model_has_them(
    small_body, small_rest, make_motion, calm, parameters_of
) -> None:
    motion = calm(make_motion(4, 41))
    joints, rows, seconds = parse(to_bvh(motion, small_rest))
    assert seconds == pytest.approx(1 / 30, abs=1e-7)
    assert {j.name for j in joints} == set(SMPLX_JOINTS)
    assert joints[0].channels == ["Xposition", "Yposition", "Zposition", *ORDER]
    assert all(j.channels == ORDER for j in joints[1:])
    for joint in joints[1:]:
        parent = SMPLX_PARENTS[SMPLX_JOINTS.index(joint.name)]
        assert joints[joint.parent].name == SMPLX_JOINTS[parent]
    given_ = parameters_of(motion)
    with torch.no_grad():
        body = SmplxBody(small_body.smplx)(
            full_pose(given_.rotations), given_.betas, given_.expression
        )
    expected = (body.joints.numpy() + motion.transl[:, None]) * (1, -1, -1)
    for frame in range(4):
        found = positions(joints, rows[frame])
        for index, name in enumerate(SMPLX_JOINTS):
            # Centimetres.
            np.testing.assert_allclose(found[name] / 100, expected[frame, index], atol=1e-5)


def test_uneven_stamps_become_an_even_rate(small_rest, make_motion) -> None:
    motion = make_motion(3, 42, stamps=np.array([0, 40_000_000, 120_000_000]))
    motion = replace(motion, stamps=np.array([0, 50_000_000, 150_000_000]))
    _, rows, seconds = parse(to_bvh(motion, small_rest))
    assert 1 / seconds == pytest.approx(motion.fps, rel=1e-5)
    assert len(rows) == round(0.15 * motion.fps) + 1


angle = st.floats(-180, 180, allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(st.tuples(angle, st.one_of(st.sampled_from([-90.0, 90.0]), st.floats(-90, 90)), angle))
def test_euler_angles_give_back_the_rotation(angles: tuple[float, float, float]) -> None:
    turn = Rotation.from_euler("ZXY", angles, degrees=True)
    found = euler(turn.as_rotvec().reshape(1, 1, 3))[0, 0]
    again = Rotation.from_euler("ZXY", found, degrees=True)
    assert (turn.inv() * again).magnitude() < 1e-6


def test_angles_do_not_jump_at_half_a_turn() -> None:
    spin = np.linspace(0, 4 * np.pi, 50)
    vectors = np.zeros((50, 1, 3))
    vectors[:, 0, 1] = spin
    found = euler(vectors)[:, 0]
    np.testing.assert_allclose(found[:, 2], np.rad2deg(spin), atol=1e-6)
    np.testing.assert_allclose(found[:, :2], 0, atol=1e-6)
