"""One person fills the picture: no detector, the whole picture is the crop."""

from __future__ import annotations

from pear_ros.perception.detection.detect import Policy
from pear_ros.types import Box, Frame


class WholeImage:
    """Detector that returns the picture itself as the only box.

    With crop scale 1 the crop is the picture letter-boxed into a square (aspect kept, centred,
    black margins), as in PEAR's single-person script (facts section 2).
    """

    policy = Policy(search=0.0, binding=True, crop_scale=1.0)

    def detect(self, frame: Frame) -> list[Box]:
        height, width = frame.image.shape[:2]
        return [Box(-0.5, -0.5, width - 0.5, height - 0.5)]
