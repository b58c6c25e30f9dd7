"""From an ONNX graph to a TensorRT plan and from a plan to an engine that may run.

Only the part of TensorRT's Python API that versions 10 and 11 share: the network is strongly typed,
so its precision is the graph's own, and no precision flag or calibrator is needed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, SupportsInt, cast

import tensorrt as trt

from pear_ros.engine.tensorrt_cache import UnusablePlan
from pear_ros.engine.tensorrt_plan import (
    BuildProgress,
    Found,
    OutOfMemory,
    Signature,
    plan_faults,
    profile,
    tells_of_memory,
)
from pear_ros.problems import PearError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LINES = 12
_DTYPES = {"FLOAT": "float32", "UINT8": "uint8"}


class Log(trt.ILogger):
    """Keeps TensorRT's last warnings and errors, for the message of what then fails."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self._lines: deque[str] = deque(maxlen=_LINES)

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR, trt.ILogger.WARNING):
            self._lines.append(msg.strip())

    def take(self) -> str:
        """What was said since the last call."""
        text = " | ".join(self._lines)
        self._lines.clear()
        return text

    def failure(self, what: str, where: str) -> PearError:
        """The error to raise now, with TensorRT's reasons."""
        text = self.take()
        kind = OutOfMemory if tells_of_memory(text) else PearError
        return kind(what, where=where, found=text or "no reason from TensorRT")


class Monitor(trt.IProgressMonitor):
    """Reports a build's progress in steps of ten percent; TensorRT calls it from its threads."""

    def __init__(self, report: Callable[[str], None]) -> None:
        trt.IProgressMonitor.__init__(self)
        self._report, self._progress = report, BuildProgress()
        self._lock = threading.Lock()
        self._root, self._told = "", -1

    def phase_start(
        self, phase_name: str, parent_phase: str | None, num_steps: SupportsInt
    ) -> None:
        with self._lock:
            self._progress.start(phase_name, parent_phase, int(num_steps))
            if parent_phase is None:
                self._root, self._told = phase_name, -1

    def step_complete(self, phase_name: str, step: SupportsInt) -> bool:
        with self._lock:
            self._progress.step(phase_name, int(step))
            tenths = int(10 * self._progress.fraction(self._root))
            if self._root and tenths > self._told:
                self._told = tenths
                self._report(f"{self._root}: {10 * tenths} %")
        return True

    def phase_finish(self, phase_name: str) -> None:
        with self._lock:
            self._progress.finish(phase_name)


def build_plan(
    onnx: bytes,
    where: Path,
    external: bool,
    signature: Signature,
    buckets: tuple[int, ...],
    timing: bytes,
    workspace: int,
    log: Log,
    report: Callable[[str], None],
) -> tuple[bytes, bytes]:
    """Build a graph for these buckets; the plan, and the timing cache with what was measured.

    external: the graph's weights lie beside `where`. timing: an earlier cache, or nothing. workspace:
    bytes that kernels may use while they are tried. Raises OutOfMemory, and PearError with
    TensorRT's reasons.
    """
    log.take()
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not (parser.parse(onnx, str(where)) if external else parser.parse(onnx)):
        errors = [str(parser.get_error(i)) for i in range(parser.num_errors)]
        raise PearError(
            "TensorRT cannot read the graph",
            where=str(where),
            found=" | ".join(errors) or log.take() or "no reason from TensorRT",
        )
    config = builder.create_builder_config()
    config.default_device_type = trt.DeviceType.GPU
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    # On by default, and rounds float32 products to ten bits: far too coarse for kinematics.
    config.clear_flag(trt.BuilderFlag.TF32)
    monitor = Monitor(report)
    config.progress_monitor = monitor
    cache = config.create_timing_cache(timing)
    if not config.set_timing_cache(cache, False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    for bucket in buckets:
        shapes = builder.create_optimization_profile()
        for tensor in signature.inputs:
            smallest, typical, largest = (trt.Dims(list(s)) for s in profile(tensor, bucket))
            shapes.set_shape(tensor.name, smallest, typical, largest)
        if config.add_optimization_profile(shapes) < 0:
            raise log.failure(f"TensorRT refuses the shapes of bucket {bucket}", str(where))
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise log.failure("TensorRT cannot build the graph", str(where))
    return _bytes(plan), _bytes(cache.serialize())


def open_plan(
    plan: bytes, signature: Signature, buckets: tuple[int, ...], runtime: trt.Runtime, log: Log
) -> trt.ICudaEngine:
    """The engine of a plan. Raises OutOfMemory, and UnusablePlan where TensorRT refuses the plan or
    its tensors are not the graph's.
    """
    log.take()
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        failure = log.failure("TensorRT refuses the plan", "tensorrt")
        if isinstance(failure, OutOfMemory):
            raise failure
        raise UnusablePlan(str(failure))
    faults = plan_faults(describe(engine), signature, buckets)
    if faults:
        raise UnusablePlan("; ".join(faults))
    return engine


def describe(engine: trt.ICudaEngine) -> dict[str, Found]:
    """Every tensor of an engine, in our words."""
    found = {}
    for i in range(engine.num_io_tensors):
        name = engine.get_tensor_name(i)
        is_input = engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        count = engine.num_optimization_profiles if is_input else 0
        dtype = engine.get_tensor_dtype(name).name
        found[name] = Found(
            is_input=is_input,
            dtype=_DTYPES.get(dtype, dtype),
            shape=_shape(engine.get_tensor_shape(name)),
            profiles=tuple(
                tuple(_shape(dims) for dims in engine.get_tensor_profile_shape(name, index))
                for index in range(count)
            ),
            device=engine.get_tensor_location(name) == trt.TensorLocation.DEVICE,
        )
    return found


def _shape(dims: trt.Dims) -> tuple[int, ...]:
    return tuple(dims[i] for i in range(len(dims)))


def _bytes(memory: trt.IHostMemory) -> bytes:
    # IHostMemory has the buffer protocol, which generated signatures do not show.
    return bytes(cast("Buffer", memory))
