"""The whole picture as a person."""

from __future__ import annotations

import numpy as np

from pear_ros.perception.crop import square_crop
from pear_ros.perception.detection.detect import Detector, Policy, policy_of
from pear_ros.perception.detection.whole_image import WholeImage
from pear_ros.types import Box, Crop, Frame


def test_crop_is_the_letter_boxed_picture() -> None:
    """PEAR's single-person script: the longer side fills the square, the picture is centred in
    it.
    """
    detector = WholeImage()
    (box,) = detector.detect(Frame(np.zeros((200, 300, 3), np.uint8)))
    assert box == Box(-0.5, -0.5, 299.5, 199.5)
    scale = policy_of(detector).crop_scale
    assert square_crop(box, 300, 200, scale) == Crop(149.5, 99.5, 300.0)


def test_it_is_a_detector_whose_boxes_bind() -> None:
    assert isinstance(WholeImage(), Detector)
    assert policy_of(WholeImage()) == Policy(search=0.0, binding=True, crop_scale=1.0)
