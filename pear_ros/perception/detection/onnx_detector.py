"""A user's own person detector as an ONNX file, of the kinds that `onnx_layouts` knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pear_ros.perception import boxes
from pear_ros.perception.detection import onnx_layouts
from pear_ros.perception.detection.detect import Policy
from pear_ros.perception.detection.networks import Port, open_network
from pear_ros.problems import PearError
from pear_ros.types import Box, Frame

SIZE = 640
"""Height and width for a network that takes any."""


@dataclass(frozen=True)
class OnnxDetectorOptions:
    """person: its class (0 in COCO order). least: score. overlap: IoU at which one is dropped."""

    person: int = 0
    least: float = 0.4
    overlap: float = 0.6


class OnnxDetector:
    """Detector (see `detect.Detector`) that runs somebody's ONNX file."""

    policy = Policy()

    def __init__(
        self,
        path: str | Path,
        options: OnnxDetectorOptions | None = None,
        threads: int | None = None,
    ) -> None:
        """Opens the file and looks at it once.

        Raises PearError if it cannot be loaded, does not take pictures or is none of the known
        kinds.
        """
        self.path, self.options = str(path), options or OnnxDetectorOptions()
        self._network = open_network(path, threads)
        self._picture, self._sizes = self._ports()
        shape = self._picture.shape
        self.height, self.width = (int(n) if n is not None else SIZE for n in shape[2:])
        grey = np.full((self.height, self.width, 3), 114, np.uint8)
        outputs = self._run(grey, unit=True)
        layout = onnx_layouts.recognise(outputs, self.height, self.width)
        if layout is None:
            found = ", ".join(f"{name} {array.shape}" for name, array in outputs.items())
            raise PearError(
                "not a detector this can read", where=self.path,
                expected="outputs of YOLOX, YOLOv5, YOLOv8, RT-DETR or alike", found=found,
            )  # fmt: skip
        self.layout = layout
        try:
            self._decode(outputs)
        except IndexError as error:
            expected = f"a class {self.options.person}"
            raise PearError(
                "the detector has too few classes", where=self.path, expected=expected
            ) from error

    def detect(self, frame: Frame) -> list[Box]:
        """People of the picture, best score first, clipped to it."""
        height, width = frame.image.shape[:2]
        canvas, scale, shift = self._fit(frame.image)
        rows, scores = self._decode(self._run(canvas, self.layout.unit))
        found = np.flatnonzero((scores >= self.options.least) & np.isfinite(rows).all(axis=1))
        rows, scores = (rows[found] - shift) / scale - 0.5, scores[found]
        kept = boxes.suppress(rows, scores, self.options.overlap)
        people: list[Box] = []
        for i in kept.tolist():
            x0, y0, x1, y1 = rows[i].tolist()
            box = Box(x0, y0, x1, y1, min(float(scores[i]), 1.0))
            people.append(boxes.clip(box, width, height))
        return [box for box in people if box.x1 > box.x0 and box.y1 > box.y0]

    def _ports(self) -> tuple[Port, Port | None]:
        """The input for the picture and the one for its size, if any."""
        ports = self._network.inputs
        pictures = [p for p in ports if len(p.shape) == 4 and p.shape[1] in (3, None)]
        others = [p for p in ports if p not in pictures]
        sized = all(
            p.kind in ("int64", "int32") and p.shape[-1:] in ((2,), (None,)) for p in others
        )
        if len(pictures) != 1 or len(others) > 1 or not sized or pictures[0].kind != "float32":
            raise PearError(
                "not a detector this can feed", where=self.path,
                expected="a float32 picture (1, 3, height, width)",
                found=", ".join(f"{p.name} {p.kind} {p.shape}" for p in ports),
            )  # fmt: skip
        return pictures[0], others[0] if others else None

    def _fit(
        self, image: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.float64]]:
        """The network's canvas, and the scale and shift (4,) that lead to it from the picture."""
        height, width = image.shape[:2]
        sx, sy = self.width / width, self.height / height
        if not self.layout.stretched:
            sx = sy = min(sx, sy)
        size = max(round(width * sx), 1), max(round(height * sy), 1)
        method = cv2.INTER_AREA if sx < 1 else cv2.INTER_LINEAR
        small = cv2.resize(image, size, interpolation=method)
        canvas = np.full((self.height, self.width, 3), self.layout.pad, np.uint8)
        left = 0 if self.layout.corner else (self.width - size[0]) // 2
        top = 0 if self.layout.corner else (self.height - size[1]) // 2
        canvas[top : top + size[1], left : left + size[0]] = (
            small[..., ::-1] if self.layout.bgr else small
        )
        scale = np.array([size[0] / width, size[1] / height] * 2)
        return canvas, scale, np.array([left, top] * 2, dtype=np.float64)

    def _run(self, canvas: NDArray[np.uint8], unit: bool) -> dict[str, NDArray[np.float32]]:
        picture = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype=np.float32)
        inputs: dict[str, NDArray[np.generic]] = {
            self._picture.name: picture / 255.0 if unit else picture
        }
        if self._sizes is not None:
            # Asked for the canvas's own size, the network answers in pixels of the canvas.
            inputs[self._sizes.name] = np.array([[self.width, self.height]], dtype=self._sizes.kind)
        return self._network.run(**inputs)

    def _decode(
        self, outputs: dict[str, NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return onnx_layouts.decode(
            self.layout, outputs, self.height, self.width, self.options.person
        )
