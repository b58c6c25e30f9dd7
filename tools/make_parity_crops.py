"""Packs rendered crops for the parity report: tools/make_parity_crops.py SHARDS [COUNT]

Writes models/parity_crops/crops.npz: JPEG files below each other with their ends, no pickle. The
shards must not be part of a training (the shipped file: seed 9001, the first 256 records).
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from pear_core.data.shards import Shards
from pear_core.export.crops import pack_crops
from pear_core.layout import CROP_SIZE, STRIP_MARGIN, STRIP_WIDTH

QUALITY = 90


def main() -> int:
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 256
    shards = Shards(Path(sys.argv[1]))
    files = []
    for image in shards.batch(range(count))["image"]:
        square = np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8)
        square[:, STRIP_MARGIN : STRIP_MARGIN + STRIP_WIDTH] = image
        done, data = cv2.imencode(".jpg", square[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        assert done
        files.append(data.tobytes())
    out = Path(__file__).parents[1] / "models" / "parity_crops" / "crops.npz"
    out.parent.mkdir(exist_ok=True)
    out.write_bytes(pack_crops(files))
    print(f"{count} crops, {out.stat().st_size / 1e6:.2f} MB -> {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
