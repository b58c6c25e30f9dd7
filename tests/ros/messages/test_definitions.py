"""The .msg files agree with the anatomy, the types and each other."""

from __future__ import annotations

import re

import pytest

from pear_core import anatomy
from pear_ros.messages import codec
from pear_ros.types import ScaleSource, TrackState

CONSTANTS = {name: value for name, _, value in codec.typestore().fielddefs["pear/msg/Human"][0]}


def test_joint_constants_are_the_joint_order() -> None:
    joints = {name[6:]: value for name, value in CONSTANTS.items() if name.startswith("JOINT_")}
    for name, index in joints.items():
        prefix = "SURFACE_" if name.startswith("SURFACE_") else ""
        assert anatomy.EHM_JOINTS[index] == name[len(prefix) :].lower(), name
    landmarks = {i for i, name in enumerate(anatomy.EHM_JOINTS) if name.startswith("face_")}
    assert set(joints.values()) == (set(range(145)) - landmarks) | {55, 106}


def test_state_and_scale_constants_are_the_enums() -> None:
    for prefix, kind in (("STATE_", TrackState), ("SCALE_", ScaleSource)):
        constants = {k[len(prefix) :]: v for k, v in CONSTANTS.items() if k.startswith(prefix)}
        assert constants == {member.name: member.value for member in kind}


def test_fixed_arrays_have_the_sizes_of_the_anatomy() -> None:
    text = (codec.definition_folder() / "Human.msg").read_text()
    sizes = {name: int(size) for size, name in re.findall(r"^float32\[(\d+)\] (\w+)", text, re.M)}
    joints = len(anatomy.EHM_JOINTS)
    assert sizes["joints"] == 3 * joints
    assert sizes["keypoints"] == 2 * joints
    assert sizes["joint_confidence"] == joints
    assert sizes["body_pose"] == 3 * (len(anatomy.BODY_JOINTS) - 1)
    assert sizes["left_hand_pose"] == 3 * (anatomy.LEFT_HAND.stop - anatomy.LEFT_HAND.start)
    assert sizes["right_hand_pose"] == sizes["left_hand_pose"]


@pytest.mark.parametrize("name", codec.OWN_TYPES)
def test_every_field_says_what_it_is(name: str) -> None:
    for line in (codec.definition_folder() / f"{name}.msg").read_text().splitlines():
        field, _, comment = line.partition("#")
        if field.strip() and "=" not in field:
            assert len(comment.strip()) > 4, f"{name}: {line}"
