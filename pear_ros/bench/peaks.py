"""What this machine can do at most: matrix products and memory, as blocks to measure in turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pear_ros.bench.sampling import Block, block

SIDE = 1024
"""Rows and columns of the matrices; large enough that calls and conversions do not count."""
COPIED = 64 << 20
"""Bytes of the array that is copied; beyond the caches of most machines."""
NUMPY, COPY = "numpy product", "copy"


@dataclass(frozen=True)
class Peaks:
    """matrix_gflops: of the engine's own library in the network's precision, None where it cannot be
    measured. numpy_gflops: float32, numpy's BLAS. copy_gbps: bytes read and written.
    """

    precision: str
    matrix_gflops: float | None
    numpy_gflops: float
    copy_gbps: float


def common_blocks() -> dict[str, Block]:
    """What does not depend on an engine."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    source = np.ones(COPIED // 4, np.float32)
    target = np.empty_like(source)
    return {
        NUMPY: block(lambda: np.matmul(a, b, out=out)),
        COPY: block(lambda: np.copyto(target, source)),
    }


def engine_block(backend: str, precision: str, threads: int | None) -> Block | None:
    """A product with constant weights, as in a network, by the engine's own library; None where there
    is no such product here.
    """
    if backend != "openvino" or precision not in ("f32", "bf16", "f16", "int8"):
        return None
    import openvino
    from openvino import opset13 as ops

    rng = np.random.default_rng(0)
    x: Any = ops.parameter([SIDE, SIDE], np.float32)
    weights: Any = ops.constant(rng.uniform(-1, 1, (SIDE, SIDE)).astype(np.float32))
    left: Any = x
    if precision == "int8":
        low, high = np.float32(-1), np.float32(1)
        left = ops.fake_quantize(x, low, high, low, high, 256)
        weights = ops.fake_quantize(weights, low, high, low, high, 255)
    model = openvino.Model([ops.matmul(left, weights, False, False)], [x], "peak")
    hint = "f32" if precision == "int8" else precision
    config = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        config["INFERENCE_NUM_THREADS"] = str(threads)
    try:
        request: Any = openvino.Core().compile_model(model, "CPU", config).create_infer_request()
    except RuntimeError:
        return None
    data = rng.uniform(-1, 1, (SIDE, SIDE)).astype(np.float32)
    return block(lambda: request.infer([data], share_inputs=True))


def peaks(precision: str, own_ms: float | None, fastest_ms: Mapping[str, float]) -> Peaks:
    """From the fastest call of each: a peak is what the machine does when nobody is in the way.

    own_ms: of the engine's block, None where there was none.
    """
    operations = 2e-6 * SIDE**3
    return Peaks(
        precision=precision,
        matrix_gflops=None if own_ms is None else operations / own_ms,
        numpy_gflops=operations / fastest_ms[NUMPY],
        copy_gbps=2e-6 * COPIED / fastest_ms[COPY],
    )
