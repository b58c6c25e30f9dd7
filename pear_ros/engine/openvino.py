"""OpenVINO on the CPU: the network in float32, bfloat16 or INT8, whichever the bundle allows.

Left to itself OpenVINO runs everything in bfloat16 on CPUs that have it, also kinematics, which that
ruins; so the precision of every graph is stated. Graphs whose types are written into them run with
these types.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import openvino

from pear_ros.engine import cache
from pear_ros.engine.assemble import GraphEngine
from pear_ros.engine.base import EngineInfo, Session
from pear_ros.engine.buckets import BucketSession
from pear_ros.engine.bundle import NETWORK, Bundle
from pear_ros.problems import PearError
from pear_ros.types import FloatArray

DEVICE = "CPU"
PRECISIONS = ("int8", "bf16", "f32")
"""What "auto" may take, presumably fastest first; "w8" and "f16" run if asked for."""
KNOWN = ("f32", "bf16", "int8", "f16", "w8")
STREAMS = 4
"""Calls that are computed side by side at most, each on its share of the threads."""
_LARGE = 400_000_000
"""Bytes of a network graph from which it is kept only once in memory, and not on disk."""
_PAIRED = 60_000_000
"""Bytes of a network graph up to which a third copy in memory is worth the gain of pairs."""


class OpenVinoSession:
    """One compiled graph with a pool of infer requests, so that threads neither share nor wait."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._outputs = tuple(output.any_name for output in compiled.outputs)
        self._idle: list[Any] = [compiled.create_infer_request()]
        self._lock = threading.Lock()

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        (result,) = run_all([(self, inputs)])
        return result

    def start(self, inputs: Mapping[str, FloatArray]) -> Any:
        """A request under way, for `finish`; inputs must live until then."""
        with self._lock:
            request = self._idle.pop() if self._idle else None
        request = request or self._compiled.create_infer_request()
        request.start_async(dict(inputs), share_inputs=True)
        return request

    def finish(self, request: Any) -> dict[str, FloatArray]:
        """What a request has computed."""
        try:
            request.wait()
            # Copied: a request's own memory is written again by the next call.
            return {name: np.array(request.get_tensor(name).data) for name in self._outputs}
        finally:
            with self._lock:
                self._idle.append(request)


def run_all(
    calls: Sequence[tuple[OpenVinoSession, Mapping[str, FloatArray]]],
) -> list[dict[str, FloatArray]]:
    """Several calls at once, on as many streams as their graphs were compiled for."""
    under_way: deque[tuple[OpenVinoSession, Any]] = deque()
    results = []
    try:
        for session, inputs in calls:
            under_way.append((session, session.start(inputs)))
        while under_way:
            session, request = under_way.popleft()
            results.append(session.finish(request))
    finally:
        # Nobody may write into the inputs of a request that still reads them.
        for _, request in under_way:
            request.wait()
    return results


class PeopleSession:
    """The network by person: one alone on all threads, several side by side, and in pairs where
    there are more people than streams.

    A graph of fixed size is a fifth faster than one of free size and needs no preparation for each
    new number of people. A pair costs up to a twentieth less than its two people; four in one call
    cost more than two pairs (float32 and bfloat16, pear_vit_ti).
    """

    def __init__(
        self,
        alone: OpenVinoSession,
        together: OpenVinoSession | None,
        pairs: OpenVinoSession | None = None,
        streams: int = 1,
    ) -> None:
        self._alone, self._together, self._pairs = alone, together or alone, pairs
        self._streams = streams

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        count = len(next(iter(inputs.values())))

        def part(first: int, size: int) -> dict[str, FloatArray]:
            return {name: value[first : first + size] for name, value in inputs.items()}

        if count == 1:
            return self._alone.run(part(0, 1))
        calls: list[tuple[OpenVinoSession, Mapping[str, FloatArray]]] = []
        first = 0
        if self._pairs is not None and count > self._streams:
            while count - first >= 2:
                calls.append((self._pairs, part(first, 2)))
                first += 2
        calls += [(self._together, part(i, 1)) for i in range(first, count)]
        results: list[dict[str, FloatArray]] = []
        for i in range(0, len(calls), self._streams):
            results += run_all(calls[i : i + self._streams])
        return {name: np.concatenate([r[name] for r in results]) for name in results[0]}


def open_session(
    core: Any,
    data: bytes,
    where: str,
    precision: str,
    threads: int | None,
    beside: Path | None = None,
    streams: int = 1,
    people: int | None = None,
) -> OpenVinoSession:
    """A session over the bytes of an ONNX file; beside: its path, if its weights lie beside it.

    streams: calls that run side by side. people: a fixed number of them, which is faster; such a
    graph is kept compiled in the user's cache. Raises PearError where OpenVINO cannot load it.
    """
    config = _config(precision, threads, streams)
    kept = _kept(core, data, config, people) if people and beside is None else None
    try:
        if kept is not None and (blob := cache.read(kept)) is not None:
            try:
                return OpenVinoSession(core.import_model(io.BytesIO(blob), DEVICE, config))
            except Exception:  # a blob of another machine or build; compiled again below
                kept.unlink(missing_ok=True)
        model = core.read_model(data, b"") if beside is None else core.read_model(str(beside))
        if people:
            model.reshape({i.any_name: [people, *list(i.partial_shape)[1:]] for i in model.inputs})
        compiled = core.compile_model(model, DEVICE, config)
        if kept is not None:
            stream = io.BytesIO()
            compiled.export_model(stream)
            cache.write(kept, stream.getvalue())
        return OpenVinoSession(compiled)
    except Exception as error:  # RuntimeError with several lines of call sites
        reason = str(error).strip().splitlines()
        raise PearError(
            "OpenVINO cannot load the graph", where=where, found=reason[-1] if reason else ""
        ) from None


