"""From a bundle folder to a running engine, with a visible fallback."""

from __future__ import annotations

import importlib
from pathlib import Path

from pear_ros.engine.base import Engine
from pear_ros.engine.bundle import open_bundle
from pear_ros.problems import PearError

BACKENDS = ("tensorrt", "openvino", "onnxruntime")
"""In order of preference; each is a module here, with an open_engine of its own."""


def open_engine(
    bundle_dir: str | Path,
    backend: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Engine:
    """The engine of a model bundle.

    backend "auto" takes the first of BACKENDS that is installed and loads the model; what was
    passed over, and why, stands in info.fallback. A back end asked for by name is not replaced.
    precision "auto" is the fastest that keeps the parity limits, or "f32", "bf16". threads None:
    the back end's own choice. Raises PearError: no such bundle, a broken or foreign one, or no back
    end that runs it.
    """
    if backend != "auto" and backend not in BACKENDS:
        raise PearError(
            "unknown back end",
            where="engine",
            expected=f"auto, {', '.join(BACKENDS)}",
            found=backend,
        )
    if threads is not None and threads < 1:
        raise PearError(
            "threads out of range", where="engine", expected="at least 1", found=str(threads)
        )
    bundle = open_bundle(bundle_dir)
    reasons: list[str] = []
    for name in BACKENDS if backend == "auto" else (backend,):
        try:
            module = importlib.import_module(f"pear_ros.engine.{name}")
            engine: Engine = module.open_engine(bundle, precision, threads, "; ".join(reasons))
            return engine
        except (ImportError, OSError) as error:
            reasons.append(f"{name} is not installed ({error})")
        except PearError as error:
            if backend != "auto":
                raise
            reasons.append(str(error))
    raise PearError(
        "no back end can run the model", where=str(bundle_dir), found="; ".join(reasons)
    )
