"""An engine as a plain function of crops, for the parity report in `pear_core.export.parity`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pear_core.layout import CROP_SIZE
from pear_ros.engine.base import Engine
from pear_ros.types import Crop, FloatArray


def probe(engine: Engine, squares: NDArray[np.uint8]) -> dict[str, FloatArray]:
    """rotations, joints, keypoints, camera and vertices of RGB squares (N, 256, 256, 3) uint8.

    The squares lie below each other in one image and are cut out of it again at full pixels, so the
    whole way of the engine runs, crops included, in one call.
    """
    count = len(squares)
    image = np.ascontiguousarray(squares.reshape(count * CROP_SIZE, CROP_SIZE, 3))
    half = CROP_SIZE / 2
    crops = [Crop(half, half + CROP_SIZE * i, CROP_SIZE) for i in range(count)]
    output = engine.regress(image, crops)
    return {
        "rotations": output.parameters.rotations,
        "joints": output.joints,
        "keypoints": output.keypoints,
        "camera": output.camera,
        "vertices": engine.mesh(output.parameters),
    }
