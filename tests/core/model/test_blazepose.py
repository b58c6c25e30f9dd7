"""The encoder in torch against ONNX Runtime on the file its weights come from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from pear_core.model.blazepose import EncoderError, load_encoder

SHIPPED = Path(__file__).parents[3] / "models" / "detector" / "pose_landmark.onnx"


def test_maps_equal_those_of_the_original_network() -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(SHIPPED))
    known = {value.name: value for value in model.graph.value_info}
    # Stride 16 after the tenth bottleneck, the 8 x 8 map, and what the landmarks are read from.
    names = ["add_271", "clip_406", "clip_617"]
    del model.graph.output[:]
    model.graph.output.extend(known[name] for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    photo = cv2.imread(str(SHIPPED.parents[1] / "demo" / "astronaut.png"), cv2.IMREAD_COLOR_RGB)
    views = [
        cv2.resize(photo[:n, :n], (256, 256), interpolation=cv2.INTER_AREA) for n in (512, 400)
    ]
    image = np.stack(views).astype(np.float32) / 255
    expected = session.run(names, {"image": image})

    encoder = load_encoder(SHIPPED)
    with torch.inference_mode():
        found = encoder(torch.from_numpy(image).permute(0, 3, 1, 2))
    for one, other in zip(expected, found, strict=True):
        scale = np.abs(one).max()
        np.testing.assert_allclose(other.numpy(), one.reshape(other.shape), atol=3e-5 * scale)


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "a.onnx"
    text.write_text("no network")
    with pytest.raises(EncoderError, match=r"a\.onnx"):
        load_encoder(text)
    with pytest.raises(EncoderError, match="convolution"):
        load_encoder(SHIPPED.with_name("pose_detection.onnx"))
