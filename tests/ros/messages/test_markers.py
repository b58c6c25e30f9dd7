"""MarkerArray decoded by rosbags: what is drawn, where, and what is taken away."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pear_core import anatomy
from pear_ros.messages import codec
from pear_ros.messages.markers import MarkerStyle, marker_array
from pear_ros.types import HumanFrame, TrackState

STYLE = MarkerStyle()
NOTHING = MarkerStyle(skeleton=False, label=False)


def decode(raw: bytes) -> list[Any]:
    message = codec.deserialize(raw, codec.MARKER_ARRAY)
    assert codec.serialize(message, codec.MARKER_ARRAY) == raw
    markers: list[Any] = message.markers
    return markers


def xyz(points: list[Any]) -> np.ndarray:
    return np.array([(p.x, p.y, p.z) for p in points])


@pytest.fixture
def frame(people: ModuleType, rng: np.random.Generator) -> HumanFrame:
    return people.frame(rng, 2)  # type: ignore[no-any-return]


def test_the_mesh_is_its_triangles_moved_by_transl(
    frame: HumanFrame, people: ModuleType, rng: np.random.Generator
) -> None:
    vertices, faces = people.floats(rng, 2, 40, 3), rng.integers(0, 40, (25, 3)).astype(np.int32)
    markers = decode(marker_array(frame, vertices, faces, style=NOTHING))
    assert len(markers) == 2
    for marker, human, mesh in zip(markers, frame.humans, vertices, strict=True):
        assert (marker.type, marker.action) == (marker.TRIANGLE_LIST, marker.ADD)
        assert (marker.ns, marker.id) == ("mesh", human.track_id)
        assert marker.header.frame_id == "camera_optical"
        assert marker.header.stamp.nanosec == 123_456_789
        corners = [mesh[v].astype(np.float64) + human.transl for face in faces for v in face]
        np.testing.assert_array_equal(xyz(marker.points), corners)
        scale, orientation = marker.scale, marker.pose.orientation
        assert (scale.x, scale.y, scale.z) == (1, 1, 1)
        assert (orientation.x, orientation.y, orientation.z, orientation.w) == (0, 0, 0, 1)
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 500_000_000)
        assert marker.color.a == np.float32(STYLE.colour(human)[3])


def test_the_skeleton_joins_each_joint_with_its_parent(frame: HumanFrame) -> None:
    markers = decode(marker_array(frame, style=MarkerStyle(label=False)))
    for marker, human in zip(markers, frame.humans, strict=True):
        assert (marker.type, marker.ns) == (marker.LINE_LIST, "skeleton")
        ends = xyz(marker.points).reshape(-1, 2, 3)
        bones = [(p, j) for j, p in enumerate(anatomy.SMPLX_PARENTS) if p >= 0]
        assert len(ends) == len(bones) == 54
        for (parent, child), end in zip(bones, ends, strict=True):
            np.testing.assert_array_equal(end, human.joints[[parent, child]])
        assert marker.scale.x == STYLE.bone_width


def test_the_label_stands_above_the_head(frame: HumanFrame) -> None:
    human = replace(frame.humans[0], state=TrackState.TRACKED)
    human = replace(human, box=replace(human.box, score=0.876))
    (marker,) = decode(
        marker_array(replace(frame, humans=(human,)), style=MarkerStyle(skeleton=False))
    )
    assert (marker.type, marker.text) == (marker.TEXT_VIEW_FACING, "#1 0.88")
    head = human.joints[123].astype(np.float64)
    # Optical frame: y points down.
    assert marker.pose.position.y == pytest.approx(head[1] - STYLE.label_height)
    assert marker.pose.position.x == pytest.approx(head[0])
    assert marker.scale.z == STYLE.label_height


def test_predicted_people_are_fainter_and_say_so(frame: HumanFrame) -> None:
    human = replace(frame.humans[0], state=TrackState.PREDICTED)
    skeleton, label = decode(marker_array(replace(frame, humans=(human,))))
    assert skeleton.color.a == pytest.approx(0.4)
    assert label.text.endswith("predicted")


def test_people_who_left_are_deleted(frame: HumanFrame) -> None:
    markers = decode(marker_array(replace(frame, humans=()), gone={9, 4}))
    assert [(m.ns, m.id, m.action) for m in markers] == [
        (ns, i, m.DELETE)
        for m, (i, ns) in zip(
            markers, [(i, ns) for i in (4, 9) for ns in ("mesh", "skeleton", "label")], strict=True
        )
    ]


def test_delete_all_comes_first(frame: HumanFrame) -> None:
    markers = decode(marker_array(frame, delete_all=True))
    assert markers[0].action == markers[0].DELETEALL
    assert [m.action for m in markers[1:]] == [0] * 4


def test_nobody_is_an_empty_array(frame: HumanFrame) -> None:
    assert decode(marker_array(replace(frame, humans=()))) == []


@pytest.mark.parametrize(
    ("track_id", "rgb"),
    [(0, (86, 180, 233)), (6, (213, 94, 0)), (7, (64, 135, 175)), (21, (86, 180, 233))],
)
def test_a_person_has_the_colour_of_the_track(
    frame: HumanFrame, track_id: int, rgb: tuple[int, int, int]
) -> None:
    # Okabe and Ito's sky blue and vermilion; the second round is a quarter darker, the fourth as the first.
    human = replace(frame.humans[0], track_id=track_id, state=TrackState.TRACKED)
    (marker,) = decode(
        marker_array(replace(frame, humans=(human,)), style=MarkerStyle(label=False))
    )
    found = (marker.color.r, marker.color.g, marker.color.b)
    np.testing.assert_allclose(np.array(found) * 255, rgb, atol=0.01)
    assert marker.color.a == 1
