"""How well and how fast person detectors find people in real pictures.

python benchmarks/detectors.py PICTURES mediapipe-0.10.21-*.whl

PICTURES is a folder with the pictures that `detectors_people.json` names (repository, then path;
none is shipped here), the wheel (`pip download --no-deps mediapipe==0.10.21`) holds the face
detector of one candidate. Boxes were drawn by eye; nobody counts inside an `ignore` box (crowds,
cut-off limbs). Writes `benchmarks/results/detectors.json`, the source of the table in
docs/detectors.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pear_ros.output.machine import machine, versions  # noqa: E402
from pear_ros.perception import boxes  # noqa: E402
from pear_ros.perception.detection.blazepose import (  # noqa: E402
    THOROUGH,
    BlazePose,
    BlazePoseOptions,
    letter_box,
    windows,
)
from pear_ros.types import Box, Frame  # noqa: E402

HERE = ROOT / "benchmarks"
FACE = "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite"
THREADS = 2
TIMED = "open-mmlab/mmpose/tests/data/coco/000000000785.jpg"
"""One person on snow, 640 pixels wide."""
Finder = Callable[[Frame], list[Box]]
Rows = NDArray[np.float64]


def hog() -> Finder:
    """OpenCV's histogram-of-gradients pedestrian detector on pictures of at most 640 pixels."""
    detector = cv2.HOGDescriptor()
    detector.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())

    def find(frame: Frame) -> list[Box]:
        height, width = frame.image.shape[:2]
        scale = min(640 / max(height, width), 1.0)
        size = max(round(width * scale), 64), max(round(height * scale), 128)
        small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        found, weights = detector.detectMultiScale(small, winStride=(8, 8), padding=(8, 8))
        rows = np.array(found, float).reshape(-1, 4)
        rows[:, 2:] += rows[:, :2]
        # Its window has a margin around the person.
        margin = 0.12 * (rows[:, 2:] - rows[:, :2])
        rows = np.concatenate([rows[:, :2] + margin, rows[:, 2:] - margin], axis=1)
        rows *= np.array([width / size[0], height / size[1]] * 2)
        scores = 1.0 / (1.0 + np.exp(-np.array(weights, float).ravel()))
        return _kept(rows, scores, 0.6, width, height)

    return find


def faces(wheel: Path) -> Finder:
    """MediaPipe's full-range face detector; the body is taken to hang below the face, upright."""
    core = openvino.Core()
    with zipfile.ZipFile(wheel) as archive:
        path = HERE / "face.tflite"
        path.write_bytes(archive.read(FACE))
    try:
        model = core.read_model(path)
    finally:
        path.unlink()
    config = {"INFERENCE_NUM_THREADS": str(THREADS), "INFERENCE_PRECISION_HINT": "f32"}
    network = core.compile_model(model, "CPU", config)
    y, x = np.mgrid[:48, :48] + 0.5
    centres = np.stack([x.ravel(), y.ravel()], axis=1) / 48

    def find(frame: Frame) -> list[Box]:
        height, width = frame.image.shape[:2]
        (square,) = windows(width, height, (1.0,))
        picture = letter_box(frame.image, *square, 192)
        raw, logits = network(picture[None].astype(np.float32) / 127.5 - 1.0).values()
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        middle = square[:2] + square[2] * (raw[0, :, :2] / 192 + centres)
        size = square[2] * raw[0, :, 2:4] / 192
        offsets = np.array([-1.9, -0.9, 1.9, 6.5])
        rows = np.tile(middle, 2) + offsets * np.tile(size, 2)
        return _kept(rows, scores, 0.5, width, height)

    return find


def circles(detector: BlazePose) -> Finder:
    """BlazePose's first network alone: the upright box in the circle around the hips."""

    def find(frame: Frame) -> list[Box]:
        height, width = frame.image.shape[:2]
        found = detector._propose(frame.image)
        up = (found.top - found.hips) / np.maximum(found.radius, 1e-6)[:, None]
        half = (np.abs(up) + 0.4 * np.abs(up[:, ::-1])) * found.radius[:, None]
        rows = np.concatenate([found.hips - half, found.hips + half], axis=1)
        return _kept(rows, found.scores, 0.5, width, height)

    return find


def _kept(rows: Rows, scores: Rows, least: float, width: int, height: int) -> list[Box]:
    good = np.flatnonzero(scores >= least)
    rows, scores = rows[good], scores[good]
    people: list[Box] = []
    for i in boxes.suppress(rows, scores, 0.5).tolist():
        x0, y0, x1, y1 = rows[i].tolist()
        people.append(boxes.clip(Box(x0, y0, x1, y1, float(scores[i])), width, height))
    return [box for box in people if box.x1 > box.x0 and box.y1 > box.y0]


def squares(rows: Rows) -> Rows:
    """The square around each box: what PEAR's crop is made of."""
    middle = 0.5 * (rows[:, :2] + rows[:, 2:])
    half = 0.5 * (rows[:, 2:] - rows[:, :2]).max(axis=1, keepdims=True, initial=0.0)
    return np.concatenate([middle - half, middle + half], axis=1)


