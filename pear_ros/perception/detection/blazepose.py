"""The built-in person detector: BlazePose's two networks (MediaPipe, Apache-2.0), offline, on any
CPU.

The first network looks at the whole picture and at overlapping windows of it and proposes people as
circles around their hips. The second one looks at each proposal upright and says whether a person
is there and which pixels are the person; their extent is the box. How it was chosen and how good it
is: docs/detectors.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.assets import find
from pear_ros.perception import boxes
from pear_ros.perception.detection import ssd
from pear_ros.perception.detection.detect import Policy
from pear_ros.perception.detection.networks import open_network
from pear_ros.types import Box, Frame

FOLDER = "detector"
PORTRAIT = 256
"""Side in pixels of what the second network looks at."""

_Array = NDArray[np.float64]
_Image = NDArray[np.uint8]


@dataclass(frozen=True)
class BlazePoseOptions:
    """Thresholds, chosen on the pictures of docs/detectors.md.

    windows: sizes to look at, see `windows`; fewer are faster and miss small people, people of a
    group and close portraits. accept: least product of proposal score and presence. apart: see
    `ssd.merge`. overlap, inside, better: when a box is a double or a part of another person. most:
    people looked at per picture. present, fits: what `confirm` asks for, presence and overlap with
    the box in question.
    """

    windows: tuple[float, ...] = (1.0, 1.4, 0.62)
    accept: float = 0.5
    apart: float = 0.35
    overlap: float = 0.6
    inside: float = 0.9
    better: float = 0.2
    most: int = 12
    present: float = 0.5
    fits: float = 0.4


THOROUGH = BlazePoseOptions(windows=(1.0, 1.4, 0.62, 0.4), most=30)
"""For pictures that may take their time: three times the cost, more of the small people."""


class BlazePose:
    """Detector (see `detect.Detector`) that can also confirm where people are believed to be."""

    policy = Policy(search=1.5, check=0.5)

    def __init__(
        self,
        folder: str | Path | None = None,
        options: BlazePoseOptions | None = None,
        threads: int | None = None,
        precision: str = "auto",
    ) -> None:
        """folder: of the two networks (default: the shipped ones). precision: see `open_network`.

        Raises PearError.
        """
        home = Path(folder) if folder is not None else find(FOLDER)
        self.options = options or BlazePoseOptions()
        self._proposer = open_network(home / "pose_detection.onnx", threads, precision)
        self._examiner = open_network(home / "pose_landmark.onnx", threads, precision)
        self._anchors = ssd.anchor_centres()

    def detect(self, frame: Frame) -> list[Box]:
        """People of the picture, best score first; boxes end at the picture's border."""
        proposals = self._propose(frame.image)
        up = proposals.top - proposals.hips
        found = self._examine(frame.image, proposals.hips, up, proposals.radius)
        scored = [
            Box(b.x0, b.y0, b.x1, b.y1, b.score * float(score))
            for b, score in zip(found, proposals.scores, strict=True)
        ]
        usable = [
            b for b in scored if b.score >= self.options.accept and b.x1 > b.x0 and b.y1 > b.y0
        ]
        return _distinct(usable, self.options.overlap, self.options.inside, self.options.better)

    def confirm(self, frame: Frame, believed: Sequence[Box]) -> list[Box | None]:
        """For each box the person found in it, or None; a fraction of the cost of `detect`."""
        rows = boxes.as_rows(believed)
        middle, sides = 0.5 * (rows[:, :2] + rows[:, 2:]), rows[:, 2:] - rows[:, :2]
        up = np.broadcast_to(np.array([0.0, -1.0]), middle.shape)
        found = self._examine(frame.image, middle, up, 0.6 * sides.max(axis=1))
        overlaps = boxes.iou(rows, boxes.as_rows(found)).diagonal() if len(rows) else np.zeros(0)
        options = self.options
        return [
            box if box.score >= options.present and overlap >= options.fits else None
            for box, overlap in zip(found, overlaps, strict=True)
        ]

    def _propose(self, image: _Image) -> ssd.Candidates:
        squares = windows(image.shape[1], image.shape[0], self.options.windows)
        pictures = np.stack([letter_box(image, *square, ssd.INPUT) for square in squares])
        raw = self._proposer.run(image=pictures.astype(np.float32) / 127.5 - 1.0)
        parts: list[ssd.Candidates] = []
        longer = max(image.shape[:2])
        for i, (left, top, side) in enumerate(squares):
            found = ssd.decode(
                raw["boxes"][i], raw["scores"][i], self.options.accept, self._anchors
            )
            if side < longer:
                # People whose hips lie beyond a window are seen whole in a neighbouring one.
                inside = np.abs(found.hips - 0.5).max(axis=1) < 0.55
                found = found.take(np.flatnonzero(inside))
            corner = np.array([left - 0.5, top - 0.5])
            points = (corner + side * p for p in (found.hips, found.top, found.shoulders))
            parts.append(ssd.Candidates(found.scores, *points))
        return ssd.merge(ssd.concatenate(parts), self.options.apart, self.options.most)

    def _examine(self, image: _Image, centres: _Array, up: _Array, radius: _Array) -> list[Box]:
        """The person in each circle: its box (empty if there is none) and its presence as score."""
        if not len(centres):
            return []
        height, width = image.shape[:2]
        maps = [upright(c, u, 2.5 * r) for c, u, r in zip(centres, up, radius, strict=True)]
        pictures = np.stack([portrait(image, matrix) for matrix in maps])
        raw = self._examiner.run(image=pictures.astype(np.float32) / 255.0)
        found: list[Box] = []
        for i, matrix in enumerate(maps):
            points = raw["landmarks"][i].reshape(-1, 5)[:33, :2].astype(np.float64)
            x0, y0, x1, y1 = extent(raw["mask"][i, :, :, 0] > 0.0, points, matrix).tolist()
            found.append(
                boxes.clip(Box(x0, y0, x1, y1, float(raw["presence"][i, 0])), width, height)
            )
        return found


