"""Operations and weights against cases counted by hand, a ViT's formula, and onnx's own shapes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pear_ros.bench import work
from pear_ros.problems import PearError


def test_hand_cases() -> None:
    # (2, 3) x (3, 4): 8 results of 3 products and 3 sums each.
    assert work.product((2, 3), (2, 4)) == 48
    assert work.product((3, 2), (2, 4), transposed=True) == 48
    # A 3x3 kernel over 8 channels, 16 channels out, 5 x 7 pixels.
    assert work.convolution((16, 8, 3, 3), (1, 16, 5, 7)) == 2 * 16 * 5 * 7 * 72
    # Depthwise: each channel sees itself only.
    assert work.convolution((16, 1, 3, 3), (1, 16, 5, 7)) == 2 * 16 * 5 * 7 * 9
    # 4 heads, 6 queries, 10 keys: 240 scores of width 16, then 240 weights times width 8.
    assert work.attention((1, 4, 6, 16), (1, 4, 10, 16), (1, 4, 10, 8)) == 2 * 240 * (16 + 8)


def save(path: Path, nodes: list[Any], weights: dict[str, np.ndarray], shape: list[Any]) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)
    return path


def test_a_graph_with_every_counted_operation(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def random(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    # (N, 4, 8, 8) -> conv 6 -> depthwise 6 -> (N, 6, 64) -> product with 64 x 5 -> x its transpose.
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node(
            "Conv", ["a", "w2"], ["b"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=6
        ),
        helper.make_node("Reshape", ["b", "shape"], ["c"]),
        helper.make_node("Cast", ["half"], ["w3"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["c", "w3"], ["d"]),
        helper.make_node("Transpose", ["d"], ["e"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["d", "e"], ["y"]),
    ]
    weights = {
        "w1": random(6, 4, 3, 3), "w2": random(6, 1, 3, 3), "half": random(64, 5).astype(np.float16),
        "shape": np.array([-1, 6, 64]),
    }  # fmt: skip
    path = save(tmp_path / "g.onnx", nodes, weights, ["N", 4, 8, 8])
    one = 2 * (6 * 64 * 36 + 6 * 64 * 9 + 6 * 5 * 64 + 6 * 6 * 5)
    for people in (1, 3):
        found = work.count(path, people)
        assert found.flops == people * one
        assert found.weights == 6 * 36 + 6 * 9 + 64 * 5


def vit_flops(config: dict[str, Any]) -> int:
    """A plain ViT over 192 tokens of 16 x 16 pixels, the decoder and the heads, from their sizes."""
    t, d, wide = 192, config["dim"], round(config["dim"] * config["mlp_ratio"])
    patches = t * d * 3 * 16 * 16
    block = t * d * 3 * d + 2 * t * t * d + t * d * d + 2 * t * d * wide
    q, mlp = config["decoder_dim"], config["decoder_mlp"]
    inner = config["decoder_heads"] * config["decoder_head_dim"]
    own = 3 * q * inner + inner * q
    across = q * inner + t * d * 2 * inner + 2 * t * inner + inner * q
    decoder = q + config["decoder_depth"] * (own + across + 2 * q * mlp)
    heads = q * 935
    return 2 * (patches + config["depth"] * block + decoder + heads)


def test_a_transformer_has_the_operations_of_its_sizes(tiny_model: Any) -> None:
    import json

    manifest = json.loads((tiny_model.bundle / "manifest.json").read_text())
    expected = vit_flops(manifest["config"])
    found = work.count(tiny_model.bundle / "network.onnx")
    # Beyond the formula: the query's attention to itself, if the exporter leaves that in the graph.
    config = manifest["config"]
    itself = 4 * config["decoder_depth"] * config["decoder_heads"] * config["decoder_head_dim"]
    assert expected <= found.flops <= expected + itself
    with np.errstate(all="ignore"):
        model = onnx.load(tiny_model.bundle / "network.onnx")
    stored = sum(
        math.prod(t.dims) for t in model.graph.initializer if t.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16)
    )  # fmt: skip
    assert found.weights == pytest.approx(stored, rel=1e-3)


@pytest.mark.parametrize("content", [b"", b"not a graph"])
def test_what_is_no_graph_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(PearError, match="cannot count the work of the graph"):
        work.count(path)
