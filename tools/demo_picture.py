"""Draw docs/pictures/demo_photos.jpg: the demo's photographs, their meshes, and these from the side.

    .venv/bin/python tools/demo_picture.py [--model DIR]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.engine import open_engine
from pear_ros.output.mesh import frame_vertices
from pear_ros.output.overlay import panel
from pear_ros.perception.detection.choose import open_detector
from pear_ros.perception.pipeline import Pipeline
from pear_ros.perception.placing.metric import PlaceOptions
from pear_ros.types import Frame

ROOT = Path(__file__).parents[1]
PHOTOS = ("astronaut.png", "camera.png")
TARGET = ROOT / "docs" / "pictures" / "demo_photos.jpg"
ROW = 512
"""Pixels of a row's height."""


def row(pipeline: Pipeline, path: Path) -> NDArray[np.uint8]:
    """One photograph with its meshes (BGR), ROW pixels high."""
    image = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    scale = ROW / image.shape[0]
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    pipeline.reset()
    found = pipeline.process(Frame(np.asarray(image, np.uint8)))
    engine = pipeline.engine
    drawn = panel(np.asarray(image, np.uint8), found, frame_vertices(engine, found), engine.topology)
    return np.asarray(cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR), np.uint8)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "pear_vit_ti")
    options = parser.parse_args()
    engine = open_engine(options.model)
    pipeline = Pipeline(engine, open_detector("auto", 1), placing=PlaceOptions())
    rows = [row(pipeline, ROOT / "models" / "demo" / name) for name in PHOTOS]
    width = max(r.shape[1] for r in rows)
    rows = [np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows]
    cv2.imwrite(str(TARGET), np.concatenate(rows), [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(TARGET)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
