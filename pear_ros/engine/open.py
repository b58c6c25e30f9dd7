"""From a bundle folder to a running engine, with a visible fallback."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from pear_ros.engine import trial
from pear_ros.engine.assemble import GraphEngine
from pear_ros.engine.base import Engine
from pear_ros.engine.bundle import Bundle, open_bundle
from pear_ros.problems import PearError

BACKENDS = ("tensorrt", "onnxruntime_cuda", "openvino", "onnxruntime")
"""What "auto" tries; each is a module here, with an open_engine of its own."""
ON_GPU = BACKENDS[:2]
"""Taken in this order where there is an NVIDIA GPU."""
ON_CPU = BACKENDS[2:]
"""They compete, see `trial`."""
BY_NAME = (*BACKENDS, "onnxruntime_tensorrt")
"""What may be asked for."""
_NVIDIA = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/dxg")
"""Devices of NVIDIA's drivers: desktop and server, Jetson twice, Windows' Linux."""


def open_engine(
    bundle_dir: str | Path,
    backend: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Engine:
    """The engine of a model bundle.

    backend "auto" takes TensorRT or CUDA where there is an NVIDIA GPU, and else what a short trial
    on this computer found fastest; what was passed over, and why, stands in info.fallback. A back
    end asked for by name is not replaced. precision "auto" is the fastest that the bundle has and
    that keeps the parity limits, or "f32", "f16", "bf16", "int8", "w8". threads None: the back
    end's own choice. Raises PearError: no such bundle, a broken or foreign one, or no back end that
    runs it.
    """
    if backend != "auto" and backend not in BY_NAME:
        raise PearError(
            "unknown back end",
            where="engine",
            expected=f"auto, {', '.join(BY_NAME)}",
            found=backend,
        )
    if threads is not None and threads < 1:
        raise PearError(
            "threads out of range", where="engine", expected="at least 1", found=str(threads)
        )
    bundle = open_bundle(bundle_dir)
    reasons: list[str] = []
    if backend != "auto":
        on_gpu = [backend] if backend not in ON_CPU else []
        on_cpu = [backend] if backend in ON_CPU else []
    else:
        on_gpu, on_cpu = list(ON_GPU) if nvidia_gpu() else [], list(ON_CPU)
    for name in on_gpu:
        try:
            return _opened(bundle, (name, precision), threads, reasons)
        except (ImportError, OSError, PearError) as error:
            _pass_over(reasons, name, error, strict=backend != "auto")
    candidates = _candidates(bundle, on_cpu, precision, reasons)
    fallback = list(reasons)
    engines: dict[trial.Candidate, Engine] = {}

    def opened(candidate: trial.Candidate) -> Engine:
        engine = _opened(bundle, candidate, threads, fallback)
        if not trial.large(bundle):
            engines[candidate] = engine
        return engine

    for candidate in trial.ordered(bundle, candidates, threads, opened):
        try:
            engine = engines.get(candidate)
            if engine is None or reasons != fallback:
                engine = _opened(bundle, candidate, threads, reasons)
            told = trial.told(bundle, candidates, threads)
            return engine.chosen(told) if isinstance(engine, GraphEngine) else engine
        except (ImportError, OSError, PearError) as error:
            _pass_over(reasons, candidate[0], error, strict=backend != "auto")
    raise PearError(
        "no back end can run the model", where=str(bundle_dir), found="; ".join(reasons)
    )


def choice(bundle_dir: str | Path) -> str:
    """What "auto" takes on this CPU, and why, without opening or measuring anything. Raises PearError."""
    bundle, reasons = open_bundle(bundle_dir), list[str]()
    candidates = _candidates(bundle, list(ON_CPU), "auto", reasons)
    told = trial.told(bundle, candidates, None)
    names = ", ".join(f"{backend} {precision}" for backend, precision in candidates)
    return told or f"the first start measures {names or 'nothing: ' + '; '.join(reasons)}"


def _candidates(
    bundle: Bundle, names: list[str], precision: str, reasons: list[str]
) -> list[trial.Candidate]:
    """What may run on this CPU; back ends that are not installed go to `reasons`."""
    found: list[trial.Candidate] = []
    for name in names:
        try:
            module = _module(name)
            wanted = module.precisions(bundle) if precision == "auto" else (precision,)
            found += [(name, each) for each in wanted]
        except (ImportError, OSError) as error:
            _pass_over(reasons, name, error, strict=False)
    return found


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"pear_ros.engine.{name}")


def _opened(
    bundle: Bundle, candidate: trial.Candidate, threads: int | None, reasons: list[str]
) -> Engine:
    name, precision = candidate
    engine: Engine = _module(name).open_engine(bundle, precision, threads, "; ".join(reasons))
    return engine


def _pass_over(reasons: list[str], name: str, error: Exception, strict: bool) -> None:
    """Note why a back end is not used; strict: one that cannot run the model ends it all."""
    if isinstance(error, PearError):
        if strict:
            raise error
        reason = str(error)
    else:
        reason = f"{name} is not installed ({error})"
    if reason not in reasons:
        reasons.append(reason)


def nvidia_gpu() -> bool:
    """Whether a driver for an NVIDIA GPU is loaded. Without one TensorRT and CUDA are not missed."""
    return any(Path(device).exists() for device in _NVIDIA)
