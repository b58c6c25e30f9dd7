"""The fused graph: the crop is the robot's, the sizes are free, and the rest is the three graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch

from pear_core.body.ehm import Ehm
from pear_core.export.fused import FUSED_INPUTS, GEOMETRY, Cut
from pear_core.export.naming import inside
from pear_core.export.parity import torch_outputs
from pear_core.export.precision import lower
from pear_core.model import checkpoint

SMOOTH = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
PICTURE = cv2.resize(SMOOTH, (300, 200), interpolation=cv2.INTER_CUBIC)


def cut(picture: np.ndarray, crops: list[tuple[float, float, float]]) -> np.ndarray:
    with torch.no_grad():
        return Cut()(torch.from_numpy(picture), torch.tensor(crops)).numpy()


def test_whole_pixels_are_copied() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (256, 700, 3), dtype=np.uint8)
    strips = cut(picture, [(128, 128, 256), (500, 128, 256)])
    for strip, left in zip(strips, (0, 372), strict=True):
        seen = picture[:, left + 32 : left + 224].transpose(2, 0, 1) / 255.0
        np.testing.assert_allclose(strip, seen, atol=5e-5)


@pytest.mark.parametrize("crop", [(150.0, 100.0, 120.5), (20.25, 180.0, 333.0), (290.0, 5.0, 40.0)])
def test_it_is_opencvs_warp(crop: tuple[float, float, float]) -> None:
    cx, cy, side = crop
    step = side / 256
    place = np.array([[step, 0, cx - side / 2 + 32 * step], [0, step, cy - side / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(PICTURE, place, (192, 256), flags=flags, borderValue=(0, 0, 0))
    found = 255 * cut(PICTURE, [crop])[0].transpose(1, 2, 0)
    # OpenCV rounds places to 1/32 pixel and colours to whole steps.
    assert np.abs(found - expected).mean() < 0.5 and np.abs(found - expected).max() < 12


def test_outside_is_black() -> None:
    strips = cut(np.full((50, 60, 3), 255, np.uint8), [(400, 25, 100), (30, 25, 20)])
    assert not strips[0].any() and np.allclose(strips[1], 1.0)


def test_interface(fused_graph: Path) -> None:
    graph = onnx.load(fused_graph).graph
    kinds = {
        v.name: (
            v.type.tensor_type.elem_type,
            [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim],
        )
        for v in (*graph.input, *graph.output)
    }
    assert kinds == {
        "image": (onnx.TensorProto.UINT8, FUSED_INPUTS["image"]),
        "crops": (onnx.TensorProto.FLOAT, FUSED_INPUTS["crops"]),
        "raw": (1, ["N", 935]), "rotations": (1, ["N", 52, 3, 3]), "joints": (1, ["N", 145, 3]),
        "keypoints": (1, ["N", 145, 2]), "camera": (1, ["N", 3]),
    }  # fmt: skip
    assert {n.op_type for n in graph.node} & {"If", "Loop", "Scan"} == set()
    # TensorRT does nothing with uint8 but cast it.
    users = {n.op_type for n in graph.node if "image" in n.input}
    assert users == {"Cast"}


def test_it_is_the_three_graphs(tiny_model: Any, fused_graph: Path, squares: np.ndarray) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    regressor, _ = checkpoint.load(tiny_model.bundle / "model.safetensors")
    expected = torch_outputs(regressor, Ehm.from_folder(tiny_model.body), squares)
    session = onnxruntime.InferenceSession(str(fused_graph), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    for count in (1, 3, 5):
        wide = np.concatenate(list(squares[:count]), axis=1)
        crops = np.float32([[128 + 256 * i, 128, 256] for i in range(count)])
        found = dict(zip(names, session.run(names, {"image": wide, "crops": crops}), strict=True))
        assert found["raw"].shape == (count, 935)
        for name in ("rotations", "joints", "keypoints", "camera"):
            np.testing.assert_allclose(found[name], expected[name][:count], atol=2e-4, err_msg=name)


def test_only_the_network_is_lowered(fused_graph: Path) -> None:
    import onnx_ir as ir

    from pear_core.export.onnx_export import unpack

    model = ir.load(fused_graph)
    unpack(model)
    lower(model, "f16", GEOMETRY)
    low: dict[str, int] = {}
    for node in model.graph:
        if node.op_type == "Cast":
            continue
        place = (node.name or "").rpartition("/")[0]
        if any(v is not None and v.dtype == ir.DataType.FLOAT16 for v in node.outputs):
            low[place] = low.get(place, 0) + 1
    assert low and not [place for place in low if place and inside(place, GEOMETRY - {""})]
    assert {place.split(".")[0] for place in low} <= {"backbone", "decoder", "heads", ""}
    proto = ir.serde.serialize_model(model)
    onnx.checker.check_model(proto, full_check=True)
