"""ONNX Runtime on an NVIDIA GPU, without TensorRT: the CUDA provider with arrays bound on the device.

Not run so far: the machines that this was written on have no GPU. It passes or skips the engine
contract tests like every other back end.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

from pear_ros.engine.assemble import GraphEngine
from pear_ros.engine.base import EngineInfo, Session
from pear_ros.engine.buckets import BucketSession
from pear_ros.engine.bundle import NETWORK, Bundle
from pear_ros.engine.onnxruntime import inference_session
from pear_ros.problems import PearError
from pear_ros.types import FloatArray

PROVIDER = "CUDAExecutionProvider"
PRECISIONS = ("f16", "f32")
"""What "auto" may take, presumably fastest first."""
DEVICE = "cuda"


class BoundSession:
    """One graph whose inputs and outputs lie on the GPU; one call at a time, since they share it."""

    def __init__(self, session: Any, device: int = 0) -> None:
        self._session, self._device = session, device
        self._outputs = tuple(output.name for output in session.get_outputs())
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        with self._lock:
            binding = self._session.io_binding()
            for name, value in inputs.items():
                there = onnxruntime.OrtValue.ortvalue_from_numpy(
                    np.ascontiguousarray(value), DEVICE, self._device
                )
                binding.bind_ortvalue_input(name, there)
            for name in self._outputs:
                binding.bind_output(name, DEVICE, self._device)
            self._session.run_with_iobinding(binding)
            return dict(zip(self._outputs, binding.copy_outputs_to_cpu()))


def provider_options() -> list[Any]:
    """Products in float32 stay float32: TF32's ten bits would cost what float16's cost."""
    return [(PROVIDER, {"device_id": "0", "use_tf32": "0"})]


def precisions(bundle: Bundle) -> tuple[str, ...]:
    """What "auto" chooses from, presumably fastest first."""
    return tuple(name for name in PRECISIONS if bundle.network(name) is not None)


def open_engine(
    bundle: Bundle, precision: str, threads: int | None, fallback: str = ""
) -> GraphEngine:
    """The bundle on ONNX Runtime's CUDA provider; "auto" takes the first of `precisions`.

    Raises PearError where ONNX Runtime has no such provider or does not take it.
    """
    return open_with("onnxruntime_cuda", PROVIDER, provider_options(), bundle, precision, fallback)


def open_with(
    backend: str,
    provider: str,
    providers: list[Any],
    bundle: Bundle,
    precision: str,
    fallback: str,
) -> GraphEngine:
    """The bundle on a provider for NVIDIA GPUs, every graph of it. Raises PearError."""
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise PearError(
            f"this ONNX Runtime has no {provider}",
            where=backend,
            expected="pip install onnxruntime-gpu",
            found=", ".join(available),
        )
    chosen = precisions(bundle)[0] if precision == "auto" else precision
    network = bundle.required_network(chosen)
    info = EngineInfo(
        backend=backend,
        version=onnxruntime.__version__,
        device=f"{DEVICE}:0",
        precision=chosen,
        threads=0,
        identity=bundle.identity,
        geometry=backend,
        fallback=fallback,
    )

    def session(role: str) -> Session:
        name = network if role == NETWORK else role
        where = str(bundle.folder / name)
        opened = inference_session(bundle.graph(name), where, providers, None, bundle.beside(name))
        # Where the GPU cannot be used ONNX Runtime silently takes the CPU.
        if provider not in opened.get_providers():
            raise PearError(
                f"{provider} does not start", where=where, found=", ".join(opened.get_providers())
            )
        return BucketSession(BoundSession(opened), where, padded=True)

    return GraphEngine(bundle, session, info)
