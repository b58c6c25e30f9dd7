"""The built-in detector: its geometry by hand, and real people in public-domain pictures."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_ros.perception import boxes
from pear_ros.perception.detection import blazepose
from pear_ros.perception.detection.blazepose import (
    BlazePose,
    extent,
    letter_box,
    portrait,
    upright,
    windows,
)
from pear_ros.perception.detection.detect import Confirming, Detector
from pear_ros.problems import PearError
from pear_ros.types import Box, Frame

MODELS = Path(__file__).parents[4] / "models"
DEMO = {
    # Boxes by eye: the people without what they hold.
    "astronaut.png": Box(18, 15, 390, 511),
    "camera.png": Box(0, 65, 345, 511),
}


@pytest.fixture(scope="module")
def detector() -> BlazePose:
    return BlazePose(MODELS / "detector", threads=2)


def picture(name: str) -> np.ndarray:
    path = MODELS / "demo" / name
    if not path.exists():
        pytest.skip(f"{name} is not in the repository")
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def overlap(a: Box, b: Box) -> float:
    return float(boxes.iou(boxes.as_rows([a]), boxes.as_rows([b]))[0, 0])


@pytest.mark.parametrize("name", sorted(DEMO))
def test_a_real_person_is_found_and_confirmed(detector: BlazePose, name: str) -> None:
    frame = Frame(picture(name))
    (box,) = detector.detect(frame)
    assert overlap(box, DEMO[name]) > 0.7 and 0.5 <= box.score <= 1.0
    (again, nobody) = detector.confirm(frame, [DEMO[name], Box(440, 10, 500, 70)])
    assert again is not None and overlap(again, DEMO[name]) > 0.6
    assert nobody is None


def test_a_person_half_out_of_the_picture_ends_at_its_border(detector: BlazePose) -> None:
    image = picture("astronaut.png")[:300, 60:]
    (box,) = detector.detect(Frame(np.ascontiguousarray(image)))
    assert box.x0 == -0.5 and box.y1 > 298
    assert overlap(box, Box(-0.5, 15, 330, 299.5)) > 0.8


def test_a_small_person_in_a_large_picture_is_found(detector: BlazePose) -> None:
    small = cv2.resize(picture("astronaut.png"), (170, 170), interpolation=cv2.INTER_AREA)
    scene = np.full((480, 640, 3), 120, np.uint8)
    scene[280:450, 60:230] = small
    (box,) = detector.detect(Frame(scene))
    scale = 170 / 512
    truth = Box(60 + 18 * scale, 280 + 15 * scale, 60 + 390 * scale, 450)
    assert overlap(box, truth) > 0.6


def test_nobody_is_found_in_noise_or_nothing(detector: BlazePose) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    for image in (np.zeros((240, 320, 3), np.uint8), noise, np.full((1, 1, 3), 9, np.uint8)):
        assert detector.detect(Frame(image)) == []
    assert detector.confirm(Frame(noise), [Box(20, 20, 100, 110)]) == [None]
    assert detector.confirm(Frame(noise), []) == []


def test_the_same_picture_gives_the_same_boxes(detector: BlazePose) -> None:
    frame = Frame(picture("astronaut.png"))
    assert detector.detect(frame) == detector.detect(frame)


def test_missing_networks_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PearError, match=r"pose_detection\.onnx: cannot read the network"):
        BlazePose(tmp_path)


def test_it_is_a_detector_that_can_confirm(detector: BlazePose) -> None:
    assert isinstance(detector, Detector) and isinstance(detector, Confirming)


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(1, 2000))
def test_windows_cover_the_picture_and_overlap(width: int, height: int) -> None:
    squares = windows(width, height, (1.0, 0.62))
    longer = max(width, height)
    assert squares[0] == ((width - longer) // 2, (height - longer) // 2, longer)
    parts = squares[1:]
    assert parts
    for length, axis in ((width, 0), (height, 1)):
        starts = sorted({s[axis] for s in parts})
        side = parts[0][2]
        assert starts[0] <= 0 and starts[-1] + side >= length
        assert all(b - a <= 0.65 * side + 1 for a, b in pairwise(starts))


def test_letter_box_of_the_whole_picture_by_hand() -> None:
    image = np.full((100, 200, 3), 200, np.uint8)
    image[:50, :100] = 40
    (square,) = windows(200, 100, (1.0,))
    assert square == (0, -50, 200)
    boxed = letter_box(image, *square, 224)
    assert (boxed[:56] == 0).all() and (boxed[168:] == 0).all()
    assert (boxed[57:111, :111] == 40).all() and (boxed[113:167] == 200).all()


@settings(deadline=None, max_examples=50)
@given(
    st.floats(-50, 300), st.floats(-50, 300), st.floats(0, 6.28), st.floats(20, 900),
    st.floats(-100, 400), st.floats(-100, 400),
)  # fmt: skip
def test_upright_map_by_angles(
    cx: float, cy: float, angle: float, side: float, x: float, y: float
) -> None:
    """Rotate by the angle between `up` and the picture's up, scale, centre: the same as the map."""
    up = np.array([np.sin(angle), -np.cos(angle)])
    found = upright(np.array([cx, cy]), 3.0 * up, side) @ np.array([x, y, 1.0])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    expected = turn @ np.array([x - cx, y - cy]) * 256 / side + 128
    np.testing.assert_allclose(found, expected, atol=1e-6 * (1 + 256 / side * 1000))


