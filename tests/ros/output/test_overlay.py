"""What overlays draw, and where."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

from pear_ros.output.overlay import Style, draw, from_the_side, panel
from pear_ros.palette import track_colour
from pear_ros.types import Box, HumanFrame, ScaleSource

BALL = trimesh.creation.icosphere(subdivisions=2, radius=0.3)
TOPOLOGY = SimpleNamespace(faces=BALL.faces)
NOTHING = Style(opacity=0.0, skeleton=False, boxes=False, labels=False)


@pytest.fixture
def frame(make_frame) -> HumanFrame:
    """Two people: track 1 to the left and near, track 2 to the right and far."""
    made = make_frame(people=2)
    places = (np.array([-0.6, 0, 2.0], np.float32), np.array([0.6, 0.2, 4.0], np.float32))
    humans = tuple(
        replace(h, transl=t, box=Box(100.0, 150.0, 220.0, 330.0), scale=ScaleSource.DEPTH)
        for h, t in zip(made.humans, places, strict=True)
    )
    return replace(made, humans=humans)


def balls(frame: HumanFrame) -> list[np.ndarray]:
    return [BALL.vertices + h.transl for h in frame.humans]


def test_each_mesh_lies_where_the_camera_sees_it(frame: HumanFrame) -> None:
    image = np.full((480, 640, 3), 90, np.uint8)
    result = draw(image, frame, balls(frame), TOPOLOGY, replace(NOTHING, opacity=1.0))
    assert (image == 90).all()
    changed = (result != 90).any(-1)
    k = frame.intrinsics
    for human in frame.humans:
        x, y, z = human.transl.astype(float)
        u, v, r = k.fx * x / z + k.cx, k.fy * y / z + k.cy, k.fx * 0.3 / z
        rows, columns = np.mgrid[:480, :640]
        off = np.hypot(columns - u, rows - v)
        # A sphere off the axis is an ellipse, up to 10 % longer than r here.
        assert changed[off < 0.9 * r].all()
        changed[off < 1.2 * r] = False
    assert not changed.any()


def test_mesh_has_the_colour_of_its_track(frame: HumanFrame) -> None:
    result = draw(
        np.zeros((480, 640, 3), np.uint8),
        frame,
        balls(frame),
        TOPOLOGY,
        replace(NOTHING, opacity=1.0),
    )
    for human in frame.humans:
        x, y, z = human.transl.astype(float)
        u, v = round(550.5 * x / z + 319.5), round(551.25 * y / z + 239.5)
        mean = result[v - 5 : v + 6, u - 5 : u + 6].reshape(-1, 3).mean(0)
        expected = np.array(track_colour(human.track_id), float)
        cosine = mean @ expected / np.linalg.norm(mean) / np.linalg.norm(expected)
        assert cosine > 0.98


def test_nothing_asked_nothing_drawn(frame: HumanFrame) -> None:
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    np.testing.assert_array_equal(draw(image, frame, balls(frame), TOPOLOGY, NOTHING), image)


def test_boxes_run_along_their_edges(frame: HumanFrame) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    one = replace(frame, humans=frame.humans[:1])
    drawn = draw(image, one, (), TOPOLOGY, replace(NOTHING, boxes=True)).any(-1)
    edge = [drawn[150, 100:221], drawn[330, 100:221], drawn[150:331, 100], drawn[150:331, 220]]
    assert all(part.all() for part in edge)
    drawn[147:334, 97:224] = False
    assert not drawn.any()
    assert not draw(image, one, (), TOPOLOGY, replace(NOTHING, boxes=True))[155:325, 105:215].any()


@pytest.mark.parametrize(
    "box", [Box(100, 150, 200, 300), Box(-90, -80, 40, 50), Box(620, 400, 900, 700)]
)
def test_labels_stay_inside_the_picture(frame: HumanFrame, box: Box) -> None:
    one = replace(frame, humans=(replace(frame.humans[0], box=box),))
    drawn = draw(
        np.zeros((480, 640, 3), np.uint8), one, (), TOPOLOGY, replace(NOTHING, labels=True)
    )
    rows, columns = np.nonzero(drawn.any(-1))
    assert np.ptp(rows) > 10
    assert np.ptp(columns) > 30
    colour = np.array(track_colour(1))
    assert (drawn[rows.min(), columns.min()] == colour).all()


def test_distance_is_only_claimed_where_scale_is_known(frame: HumanFrame) -> None:
    def width(scale: ScaleSource) -> int:
        one = replace(frame, humans=(replace(frame.humans[0], scale=scale),))
        drawn = draw(
            np.zeros((480, 640, 3), np.uint8), one, (), TOPOLOGY, replace(NOTHING, labels=True)
        )
        return int(np.ptp(np.nonzero(drawn.any(-1))[1]))

    assert width(ScaleSource.DEPTH) > 2 * width(ScaleSource.NONE)


def test_skeleton_joins_joints_and_leaves_out_unseen_ones(frame: HumanFrame) -> None:
    human = frame.humans[0]
    keypoints = np.full((145, 2), np.nan, np.float32)
    confidence = np.zeros(145, np.float32)
    for joint, at in {0: (300, 200), 1: (400, 200), 4: (400, 300), 7: (500, 300)}.items():
        keypoints[joint], confidence[joint] = at, 0.9
    confidence[7] = 0.0
    one = replace(frame, humans=(replace(human, keypoints=keypoints, joint_confidence=confidence),))
    drawn = draw(
        np.zeros((480, 640, 3), np.uint8), one, (), TOPOLOGY, replace(NOTHING, skeleton=True)
    ).any(-1)
    assert drawn[200, 300:401].all()
    assert drawn[200:301, 400].all()
    assert not drawn[:, 410:].any()


def test_side_view_puts_the_nearer_person_on_the_left(frame: HumanFrame) -> None:
    side = from_the_side(frame, balls(frame), TOPOLOGY, 300, 400)
    assert side.shape == (300, 400, 3)
    centres = []
    for human in frame.humans:
        colour = np.array(track_colour(human.track_id), float)
        flat = side.reshape(-1, 3).astype(float)
        cosine = flat @ colour / (np.linalg.norm(flat, axis=1) * np.linalg.norm(colour))
        strong = (cosine > 0.985) & (np.ptp(flat, axis=1) > 60)
        assert strong.sum() > 200
        centres.append(np.flatnonzero(strong) % 400)
    assert centres[0].max() < centres[1].min()
    assert centres[0].min() > 5
    assert centres[1].max() < 395


def test_panel_holds_photo_overlay_and_side(frame: HumanFrame) -> None:
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    whole = panel(image, frame, balls(frame), TOPOLOGY)
    assert whole.shape == (480, 640 + 4 + 640 + 4 + 360, 3)
    np.testing.assert_array_equal(whole[:, :640], image)
    np.testing.assert_array_equal(whole[:, 644:1284], draw(image, frame, balls(frame), TOPOLOGY))
    empty = replace(frame, humans=())
    alone = panel(image, empty, [], TOPOLOGY)
    np.testing.assert_array_equal(alone[:, 644:1284], image)


def test_one_pixel_pictures_do_not_fail(frame: HumanFrame) -> None:
    assert draw(np.zeros((1, 1, 3), np.uint8), frame, (), TOPOLOGY).shape == (1, 1, 3)
