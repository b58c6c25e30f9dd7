"""Detector networks from ONNX files on OpenVINO, else on ONNX Runtime; float32 in and out."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pear_ros.problems import PearError
from pear_ros.types import FloatArray


class Session(Protocol):
    """One graph: named arrays in, named arrays out."""

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Port:
    """An input of a graph: sizes are None where they are free, kind is a numpy type name."""

    name: str
    shape: tuple[int | None, ...]
    kind: str


@dataclass(frozen=True)
class Network:
    """A graph that is ready to run, and what it wants."""

    session: Session
    inputs: tuple[Port, ...]
    backend: str

    def run(self, **inputs: Any) -> dict[str, FloatArray]:
        return self.session.run(inputs)


def open_network(path: str | Path, threads: int | None = None, precision: str = "f32") -> Network:
    """The graph of an ONNX file.

    precision: f32, or auto for bf16 where the runtime and the processor have it. Raises PearError
    for a file that is missing or that no installed runtime can load.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PearError("cannot read the network", where=str(path), found=str(error)) from error
    if importlib.util.find_spec("openvino") is not None:
        return with_openvino(data, str(path), threads, precision)
    if importlib.util.find_spec("onnxruntime") is not None:
        return with_onnxruntime(data, str(path), threads)
    expected = "openvino or onnxruntime installed"
    raise PearError("nothing can run the network", where=str(path), expected=expected)


def with_openvino(
    data: bytes, where: str, threads: int | None = None, precision: str = "f32"
) -> Network:
    """The graph of an ONNX file's bytes on OpenVINO, on the CPU. Raises PearError."""
    import openvino

    from pear_ros.engine import openvino as engine

    core: Any = openvino.Core()
    if precision == "auto":
        precision = "bf16" if engine.supports_bf16(core) else "f32"
    session = engine.open_session(core, data, where, precision, threads)
    ports = []
    for port in core.read_model(data, b"").inputs:
        sizes = [d.get_length() if d.is_static else None for d in port.get_partial_shape()]
        kind = port.get_element_type().to_dtype().name
        ports.append(Port(port.any_name, tuple(sizes), kind))
    return Network(session, tuple(ports), "openvino")


def with_onnxruntime(data: bytes, where: str, threads: int | None = None) -> Network:
    """The graph of an ONNX file's bytes on ONNX Runtime, on the CPU. Raises PearError."""
    from pear_ros.engine import onnxruntime as engine

    session = engine.open_session(data, where, threads)
    kinds = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(uint8)": "uint8",
             "tensor(int64)": "int64", "tensor(int32)": "int32"}  # fmt: skip
    ports = tuple(
        Port(
            port.name,
            tuple(n if isinstance(n, int) else None for n in port.shape),
            kinds.get(port.type, port.type),
        )
        for port in session.session.get_inputs()
    )
    return Network(session, ports, "onnxruntime")