def _config(precision: str, threads: int | None, streams: int) -> dict[str, str]:
    config = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT",
        "NUM_STREAMS": str(streams),
        # Threads that somebody set aside for this keep to their cores; others may be moved.
        "ENABLE_CPU_PINNING": "YES" if threads else "NO",
    }
    if threads:
        config["INFERENCE_NUM_THREADS"] = str(threads)
    return config


def _kept(core: Any, data: bytes, config: Mapping[str, str], people: int) -> Path | None:
    """Where the compiled graph is kept; its name says all that it depends on."""
    folder = cache.cache_folder("openvino") if len(data) < _LARGE else None
    if folder is None:
        return None
    facts = [openvino.__version__, cpu_name(core), str(sorted(config.items())), str(people)]
    digest = hashlib.sha256("\n".join(facts).encode() + data)
    return folder / f"{digest.hexdigest()[:32]}.blob"


def cpu_name(core: Any) -> str:
    """The processor in OpenVINO's words, and what it computes in."""
    name = core.get_property(DEVICE, "FULL_DEVICE_NAME")
    return f"{name} {sorted(core.get_property(DEVICE, 'OPTIMIZATION_CAPABILITIES'))}"


def supports_bf16(core: Any) -> bool:
    """Whether this CPU computes in bfloat16 natively; emulated it would be slower than float32."""
    return "BF16" in core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")


def precisions(bundle: Bundle) -> tuple[str, ...]:
    """What "auto" chooses from, presumably fastest first."""
    native = supports_bf16(openvino.Core())
    by_hint = native and "bf16" not in bundle.refused
    return tuple(
        name
        for name in PRECISIONS
        if (name != "bf16" or native)
        and (bundle.network(name) is not None or (name == "bf16" and by_hint))
    )


def open_engine(
    bundle: Bundle, precision: str, threads: int | None, fallback: str = ""
) -> GraphEngine:
    """The bundle on OpenVINO; "auto" takes the first of `precisions`.

    bf16 without a graph of that type is OpenVINO's own rounding of the float32 graph. Body and mesh
    run on ONNX Runtime where it is installed: per call it is several times faster on their hundreds
    of tiny operations. Raises PearError for an unknown precision, one that the bundle does not have
    or refuses, and for bf16 on a CPU without it.
    """
    core = openvino.Core()
    chosen = precisions(bundle)[0] if precision == "auto" else precision
    name = _network(core, bundle, chosen)
    hint = _hint(core, bundle, chosen, name)
    geometry = _onnxruntime()
    info = EngineInfo(
        backend="openvino",
        version=str(openvino.__version__).split("-")[0],
        device=DEVICE,
        precision=chosen,
        threads=threads or 0,
        identity=bundle.identity,
        geometry="openvino" if geometry is None else "onnxruntime",
        fallback=fallback,
    )

    def session(role: str) -> Session:
        if role == NETWORK:
            return _people(core, bundle, name, hint, threads)
        data, where = bundle.read(role), str(bundle.folder / role)
        if geometry is not None:
            opened: Session = geometry.open_session(data, where, 1)
        else:
            opened = open_session(core, data, where, "f32", 1)
        return BucketSession(opened, where)

    return GraphEngine(bundle, session, info)


def _people(core: Any, bundle: Bundle, name: str, hint: str, threads: int | None) -> PeopleSession:
    data, where, beside = bundle.graph(name), str(bundle.folder / name), bundle.beside(name)
    alone = open_session(core, data, where, hint, threads, beside, people=1)
    streams = min(STREAMS, threads or usable_cores())
    if streams == 1 or beside is not None or len(data) > _LARGE:
        return PeopleSession(alone, None)
    together = open_session(core, data, where, hint, threads, None, streams, people=1)
    pairs = None
    if len(data) < _PAIRED:
        pairs = open_session(core, data, where, hint, threads, None, streams, people=2)
    return PeopleSession(alone, together, pairs, streams)


def usable_cores() -> int:
    """Logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _hint(core: Any, bundle: Bundle, precision: str, name: str) -> str:
    """What is computed where the graph's own types say float32.

    An INT8 graph whose float32 parts were found to bear bfloat16 says so in the manifest.
    """
    if precision == "bf16" and name == NETWORK:
        return "bf16"
    rest = bundle.manifest.get("graphs", {}).get(name, {}).get("rest")
    return "bf16" if rest == "bf16" and supports_bf16(core) else "f32"


def _network(core: Any, bundle: Bundle, precision: str) -> str:
    """Name of the network graph to run. Raises PearError."""
    if precision not in KNOWN:
        raise PearError(
            "precision not available",
            where="openvino",
            expected=f"auto, {', '.join(KNOWN)}",
            found=precision,
        )
    if precision == "bf16" and not supports_bf16(core):
        raise PearError(
            "this CPU has no bfloat16", where="openvino", expected="precision f32 or auto"
        )
    if precision == "bf16" and precision not in bundle.refused:
        return bundle.network("bf16") or NETWORK
    return bundle.required_network(precision)


def _onnxruntime() -> ModuleType | None:
    try:
        return importlib.import_module("pear_ros.engine.onnxruntime")
    except ImportError:
        return None