@pytest.mark.parametrize("zoom", [1, 2, 5])
def test_portrait_puts_pixels_where_the_map_says(zoom: int) -> None:
    """A bright disc in pictures of several sizes lands on the place that `upright` computes."""
    image = np.zeros((300 * zoom, 400 * zoom, 3), np.uint8)
    spot = np.array([250.0, 120.0]) * zoom
    cv2.circle(image, (int(spot[0]), int(spot[1])), 12 * zoom, (255, 255, 255), -1)
    matrix = upright(np.array([200.0, 150.0]) * zoom, np.array([0.6, -0.8]), 260.0 * zoom)
    seen = portrait(image, matrix)[:, :, 0].astype(float)
    y, x = np.mgrid[:256, :256] + 0.5
    centre = np.array([(x * seen).sum(), (y * seen).sum()]) / seen.sum()
    np.testing.assert_allclose(centre, matrix @ np.array([*spot, 1.0]), atol=0.3)


def test_extent_of_a_hand_made_mask() -> None:
    mask = np.zeros((256, 256), bool)
    mask[40:200, 100:140] = True
    mask[100:120, 60:101] = True
    everywhere = np.array([[0.0, 0.0], [256.0, 256.0]] + [[128.0, 128.0]] * 31)
    straight = upright(np.array([300.0, 200.0]), np.array([0.0, -1.0]), 512.0)
    # Two picture pixels per mask pixel, the square starts at (44, -56).
    assert extent(mask, everywhere, straight) == pytest.approx([164, 24, 324, 344])
    lying = upright(np.array([300.0, 200.0]), np.array([1.0, 0.0]), 512.0)
    # The head points right: mask rows run from x = 556 leftwards, mask columns from y = -56 down.
    assert extent(mask, everywhere, lying) == pytest.approx([156, 64, 476, 224])
    # Landmarks keep the box from running into a neighbour.
    near = np.full((33, 2), 120.0)
    near[31:] = [[110.0, 60.0], [130.0, 180.0]]
    x0, _, x1, _ = extent(mask, near, straight)
    assert x0 == pytest.approx(44 + 2 * (110 - 0.12 * 120)) and x1 == pytest.approx(44 + 2 * 140)
    assert extent(np.zeros((256, 256), bool), near, straight).tolist() == [0, 0, 0, 0]


def test_doubles_and_parts_of_people_are_dropped() -> None:
    person, double = Box(0, 0, 100, 200, 0.9), Box(5, 5, 105, 200, 0.8)
    arm, neighbour = Box(10, 50, 40, 90, 0.95), Box(60, 0, 160, 200, 0.6)
    kept = blazepose._distinct([arm, neighbour, double, person], 0.6, 0.9, 0.2)
    # The arm scores a little higher than the person it belongs to, and goes all the same.
    assert kept == [person, neighbour]


def test_somebody_before_a_larger_person_stays() -> None:
    child, adult = Box(20, 90, 60, 200, 0.9), Box(0, 0, 100, 200, 0.6)
    assert blazepose._distinct([adult, child], 0.6, 0.9, 0.2) == [child, adult]
    assert blazepose._distinct([], 0.6, 0.9, 0.2) == []
