"""MarkerArray decoded by rosbags: what is drawn, where, and what is taken away."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pear_core import anatomy
from pear_ros.messages import codec
from pear_ros.messages.markers import MarkerStyle, label, marker_array
from pear_ros.types import HumanFrame, ScaleSource, TrackState

STYLE = MarkerStyle()
NOTHING = MarkerStyle(skeleton=False, label=False, gaze=False)


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
    markers = decode(marker_array(frame, style=MarkerStyle(label=False, gaze=False)))
    for marker, human in zip(markers, frame.humans, strict=True):
        assert (marker.type, marker.ns) == (marker.LINE_LIST, "skeleton")
        ends = xyz(marker.points).reshape(-1, 2, 3)
        bones = [(p, j) for j, p in enumerate(anatomy.SMPLX_PARENTS) if p >= 0]
        assert len(ends) == len(bones) == 54
        for (parent, child), end in zip(bones, ends, strict=True):
            np.testing.assert_array_equal(end, human.joints[[parent, child]])
        assert marker.scale.x == STYLE.bone_width


def test_the_label_stands_above_the_head(frame: HumanFrame) -> None:
    human = replace(frame.humans[0], state=TrackState.TRACKED, scale=ScaleSource.DEPTH)
    human = replace(human, transl=np.float32([0, 0, 2.346]), depth_sigma=0.118)
    (marker,) = decode(
        marker_array(replace(frame, humans=(human,)), style=MarkerStyle(skeleton=False, gaze=False))
    )
    assert (marker.type, marker.text) == (marker.TEXT_VIEW_FACING, "#1 2.35 +- 0.12 m")
    head = human.joints[123].astype(np.float64)
    # Optical frame: y points down.
    assert marker.pose.position.y == pytest.approx(head[1] - STYLE.label_height)
    assert marker.pose.position.x == pytest.approx(head[0])
    assert marker.scale.z == STYLE.label_height


def test_a_label_is_ascii_and_claims_no_distance_it_does_not_know(frame: HumanFrame) -> None:
    human = replace(
        frame.humans[0], state=TrackState.NEW, scale=ScaleSource.NONE, depth_sigma=np.inf
    )
    assert label(human) == "#1 new"
    assert label(replace(human, scale=ScaleSource.DEPTH)).isascii()


def test_predicted_people_are_fainter_and_say_so(frame: HumanFrame) -> None:
    human = replace(frame.humans[0], state=TrackState.PREDICTED)
    skeleton, text = decode(marker_array(replace(frame, humans=(human,))))
    assert skeleton.color.a == pytest.approx(0.4)
    assert text.text.endswith("predicted")


def test_the_gaze_is_an_arrow_from_the_sellion(people: ModuleType, frame: HumanFrame) -> None:
    seen = people.posed(4)
    unsure = seen.joint_confidence.copy()
    unsure[:] = 0
    hidden = replace(people.posed(5), joint_confidence=unsure)
    style = MarkerStyle(skeleton=False, label=False)
    frame = replace(frame, humans=(seen, hidden))
    (arrow,) = decode(marker_array(frame, style=style))
    assert (arrow.type, arrow.ns, arrow.id, arrow.action) == (arrow.ARROW, "gaze", 4, arrow.ADD)
    # Looking into the camera: 40 cm towards it.
    np.testing.assert_allclose(xyz(arrow.points), [[0, -0.7, 2.9], [0, -0.7, 2.5]], atol=1e-6)
    # Of an arrow of two points: diameter of the shaft, diameter and length of the head.
    assert arrow.scale.x < arrow.scale.y < arrow.scale.z < 0.4
    # Markers without a lifetime do not vanish by themselves.
    _, nothing = decode(marker_array(frame, style=replace(style, lifetime=0)))
    assert (nothing.ns, nothing.id, nothing.action) == ("gaze", 5, nothing.DELETE)


def test_people_who_left_are_deleted(frame: HumanFrame) -> None:
    markers = decode(marker_array(replace(frame, humans=()), gone={9, 4}))
    assert [(m.ns, m.id, m.action) for m in markers] == [
        (ns, i, m.DELETE)
        for m, (i, ns) in zip(
            markers,
            [(i, ns) for i in (4, 9) for ns in ("mesh", "skeleton", "label", "gaze")],
            strict=True,
        )
    ]


def test_delete_all_comes_first(frame: HumanFrame) -> None:
    markers = decode(marker_array(frame, delete_all=True))
    assert markers[0].action == markers[0].DELETEALL
    assert [m.ns for m in markers[1:5]] == ["skeleton", "label"] * 2
    assert all(m.action == 0 for m in markers[1:])


def test_vertices_without_faces_draw_no_mesh(
    frame: HumanFrame, people: ModuleType, rng: np.random.Generator
) -> None:
    assert decode(marker_array(frame, people.floats(rng, 2, 40, 3), style=NOTHING)) == []


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
        marker_array(replace(frame, humans=(human,)), style=MarkerStyle(label=False, gaze=False))
    )
    found = (marker.color.r, marker.color.g, marker.color.b)
    np.testing.assert_allclose(np.array(found) * 255, rgb, atol=0.01)
    assert marker.color.a == 1
