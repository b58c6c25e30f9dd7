"""ONNX Runtime on the CPU: the portable back end (any architecture, one wheel), float32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from pear_ros.engine.assemble import GraphEngine
from pear_ros.engine.base import EngineInfo, Session
from pear_ros.engine.bundle import NETWORK, Bundle
from pear_ros.problems import PearError
from pear_ros.types import FloatArray

PROVIDERS = ["CPUExecutionProvider"]


@dataclass(frozen=True)
class OrtSession:
    """One graph. InferenceSession.run may be called from several threads."""

    session: Any
    outputs: tuple[str, ...]

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return dict(zip(self.outputs, self.session.run(self.outputs, dict(inputs))))


def open_session(
    data: bytes, where: str, threads: int | None, beside: Path | None = None
) -> OrtSession:
    """A session over the bytes of an ONNX file; beside: its path, if its weights lie beside it.

    Raises PearError if it cannot be loaded.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    # Waiting threads would spin and take the cores from decoding, tracking and messages.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            data if beside is None else str(beside), options, providers=PROVIDERS
        )
    except Exception as error:  # the binding raises a dozen unrelated classes
        raise PearError(
            "ONNX Runtime cannot load the graph", where=where, found=str(error)
        ) from None
    return OrtSession(session, tuple(output.name for output in session.get_outputs()))


def open_engine(
    bundle: Bundle, precision: str, threads: int | None, fallback: str = ""
) -> GraphEngine:
    """The bundle on ONNX Runtime, float32. Raises PearError for a precision but auto and f32."""
    if precision not in ("auto", "f32"):
        raise PearError(
            "precision not available", where="onnxruntime", expected="f32", found=precision
        )
    info = EngineInfo(
        backend="onnxruntime",
        version=onnxruntime.__version__,
        device="CPU",
        precision="f32",
        threads=threads or 0,
        identity=bundle.identity,
        geometry="onnxruntime",
        fallback=fallback,
    )

    def session(name: str) -> Session:
        # Body and mesh are hundreds of tiny products: more threads cost more than they save.
        return open_session(
            bundle.read(name),
            str(bundle.folder / name),
            threads if name == NETWORK else 1,
            bundle.beside(name),
        )

    return GraphEngine(bundle, session, info)
