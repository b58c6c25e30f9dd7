"""What REP-155 gets to know of a frame: topics, types and who appears on them."""

from __future__ import annotations

import re
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pear_ros.messages import codec, foreign
from pear_ros.messages.names import Naming
from pear_ros.messages.rep155 import (
    BODY_TOPICS,
    EXPRESSION_TOPICS,
    FACE_TOPICS,
    Outgoing,
    rep155,
    tracked,
)
from pear_ros.types import HumanFrame, ScaleSource

ARKIT = (
    "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft", "browDownRight",
    "eyeWideLeft", "eyeWideRight", "cheekSquintLeft", "cheekSquintRight", "eyeSquintLeft",
    "eyeSquintRight", "noseSneerLeft", "noseSneerRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthPressLeft",
    "mouthPressRight",
)  # fmt: skip


@pytest.fixture
def frame(people: ModuleType, rng: np.random.Generator) -> HumanFrame:
    """One who faces the camera, and one who turns away and has no metric scale."""
    smile = np.zeros((1, len(ARKIT)), np.float32)
    smile[0, [7, 8, 15, 16]] = 1
    away = people.posed(8, scale=ScaleSource.NONE)
    rotations = away.parameters.rotations.copy()
    rotations[0, 0] = np.eye(3)
    away = replace(away, parameters=replace(away.parameters, rotations=rotations))
    return replace(people.frame(rng, 0), humans=(people.posed(7, flame_expression=smile), away))


def by_topic(outgoing: list[Outgoing]) -> dict[str, Any]:
    found = {}
    for one in outgoing:
        message = codec.deserialize(one.data, one.type_name)
        assert codec.serialize(message, one.type_name) == one.data
        assert one.topic not in found
        found[one.topic] = message
    return found


def test_who_is_where(frame: HumanFrame) -> None:
    found = by_topic(rep155(frame, expression_names=ARKIT, face_trust=0.5))
    assert found["/humans/bodies/tracked"].ids == ["b7", "b8"]
    assert found["/humans/faces/tracked"].ids == ["f7"]
    match = found["/humans/candidate_matches"]
    assert {match.id1, match.id2} == {"b7", "f7"} and match.confidence == 1
    faces = {f"/humans/faces/f7/{name}" for name in FACE_TOPICS | EXPRESSION_TOPICS}
    bodies = {f"/humans/bodies/b7/{name}" for name in BODY_TOPICS}
    others = {f"/humans/bodies/b8/{name}" for name in ("roi", "skeleton2d")}
    rest = {"/humans/bodies/tracked", "/humans/faces/tracked", "/humans/candidate_matches"}
    assert set(found) == faces | bodies | others | rest
    shown = found["/humans/faces/f7/expression"]
    # All units of a smile, seen with 0.9, of a model that is half believed.
    assert (shown.expression, shown.confidence) == ("happy", pytest.approx(0.45))
    place = found["/humans/bodies/b7/position"].point
    assert (place.x, place.y, place.z) == pytest.approx((0, 0.02, 3))


def test_types_are_those_of_the_table(frame: HumanFrame) -> None:
    for one in rep155(frame, Naming("left_"), ARKIT, 1.0):
        *_, parent, name = one.topic.split("/")
        if parent.startswith("left_b"):
            assert one.type_name == BODY_TOPICS[name]
        elif parent.startswith("left_f"):
            assert one.type_name == (FACE_TOPICS | EXPRESSION_TOPICS)[name]
        elif name == "tracked":
            assert one.type_name == foreign.IDS_LIST
        else:
            assert (name, one.type_name) == ("candidate_matches", foreign.IDS_MATCH)
        assert re.fullmatch(r"(/[A-Za-z_][A-Za-z0-9_]*)+", one.topic)


def test_nameless_expressions_give_no_expression(frame: HumanFrame) -> None:
    found = by_topic(rep155(frame, face_trust=1.0))
    assert "/humans/faces/f7/expression" not in found
    assert found["/humans/faces/f7/facs"].confidence[12] == 0
    assert found["/humans/faces/f7/facs"].confidence[43] == np.float32(0.9)


def test_a_model_that_has_not_learnt_faces_says_nothing_of_them(frame: HumanFrame) -> None:
    topics = [one.topic for one in rep155(frame, expression_names=ARKIT)]
    faces = [topic for topic in topics if topic.startswith("/humans/faces/f7")]
    assert faces == ["/humans/faces/f7/roi", "/humans/faces/f7/landmarks"]


def test_the_lists_alone_are_the_same_lists(frame: HumanFrame) -> None:
    naming = Naming("left_")
    assert tracked(frame, naming) == rep155(frame, naming)[:2]


def test_nobody_is_said_too(frame: HumanFrame) -> None:
    found = by_topic(rep155(replace(frame, humans=())))
    assert list(found) == ["/humans/bodies/tracked", "/humans/faces/tracked"]
    assert all(message.ids == [] for message in found.values())
