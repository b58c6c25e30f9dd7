"""Messages of hri_msgs decoded by rosbags, numbers by hand."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pear_core import anatomy
from pear_ros.messages import codec, foreign, hri
from pear_ros.types import Box, HumanFrame, Intrinsics

EHM = anatomy.EHM_JOINTS.index


def decode(raw: bytes, kind: str) -> Any:
    message = codec.deserialize(raw, kind)
    assert codec.serialize(message, kind) == raw
    return message


@pytest.fixture
def frame(people: ModuleType, rng: np.random.Generator) -> HumanFrame:
    """A picture of 640x480 with one person in it whose key points lie all over it."""
    keypoints = rng.uniform(0, 400, (145, 2)).astype(np.float32)
    human = people.posed(7, keypoints=keypoints, box=Box(63.5, 47.5, 319.5, 239.5, 0.75))
    return replace(people.frame(rng, 0), humans=(human,))


def test_lists_and_matches(frame: HumanFrame) -> None:
    ids = decode(hri.ids_list(frame, ["b1", "b2"]), foreign.IDS_LIST)
    assert ids.ids == ["b1", "b2"]
    assert (ids.header.frame_id, ids.header.stamp.nanosec) == ("camera_optical", 123_456_789)
    match = decode(hri.ids_match("b7", "f7", 0.5), foreign.IDS_MATCH)
    # FACE = 2, BODY = 3 of IdsMatch.
    assert (match.id1, match.id1_type, match.id2, match.id2_type) == ("b7", 3, "f7", 2)
    assert match.confidence == 0.5


def test_regions_are_fractions_of_the_picture(frame: HumanFrame) -> None:
    (human,) = frame.humans
    region = decode(hri.body_region(frame, human), foreign.REGION)
    # Pixel centres are whole numbers: the box from pixel edge 64 to 320 of 640, 48 to 240 of 480.
    assert (region.xmin, region.ymin, region.xmax, region.ymax, region.c) == pytest.approx(
        (0.1, 0.1, 0.5, 0.5, 0.75)
    )
    outside = replace(human, box=Box(-90.0, -1.0, 900.0, 479.5, 0.75))
    region = decode(hri.body_region(frame, outside), foreign.REGION)
    assert (region.xmin, region.ymin, region.xmax, region.ymax) == (0, 0, 1, 1)


def test_the_face_region_holds_all_landmarks(frame: HumanFrame) -> None:
    keypoints = np.full((145, 2), 400, np.float32)
    for i in range(68):
        keypoints[EHM(f"face_{i}")] = (99.5 + i % 33, 119.5 + i % 25)
    human = replace(frame.humans[0], keypoints=keypoints)
    region = decode(hri.face_region(frame, human), foreign.REGION)
    expected = (100 / 640, 120 / 480, 132 / 640, 144 / 480, 0.9)
    assert (region.xmin, region.ymin, region.xmax, region.ymax, region.c) == pytest.approx(expected)


# From hri_msgs/Skeleton2D, which puts the left eye and ear first.
SKELETON = (
    "face_30", None, "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
    "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "left_eye_smplhf", "right_eye_smplhf", "left_ear", "right_ear",
)  # fmt: skip


def test_the_skeleton_has_the_order_of_hri_msgs(frame: HumanFrame) -> None:
    (human,) = frame.humans
    confidence = np.linspace(0.1, 0.9, 145).astype(np.float32)
    human = replace(human, joint_confidence=confidence)
    points = decode(hri.skeleton2d(frame, human), foreign.SKELETON_2D).skeleton
    assert len(points) == 18
    for point, name in zip(points, SKELETON, strict=True):
        if name is None:
            continue
        x, y = human.keypoints[EHM(name)]
        assert (point.x * 640, point.y * 480) == pytest.approx((x + 0.5, y + 0.5), abs=1e-3)
        assert point.c == confidence[EHM(name)]
    shoulders = human.keypoints[[EHM("left_shoulder"), EHM("right_shoulder")]].mean(axis=0)
    assert (points[1].x * 640 - 0.5, points[1].y * 480 - 0.5) == pytest.approx(shoulders, abs=1e-3)
    assert points[1].c == confidence[EHM("left_shoulder")]


def test_points_outside_the_picture_are_on_its_edge_and_unsure(frame: HumanFrame) -> None:
    keypoints = frame.humans[0].keypoints.copy()
    keypoints[EHM("left_wrist")] = (700, 100)
    keypoints[EHM("right_wrist")] = np.nan
    human = replace(frame.humans[0], keypoints=keypoints)
    points = decode(hri.skeleton2d(frame, human), foreign.SKELETON_2D).skeleton
    assert (points[7].x, points[7].c) == (1, 0)
    assert points[7].y == pytest.approx(100.5 / 480)
    assert points[4].c == 0 and 0 <= points[4].x <= 1
    assert points[3].c > 0


def test_landmarks_and_pupils(frame: HumanFrame) -> None:
    (human,) = frame.humans
    (pupils,) = hri.pupils(frame, [human])
    message = decode(hri.facial_landmarks(frame, human, pupils), foreign.FACIAL_LANDMARKS)
    assert (message.width, message.height, len(message.landmarks)) == (640, 480, 70)
    for i in range(68):
        x, y = human.keypoints[EHM(f"face_{i}")]
        found = message.landmarks[i]
        assert (found.x * 640, found.y * 480) == pytest.approx((x + 0.5, y + 0.5), abs=1e-3)
    # 68 is the right pupil, 69 the left one.
    for i, pupil in ((68, pupils[1]), (69, pupils[0])):
        found = message.landmarks[i]
        assert (found.x * 640, found.y * 480) == pytest.approx(pupil + 0.5, abs=1e-3)


def test_pupils_move_with_the_gaze(people: ModuleType, frame: HumanFrame) -> None:
    k = Intrinsics(500, 400, 320, 240, 640, 480)
    frame = replace(frame, intrinsics=k)
    aside = np.float32(
        [[0, np.pi / 2, 0] * 2]
    )  # both eyes to the person's left: right in the picture
    human = people.posed(7, eye_pose=aside, keypoints=np.full((145, 2), 100, np.float32))
    straight = people.posed(7, keypoints=np.full((145, 2), 100, np.float32))
    moved, still = hri.pupils(frame, [human, straight])
    # 12 mm at 2.91 m, seen with f = 500.
    assert moved[0] == pytest.approx((100 + 500 * 0.012 / 2.91, 100), abs=1e-3)
    # Looking at the camera moves the pupil 12 mm nearer: 3 cm beside the axis that is 0.02 px.
    assert still[0] == pytest.approx(
        (100 + 500 * 0.03 * (1 / 2.898 - 1 / 2.91), 100 - 400 * 0.7 * (1 / 2.898 - 1 / 2.91)),
        abs=1e-3,
    )
    assert hri.pupils(frame, []).shape == (0, 2, 2)


def shown(frame: HumanFrame, **units: float) -> Any:
    intensity = np.zeros(99, np.float32)
    for name, value in units.items():
        intensity[int(name[2:])] = value
    raw = hri.expression(frame, intensity, np.full(99, 0.8, np.float32))
    assert raw is not None
    return decode(raw, foreign.EXPRESSION)


def test_expressions_are_prototypes_of_action_units(frame: HumanFrame) -> None:
    smile = shown(frame, AU6=0.8, AU12=1.0)
    assert smile.expression == "happy"
    assert smile.confidence == pytest.approx(0.9 * 0.8)
    assert np.isnan(smile.valence) and np.isnan(smile.arousal)
    assert shown(frame, AU1=1, AU2=1, AU5=0.5, AU26=0.5).expression == "surprised"
    assert shown(frame, AU1=0.6, AU4=0.6, AU15=1).expression == "sad"
    assert shown(frame, AU4=1, AU7=1, AU24=1).expression == "angry"
    assert shown(frame, AU9=0.9, AU10=0.4).expression == "disgusted"
    neutral = shown(frame, AU12=0.6)  # a smile of the mouth alone: 0.3 of happy
    assert neutral.expression == "neutral"
    assert neutral.confidence == pytest.approx(0.7 * 0.8)


def test_nothing_is_said_of_nameless_expressions(frame: HumanFrame) -> None:
    confidence = np.zeros(99, np.float32)
    confidence[[26, 43]] = 1
    assert hri.expression(frame, np.ones(99, np.float32), confidence) is None


def test_action_units_go_through(frame: HumanFrame, rng: np.random.Generator) -> None:
    intensity, confidence = rng.uniform(size=(2, 99)).astype(np.float32)
    message = decode(
        hri.facial_action_units(frame, intensity, confidence), foreign.FACIAL_ACTION_UNITS
    )
    np.testing.assert_array_equal(message.intensity, intensity)
    np.testing.assert_array_equal(message.confidence, confidence)


def test_place_and_motion(people: ModuleType, frame: HumanFrame) -> None:
    point = decode(hri.position(frame, np.array([1.0, 2.5, 3.0])), "geometry_msgs/msg/PointStamped")
    assert (point.point.x, point.point.y, point.point.z) == (1, 2.5, 3)
    human = people.posed(velocity=np.float32([0.5, -0.25, 1]))
    twist = decode(hri.velocity(frame, human), "geometry_msgs/msg/TwistStamped").twist
    assert (twist.linear.x, twist.linear.y, twist.linear.z) == (0.5, -0.25, 1)
    assert (twist.angular.x, twist.angular.y, twist.angular.z) == (0, 0, 0)


def pixels(raw: bytes) -> np.ndarray:
    message = decode(raw, codec.IMAGE)
    assert (message.encoding, message.step) == ("rgb8", 3 * message.width)
    return np.asarray(message.data).reshape(message.height, message.width, 3)


def test_crops_are_cut_to_the_picture(frame: HumanFrame, rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (48, 64, 3), np.uint8)
    # From the edge before column 8 to the edge behind column 15.
    part = pixels(hri.cropped(image, frame, (7.5, 3.5, 15.5, 9.5)))
    np.testing.assert_array_equal(part, image[4:10, 8:16])
    np.testing.assert_array_equal(pixels(hri.cropped(image, frame, (-9, -9, 900, 900))), image)
    assert pixels(hri.cropped(image, frame, (80, 80, 90, 90))).shape == (1, 1, 3)


def test_crops_of_one_size_are_centred_on_black(frame: HumanFrame) -> None:
    image = np.full((40, 20, 3), 200, np.uint8)
    part = pixels(hri.cropped(image, frame, (-0.5, -0.5, 19.5, 39.5), (128, 128)))
    assert part.shape == (128, 128, 3)
    # Twice as high as wide: 64 columns in the middle, 32 black ones on either side.
    assert (part[:, 32:96] == 200).all()
    assert (part[:, :32] == 0).all() and (part[:, 96:] == 0).all()
    assert cv2.countNonZero(part[..., 0]) == 64 * 128


@given(region=st.tuples(*[st.floats(-1e5, 1e5)] * 4), sized=st.booleans())
def test_no_region_breaks_the_crop(
    people: ModuleType, region: tuple[float, float, float, float], sized: bool
) -> None:
    image = np.zeros((12, 16, 3), np.uint8)
    frame = people.frame(np.random.default_rng(0), 0)
    part = pixels(hri.cropped(image, frame, region, (8, 6) if sized else None))
    assert part.shape == (6, 8, 3) if sized else part.size > 0
