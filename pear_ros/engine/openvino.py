"""OpenVINO on the CPU: the default. bfloat16 for the network where the CPU has it, else float32.

Left to itself OpenVINO runs everything in bfloat16 on such CPUs, also kinematics, which that ruins;
so the precision of every graph is stated.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import openvino

from pear_ros.engine.assemble import GraphEngine
from pear_ros.engine.base import EngineInfo, Session
from pear_ros.engine.bundle import MANIFEST, NETWORK, Bundle
from pear_ros.problems import PearError
from pear_ros.types import FloatArray

DEVICE = "CPU"


class OpenVinoSession:
    """One compiled graph with a pool of infer requests, so that threads neither share nor wait."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._outputs = tuple(output.any_name for output in compiled.outputs)
        self._idle: list[Any] = [compiled.create_infer_request()]
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        with self._lock:
            request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        try:
            request.infer(dict(inputs), share_inputs=True)
            # Copied: the request's own memory is written again by the next call.
            return {name: np.array(request.get_tensor(name).data) for name in self._outputs}
        finally:
            with self._lock:
                self._idle.append(request)


def open_session(
    core: Any,
    data: bytes,
    where: str,
    precision: str,
    threads: int | None,
    beside: Path | None = None,
) -> OpenVinoSession:
    """A session over the bytes of an ONNX file; beside: its path, if its weights lie beside it.

    Raises PearError where OpenVINO cannot load it.
    """
    config = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        config["INFERENCE_NUM_THREADS"] = str(threads)
    try:
        model = core.read_model(data, b"") if beside is None else core.read_model(str(beside))
        return OpenVinoSession(core.compile_model(model, DEVICE, config))
    except Exception as error:  # RuntimeError with several lines of call sites
        reason = str(error).strip().splitlines()
        raise PearError(
            "OpenVINO cannot load the graph", where=where, found=reason[-1] if reason else ""
        ) from None


def supports_bf16(core: Any) -> bool:
    """Whether this CPU computes in bfloat16 natively; emulated it would be slower than float32."""
    return "BF16" in core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")


def open_engine(
    bundle: Bundle, precision: str, threads: int | None, fallback: str = ""
) -> GraphEngine:
    """The bundle on OpenVINO; "auto" takes bf16 for the network if the CPU has it and the bundle
    does not refuse it.

    Body and mesh run on ONNX Runtime where it is installed: per call it is several times faster on
    their hundreds of tiny operations. Raises PearError for an unknown precision and for bf16 on a
    CPU without it.
    """
    if precision not in ("auto", "f32", "bf16"):
        raise PearError(
            "precision not available",
            where="openvino",
            expected="auto, f32 or bf16",
            found=precision,
        )
    core = openvino.Core()
    native = supports_bf16(core)
    if precision == "bf16" and not native:
        raise PearError(
            "this CPU has no bfloat16", where="openvino", expected="precision f32 or auto"
        )
    if precision in bundle.refused:
        raise PearError(
            f"{precision} is too far from float32 for this model",
            where=str(bundle.folder / MANIFEST),
            expected="precision f32 or auto",
            found=bundle.refused[precision],
        )
    fast = native and "bf16" not in bundle.refused
    network = "bf16" if precision != "f32" and fast else "f32"
    geometry = _onnxruntime()
    info = EngineInfo(
        backend="openvino",
        version=str(openvino.__version__).split("-")[0],
        device=DEVICE,
        precision=network,
        threads=threads or 0,
        identity=bundle.identity,
        geometry="openvino" if geometry is None else "onnxruntime",
        fallback=fallback,
    )

    def session(name: str) -> Session:
        data, where = bundle.read(name), str(bundle.folder / name)
        if name == NETWORK:
            return open_session(core, data, where, network, threads, bundle.beside(name))
        if geometry is not None:
            ort: Session = geometry.open_session(data, where, 1)
            return ort
        return open_session(core, data, where, "f32", 1)

    return GraphEngine(bundle, session, info)


def _onnxruntime() -> ModuleType | None:
    try:
        return importlib.import_module("pear_ros.engine.onnxruntime")
    except ImportError:
        return None
