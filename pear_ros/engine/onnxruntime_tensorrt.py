"""ONNX Runtime's own TensorRT provider, for who has it and not TensorRT's Python package.

Only by name: it builds plans for minutes. Not run so far, see `onnxruntime_cuda`.
"""

from __future__ import annotations

from typing import Any

from pear_ros.engine import cache
from pear_ros.engine.assemble import GraphEngine
from pear_ros.engine.bundle import Bundle
from pear_ros.engine.onnxruntime_cuda import open_with
from pear_ros.engine.onnxruntime_cuda import provider_options as cuda_options

PROVIDER = "TensorrtExecutionProvider"


def provider_options() -> list[Any]:
    """Types come from the graph, never from a builder flag; plans are kept in the user's cache."""
    options = {"device_id": "0", "trt_fp16_enable": "0", "trt_int8_enable": "0"}
    folder = cache.cache_folder("onnxruntime_tensorrt")
    if folder is not None:
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(folder),
        }
    return [(PROVIDER, options), *cuda_options()]


def open_engine(
    bundle: Bundle, precision: str, threads: int | None, fallback: str = ""
) -> GraphEngine:
    """The bundle on ONNX Runtime's TensorRT provider. Raises PearError."""
    return open_with(
        "onnxruntime_tensorrt", PROVIDER, provider_options(), bundle, precision, fallback
    )
