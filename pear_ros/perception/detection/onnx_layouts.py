"""What common detectors' ONNX outputs mean: which kind it is, and its people in input pixels.

Kinds are told apart by the shapes of the outputs, since their names vary between exporters:

* end to end (YOLOv10 and later): (1, N, 6) with x0, y0, x1, y1, score, class
* RT-DETR, D-FINE: boxes (1, N, 4) in [0, 1] and logits (1, N, C), or side by side (1, 300, 4 + C)
* RT-DETR with its post-processing: labels (1, N), boxes (1, N, 4), scores (1, N)
* YOLOX: (1, cells, 5 + C) with an objectness, either offsets in grid cells or decoded
* YOLOv5: (1, 3 * cells, 5 + C), decoded
* YOLOv8, v9, v11: (1, 4 + C, cells), decoded, no objectness
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """One kind of detector.

    kind: name of it. corner: the picture is letter-boxed into the top left corner, else centred;
    stretched: it is stretched over the input instead. bgr, unit: colour order, and whether values
    reach to 1 or to 255. pad: grey level beyond the picture, 0..255.
    """

    kind: str
    corner: bool = False
    stretched: bool = False
    bgr: bool = False
    unit: bool = True
    pad: int = 114


END_TO_END = Layout("end to end")
DETR = Layout("detr", stretched=True)
DETR_JOINED = Layout("detr joined", stretched=True)
DETR_FINISHED = Layout("detr finished", stretched=True)
YOLOX = Layout("yolox", corner=True, bgr=True, unit=False)
YOLOV5 = Layout("yolov5")
YOLOV8 = Layout("yolov8")


def recognise(outputs: Mapping[str, NDArray[Any]], height: int, width: int) -> Layout | None:
    """The layout of the outputs for an input of height x width, None if it is none of these."""
    shapes = [array.shape for array in outputs.values()]
    cells = sum((height // s) * (width // s) for s in (8, 16, 32))
    if len(shapes) == 3 and _finished(outputs) is not None:
        return DETR_FINISHED
    if len(shapes) == 2 and _detr(outputs) is not None:
        return DETR
    if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 1:
        return None
    _, rows, columns = shapes[0]
    if columns == cells and rows >= 5:
        return YOLOV8
    if rows == cells and columns >= 6:
        return YOLOX
    if rows == 3 * cells and columns >= 6:
        return YOLOV5
    if columns == 6 and rows <= 1000:
        return END_TO_END
    if rows == 300 and columns > 6:
        return DETR_JOINED
    return None


def decode(
    layout: Layout, outputs: Mapping[str, NDArray[Any]], height: int, width: int, person: int
) -> tuple[_Array, _Array]:
    """Boxes (N, 4) in pixels of the input and their scores (N,) for the class `person`.

    Raises IndexError if the network has no such class.
    """
    size = np.array([width, height, width, height], dtype=np.float64)
    if layout is DETR_FINISHED:
        found = _finished(outputs)
        assert found is not None
        labels, rows, scores = found
        return rows, np.where(labels == person, scores, 0.0)
    if layout is DETR:
        pair = _detr(outputs)
        assert pair is not None
        return _corners(pair[0]) * size, _sigmoid(pair[1][:, person])
    table = np.asarray(next(iter(outputs.values()))[0], dtype=np.float64)
    if layout is YOLOV8:
        table = table.T
        return _corners(table[:, :4]), table[:, 4:][:, person]
    if layout is DETR_JOINED:
        return _corners(table[:, :4]) * size, table[:, 4:][:, person]
    if layout is END_TO_END:
        return table[:, :4], np.where(np.rint(table[:, 5]) == person, table[:, 4], 0.0)
    scores = table[:, 4] * table[:, 5:][:, person]
    if layout is YOLOX:
        return _corners(_on_grid(table[:, :4], height, width)), scores
    return _corners(table[:, :4]), scores


def _on_grid(rows: _Array, height: int, width: int) -> _Array:
    """YOLOX's offsets in cells and log sizes -> centres and sizes in pixels, unless they are."""
    if np.median(np.abs(rows[:, :2])) > 8.0:
        return rows
    grids: list[_Array] = []
    strides: list[_Array] = []
    for stride in (8, 16, 32):
        y, x = np.meshgrid(np.arange(height // stride), np.arange(width // stride), indexing="ij")
        grids.append(np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64))
        strides.append(np.full((x.size, 1), float(stride)))
    stride_column = np.concatenate(strides)
    centres = (rows[:, :2] + np.concatenate(grids)) * stride_column
    sides = np.exp(np.clip(rows[:, 2:], -20.0, 20.0)) * stride_column
    return np.concatenate([centres, sides], axis=1)


def _corners(rows: _Array) -> _Array:
    """Centre and size -> corners."""
    return np.concatenate(
        [rows[:, :2] - 0.5 * rows[:, 2:], rows[:, :2] + 0.5 * rows[:, 2:]], axis=1
    )


def _sigmoid(logits: _Array) -> _Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0))))


def _detr(outputs: Mapping[str, NDArray[Any]]) -> tuple[_Array, _Array] | None:
    """Boxes (N, 4) and logits (N, C) of a pair of outputs, whichever order they come in."""
    first, second = (np.asarray(a, dtype=np.float64) for a in outputs.values())
    if (
        first.ndim != 3
        or second.ndim != 3
        or first.shape[:2] != second.shape[:2]
        or first.shape[0] != 1
    ):
        return None
    if second.shape[2] == 4 and first.shape[2] != 4:
        first, second = second, first
    # 91 or 92 classes: DETR and RF-DETR, which want other pictures and number people 1.
    fits = first.shape[2] == 4 and second.shape[2] not in (91, 92)
    return (first[0], second[0]) if fits else None


def _finished(outputs: Mapping[str, NDArray[Any]]) -> tuple[_Array, _Array, _Array] | None:
    """Labels (N,), boxes (N, 4) and scores (N,) of three outputs named so."""
    if set(outputs) != {"labels", "boxes", "scores"}:
        return None
    labels, rows, scores = (
        np.asarray(outputs[n], dtype=np.float64) for n in ("labels", "boxes", "scores")
    )
    if (
        labels.ndim != 2
        or rows.shape != (*labels.shape, 4)
        or scores.shape != labels.shape
        or len(labels) != 1
    ):
        return None
    return labels[0], rows[0], scores[0]