def windows(width: int, height: int, shares: Sequence[float]) -> list[tuple[int, int, int]]:
    """Squares (left, top, side) in whole pixels to look at, one size for each share of the longer
    side.

    From 1 on it is the whole picture with a margin (somebody close is easier to see from afar),
    below that overlapping parts of the picture.
    """
    squares: list[tuple[int, int, int]] = []
    for share in shares:
        side = round(share * max(width, height))
        for top in _starts(height, side):
            squares += [(left, top, side) for left in _starts(width, side)]
    return squares


def _starts(length: int, side: int) -> list[int]:
    """Evenly spread starts of windows that overlap by a third; centred if one is enough."""
    if side >= length:
        return [(length - side) // 2]
    count = 1 + -(-(length - side) // max(int(0.65 * side), 1))
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def letter_box(image: _Image, left: int, top: int, side: int, size: int) -> _Image:
    """A square part of a picture (it may reach beyond it, black there) at size x size pixels."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    scale = size / side
    a, b = round((x0 - left) * scale), round((y0 - top) * scale)
    c, d = max(round((x1 - left) * scale), a + 1), max(round((y1 - top) * scale), b + 1)
    canvas = np.zeros((size, size, 3), np.uint8)
    # Averaging over areas costs ten times as much and only matters where pixels would be skipped.
    method = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    cv2.resize(image[y0:y1, x0:x1], (c - a, d - b), dst=canvas[b:d, a:c], interpolation=method)
    return canvas


def upright(centre: _Array, up: _Array, side: float) -> _Array:
    """Affine map (2, 3) from pixels to [0, PORTRAIT] of a square in which `up` points up."""
    y = -up / max(float(np.linalg.norm(up)), 1e-9)
    turn = np.array([[y[1], -y[0]], [y[0], y[1]]]) * (PORTRAIT / max(side, 1.0))
    shift = 0.5 * PORTRAIT - turn @ centre
    return np.concatenate([turn, shift[:, None]], axis=1)


def portrait(image: _Image, matrix: _Array) -> _Image:
    """The square of an `upright` map, black beyond the picture."""
    to_index = matrix.copy()
    to_index[:, 2] -= 0.5
    scale = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    shrink = int(0.75 / scale)
    if shrink >= 2:
        # Bilinear sampling alone would skip pixels of large pictures.
        small = (max(image.shape[1] // shrink, 1), max(image.shape[0] // shrink, 1))
        fx, fy = image.shape[1] / small[0], image.shape[0] / small[1]
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        to_index[:, 2] += to_index[:, :2] @ np.array([0.5 * fx - 0.5, 0.5 * fy - 0.5])
        to_index[:, :2] *= np.array([fx, fy])
    square = cv2.warpAffine(image, to_index, (PORTRAIT, PORTRAIT), flags=cv2.INTER_LINEAR)
    return np.asarray(square, dtype=np.uint8)


def extent(mask: NDArray[np.bool_], landmarks: _Array, matrix: _Array) -> _Array:
    """Box (4,) in the picture of a person's pixels in the upright square, kept near its landmarks
    (33, 2).

    The mask knows the silhouette but may reach into a neighbour; the landmarks belong to one
    person. An empty mask gives an empty box.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return np.zeros(4)
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    # Corners of the row ends: an affine map takes the extremes of a set to extremes of these.
    x = np.concatenate([first, first, last, last]).astype(np.float64)
    y = np.concatenate([rows, rows + 1, rows, rows + 1]).astype(np.float64)
    inverse = np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float64)
    silhouette = np.stack([x, y], axis=1) @ inverse[:, :2].T + inverse[:, 2]
    points = landmarks @ inverse[:, :2].T + inverse[:, 2]
    face, shoulders = points[:11].mean(axis=0), points[11:13].mean(axis=0)
    points = np.concatenate([points, (2.0 * face - shoulders)[None]])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.12 * (high - low).max()
    return np.concatenate(
        [
            np.maximum(silhouette.min(axis=0), low - margin),
            np.minimum(silhouette.max(axis=0), high + margin),
        ]
    )


def _distinct(found: list[Box], overlap: float, inside: float, better: float) -> list[Box]:
    """Best first, without doubles, and without parts of people that pass for people.

    Of two boxes that overlap by `overlap` (IoU) the better one stays. One that lies within a larger
    one by the share `inside` is taken for a part of that person, unless its score is higher by more
    than `better` (somebody in front).
    """
    ranked = sorted(found, key=lambda box: -box.score)
    rows = boxes.as_rows(ranked)
    scores, areas = np.array([box.score for box in ranked]), boxes.area(rows)
    double = boxes.iou(rows, rows) > overlap
    part = boxes.intersection(rows, rows) > inside * np.maximum(areas, 1e-9)[:, None]
    part &= (areas[:, None] < areas[None, :]) & (scores[:, None] <= scores[None, :] + better)
    alive = [i for i in range(len(ranked)) if not part[i].any()]
    kept: list[int] = []
    for i in alive:
        if not double[i, kept].any():
            kept.append(i)
    return [ranked[i] for i in kept]
