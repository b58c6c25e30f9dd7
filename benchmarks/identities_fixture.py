"""Records what model and detector say about rendered crossings, for tests that render nothing.

python benchmarks/identities_fixture.py tests/ros/perception/tracking/data/identities.npz

Of the first 3.7 s of one scene per kind (`identities.py`): the body regressed in the square around
each person's whole silhouette, hidden or not, and the boxes that the detector finds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from identities import BODY, frames, recorded

from pear_ros.assets import model_dir
from pear_ros.engine.open import open_engine
from pear_ros.perception import crop
from pear_ros.perception.detection.choose import open_detector
from pear_ros.perception.tracking import appearance
from pear_ros.types import Box

SCENES = ("crossing", "occlusion", "same_clothes", "turning_back", "panning")
MOST_BOXES = 4
UNITS: dict[str, tuple[float, Any]] = {
    "truth": (0.25, np.int16), "keypoints": (0.25, np.int16), "extent": (0.25, np.int16),
    "pose": (0.01, np.int8), "betas": (1 / 32, np.int8), "colour": (1 / 255, np.uint8),
    "visible": (1 / 255, np.uint8),
}  # fmt: skip
"""What the integers of the file are multiples of."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/sequences"))
    parser.add_argument("--body", type=Path, default=Path("models/free_body"))
    parser.add_argument("--model", default="pear_vit_ti")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=int, nargs=2, default=[0, 112])
    args = parser.parse_args()
    engine = open_engine(model_dir(args.model), threads=1)
    detector = open_detector("builtin", 1)
    arrays: dict[str, np.ndarray] = {}
    for name in SCENES:
        scene = recorded(name, args.seed, args.cache, args.body)
        rows: dict[str, list[np.ndarray]] = {}
        for t, frame in enumerate(frames(scene)):
            if not args.frames[0] <= t < args.frames[1]:
                continue
            squares = [crop.square_crop(Box(*b.tolist()), 640, 480) for b in scene.boxes[t]]
            out = engine.regress(frame.image, squares)
            pixels = crop.to_pixels(out.keypoints, squares)
            found = detector.detect(frame)[:MOST_BOXES]
            boxes = np.full((MOST_BOXES, 5), np.nan)
            for row, b in zip(boxes, found, strict=False):
                row[:] = (b.x0, b.y0, b.x1, b.y1, b.score)
            body = pixels[:, BODY]
            values = {
                "stamp": np.int64(frame.stamp),
                "truth": scene.keypoints[t][:, BODY],
                "visible": scene.visible[t],
                "square": crop.crop_rows(squares),
                "keypoints": body,
                "extent": np.stack([pixels.min(axis=1), pixels.max(axis=1)], axis=1),
                "pose": out.joints[:, BODY] - out.joints[:, :1],
                "camera": out.camera,
                "betas": out.parameters.betas[:, :10],
                "colour": appearance.describe(frame.image, pixels),
                "detections": boxes,
            }
            for key, value in values.items():
                rows.setdefault(key, []).append(np.asarray(value))
        for key, listed in rows.items():
            stacked = np.stack(listed)
            if key in UNITS:
                unit, kind = UNITS[key]
                limits = np.iinfo(kind)
                stacked = np.clip(np.rint(stacked / unit), limits.min, limits.max).astype(kind)
            elif key != "stamp":
                stacked = stacked.astype(np.float32)
            arrays[f"{name}.{key}"] = stacked
        print(name, len(listed), flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    half = args.out.with_suffix(".part.npz")
    np.savez_compressed(half, **arrays)
    half.rename(args.out)
    print(args.out, args.out.stat().st_size)


if __name__ == "__main__":
    main()