@dataclasses.dataclass
class Tally:
    """What one detector found in one set of pictures."""

    pictures: int = 0
    people: int = 0
    found: int = 0
    alone: int = 0
    alone_found: int = 0
    small: int = 0
    small_found: int = 0
    false: int = 0
    overlaps: list[float] = dataclasses.field(default_factory=list)
    square_overlaps: list[float] = dataclasses.field(default_factory=list)

    def add(self, found: list[Box], truth: dict[str, Any], longer: int) -> None:
        """A person is found by a box that overlaps theirs by half; each box finds one."""
        people = np.array(truth["people"], float).reshape(-1, 4)
        ignored = np.array(truth.get("ignore", []), float).reshape(-1, 4)
        rows = boxes.as_rows(found)
        overlaps = boxes.iou(rows, people)
        in_squares = boxes.iou(squares(rows), squares(people))
        open_people = set(range(len(people)))
        for i in range(len(rows)):
            best = max(open_people, key=lambda j: overlaps[i, j], default=None)
            if best is not None and overlaps[i, best] >= 0.5:
                open_people.remove(best)
                self.overlaps.append(float(overlaps[i, best]))
                self.square_overlaps.append(float(in_squares[i, best]))
            elif not (
                boxes.intersection(rows[i : i + 1], ignored) > 0.5 * boxes.area(rows[i])
            ).any():
                self.false += 1
        small = [
            j for j in range(len(people)) if (people[j, 2:] - people[j, :2]).max() < longer / 3
        ]
        self.pictures += 1
        self.people += len(people)
        self.found += len(people) - len(open_people)
        if len(people) == 1:
            self.alone += 1
            self.alone_found += 1 - len(open_people)
        self.small += len(small)
        self.small_found += sum(j not in open_people for j in small)

    def result(self) -> dict[str, Any]:
        counts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in ("overlaps", "square_overlaps"):
            values = counts.pop(name)
            counts[f"mean_{name[:-1]}"] = round(statistics.fmean(values), 3) if values else None
        return counts


def milliseconds(find: Callable[[], object], repeats: int = 15) -> dict[str, float]:
    """Median and fastest tenth by the clock, and the processor time of all threads together."""
    for _ in range(3):
        find()
    walls: list[float] = []
    works: list[float] = []
    for _ in range(repeats):
        wall, work = time.perf_counter(), time.process_time()
        find()
        walls.append((time.perf_counter() - wall) * 1e3)
        works.append((time.process_time() - work) * 1e3)
    return {
        "median": round(statistics.median(walls), 1),
        "p10": round(float(np.percentile(walls, 10)), 1),
        "processor": round(statistics.median(works), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "detectors.json")
    parser.add_argument("--times", action="store_true", help="only measure the times of OUT again")
    options = parser.parse_args()
    truth = json.loads((HERE / "detectors_people.json").read_text())
    images = {
        name: cv2.cvtColor(cv2.imread(str(options.pictures / name)), cv2.COLOR_BGR2RGB)
        for name in truth
    }
    whole = BlazePose(options=BlazePoseOptions(windows=(1.0,)), threads=THREADS)
    builtin = BlazePose(threads=THREADS)
    finders: dict[str, Finder] = {
        "OpenCV HOG": hog(),
        "MediaPipe face, body below it": faces(options.wheel),
        "BlazePose circle, whole picture": circles(whole),
        "BlazePose circle, windows": circles(builtin),
        "BlazePose examined, whole picture": whole.detect,
        "BlazePose examined, windows, in float32": BlazePose(
            threads=THREADS, precision="f32"
        ).detect,
        "BlazePose examined, windows (builtin)": builtin.detect,
        "BlazePose examined, more windows (thorough)": BlazePose(
            options=THOROUGH, threads=THREADS
        ).detect,
    }
    one = cv2.resize(images[TIMED], (640, 480))
    results: dict[str, Any] = {label: {} for label in finders}
    if options.times:
        results = json.loads(options.out.read_text())["detectors"]
    for label, find in finders.items():
        tallies: dict[str, Tally] = {}
        for name, entry in truth.items() if not options.times else ():
            found = sorted(find(Frame(images[name])), key=lambda box: -box.score)
            tallies.setdefault(entry["set"], Tally()).add(found, entry, max(images[name].shape[:2]))
        time_ms = milliseconds(lambda find=find: find(Frame(one)))
        results[label] |= {"ms_640x480": time_ms} | {k: t.result() for k, t in tallies.items()}
        print(label, json.dumps(results[label]), flush=True)
    people = builtin.detect(Frame(one))[:1]
    confirm = milliseconds(lambda: builtin.confirm(Frame(one), people))
    report = {
        "command": "python benchmarks/detectors.py PICTURES WHEEL",
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
        "threads": THREADS,
        "versions": versions(),
        "detectors": results,
        "confirm_one_person_ms": confirm,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
