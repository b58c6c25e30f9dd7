"""The cheap debug picture: what is drawn where, and what travels."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pear_core import anatomy
from pear_ros.messages import codec
from pear_ros.output.sketch import debug_image, label, shrunk, sketch
from pear_ros.palette import track_colour
from pear_ros.types import Box, Frame, HumanFrame, ScaleSource, TrackState

GREY = np.full((240, 320, 3), 40, np.uint8)


@pytest.fixture
def standing(make_frame) -> HumanFrame:
    """One person whose left forearm alone can be seen, from (50, 100) to (150, 100)."""
    human = make_frame(people=1).humans[0]
    keypoints, confidence = np.full((145, 2), -1e6, np.float32), np.zeros(145, np.float32)
    for name, at in (("left_elbow", (50, 100)), ("left_wrist", (150, 100))):
        joint = anatomy.SMPLX_JOINTS.index(name)
        keypoints[joint], confidence[joint] = at, 0.5
    human = replace(
        human, keypoints=keypoints, joint_confidence=confidence, box=Box(20.0, 30.0, 280.0, 200.0),
        state=TrackState.TRACKED, scale=ScaleSource.DEPTH, transl=np.float32([0, 0, 2.5]),
        depth_sigma=0.25,
    )  # fmt: skip
    return replace(make_frame(people=0), humans=(human,), width=320, height=240)


def test_bones_box_and_label_are_drawn(standing: HumanFrame) -> None:
    drawn = sketch(GREY, standing)
    assert (GREY == 40).all()  # the picture itself is left alone
    assert drawn[100, 100].tolist() == [90, 220, 120]
    assert drawn[96, 100].tolist() == drawn[104, 100].tolist() == [40, 40, 40]
    assert drawn[100, 170].tolist() == [40, 40, 40]
    blue = list(track_colour(standing.humans[0].track_id))
    assert drawn[120, 20].tolist() == drawn[200, 150].tolist() == blue
    # The label's plate ends at the top edge of the box; its text is another colour.
    plate = drawn[17:29, 21:60].reshape(-1, 3)
    assert 0.4 < (plate == blue).all(axis=1).mean() < 0.95
    assert (drawn[32:95, 22:278] == 40).all()


def test_predicted_people_are_darker(standing: HumanFrame) -> None:
    human = replace(standing.humans[0], state=TrackState.PREDICTED)
    drawn = sketch(GREY, replace(standing, humans=(human,)))
    assert drawn[100, 100].tolist() == [45, 110, 60]


def test_points_that_are_no_numbers_are_not_drawn(standing: HumanFrame) -> None:
    keypoints = standing.humans[0].keypoints.copy()
    keypoints[anatomy.SMPLX_JOINTS.index("left_wrist")] = np.nan
    human = replace(standing.humans[0], keypoints=keypoints)
    assert sketch(GREY, replace(standing, humans=(human,)))[100, 100].tolist() == [40, 40, 40]


def test_labels_say_what_is_known(standing: HumanFrame) -> None:
    (human,) = standing.humans
    assert label(human, True) == "#1 2.5 +- 0.2 m"
    lost = replace(human, scale=ScaleSource.NONE, state=TrackState.PREDICTED)
    assert label(lost, False) == "#1 uncalibrated predicted"


def test_wide_pictures_become_small_with_everything_in_place(standing: HumanFrame) -> None:
    image = np.zeros((480, 1920, 3), np.uint8)
    image[:, 960:] = 200
    small, frame = shrunk(image, standing, 960)
    assert small.shape == (240, 960, 3)
    assert (small[:, :480] == 0).all() and (small[:, 480:] == 200).all()
    joint = anatomy.SMPLX_JOINTS.index("left_wrist")
    # The point (150, 100) is the middle of pixels that become (74.75, 49.75).
    np.testing.assert_allclose(frame.humans[0].keypoints[joint], (74.75, 49.75), atol=1e-4)
    box = frame.humans[0].box
    assert (box.x0, box.y0, box.x1, box.y1) == pytest.approx((9.75, 14.75, 139.75, 99.75))
    assert shrunk(small, standing, 960)[0] is small


def test_the_message_is_a_jpeg_of_the_sketch(standing: HumanFrame) -> None:
    raw = debug_image(Frame(GREY), standing, 95)
    message = codec.deserialize(raw, codec.COMPRESSED_IMAGE)
    assert codec.serialize(message, codec.COMPRESSED_IMAGE) == raw
    assert message.header.frame_id == standing.frame_id
    assert message.header.stamp.nanosec == standing.stamp
    bgr = cv2.imdecode(np.asarray(message.data), cv2.IMREAD_COLOR).astype(int)
    assert np.abs(bgr[..., ::-1] - sketch(GREY, standing)).mean() < 2
