"""ONNX Runtime on the CPU: the portable back end (any architecture, one wheel), float32 or INT8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from pear_ros.engine.assemble import GraphEngine
from pear_ros.engine.base import EngineInfo, Session
from pear_ros.engine.buckets import BucketSession
from pear_ros.engine.bundle import NETWORK, Bundle
from pear_ros.problems import PearError
from pear_ros.types import FloatArray

PROVIDERS = ["CPUExecutionProvider"]
PRECISIONS = ("int8", "f32")
"""What "auto" may take, presumably fastest first; "w8" and "f16" run if asked for."""
KNOWN = ("f32", "int8", "f16", "w8")


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
    session = inference_session(data, where, PROVIDERS, threads, beside)
    return OrtSession(session, tuple(output.name for output in session.get_outputs()))


def inference_session(
    data: bytes, where: str, providers: list[Any], threads: int | None, beside: Path | None
) -> Any:
    """ONNX Runtime's own session on the first of `providers` that can. Raises PearError."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    # Waiting threads would spin and take the cores from decoding, tracking and messages.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            data if beside is None else str(beside), options, providers=providers
        )
    except Exception as error:  # the binding raises a dozen unrelated classes
        raise PearError(
            "ONNX Runtime cannot load the graph", where=where, found=str(error)
        ) from None


def precisions(bundle: Bundle) -> tuple[str, ...]:
    """What "auto" chooses from, presumably fastest first."""
    return tuple(name for name in PRECISIONS if bundle.network(name) is not None)


def open_engine(
    bundle: Bundle, precision: str, threads: int | None, fallback: str = ""
) -> GraphEngine:
    """The bundle on ONNX Runtime; "auto" takes the first of `precisions`.

    Raises PearError for an unknown precision, and one that the bundle does not have or refuses.
    """
    chosen = precisions(bundle)[0] if precision == "auto" else precision
    if chosen not in KNOWN:
        raise PearError(
            "precision not available",
            where="onnxruntime",
            expected=f"auto, {', '.join(KNOWN)}",
            found=precision,
        )
    network = bundle.required_network(chosen)
    info = EngineInfo(
        backend="onnxruntime",
        version=onnxruntime.__version__,
        device="CPU",
        precision=chosen,
        threads=threads or 0,
        identity=bundle.identity,
        geometry="onnxruntime",
        fallback=fallback,
    )

    def session(role: str) -> Session:
        name = network if role == NETWORK else role
        where = str(bundle.folder / name)
        # Body and mesh are hundreds of tiny products: more threads cost more than they save.
        opened = open_session(
            bundle.graph(name), where, threads if role == NETWORK else 1, bundle.beside(name)
        )
        return BucketSession(opened, where)

    return GraphEngine(bundle, session, info)
