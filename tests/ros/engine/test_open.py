"""Choice and fallback of back ends, without hiding what was given up."""

import sys
from typing import Any

import pytest

from pear_ros.engine import open_engine
from pear_ros.engine import openvino as openvino_backend
from pear_ros.problems import PearError


def test_auto_prefers_openvino(tiny_model: Any) -> None:
    info = open_engine(tiny_model.bundle).info
    assert (info.backend, info.fallback) == ("openvino", "")
    assert info.precision == ("bf16" if _has_bf16() else "f32")


def test_a_missing_back_end_is_replaced_visibly(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "openvino")
    info = open_engine(tiny_model.bundle).info
    assert info.backend == "onnxruntime" and info.precision == "f32"
    assert info.fallback.startswith("openvino is not installed")
    with pytest.raises(
        PearError, match="no back end can run the model; found openvino is not installed"
    ):
        open_engine(tiny_model.bundle, "openvino")


def test_geometry_stays_in_openvino_without_onnxruntime(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch, squares: Any
) -> None:
    from pear_ros.engine.probe import probe

    expected = probe(open_engine(tiny_model.bundle, "openvino", "f32"), squares)
    without(monkeypatch, "onnxruntime")
    engine = open_engine(tiny_model.bundle, "auto", "f32")
    assert (engine.info.backend, engine.info.geometry) == ("openvino", "openvino")
    found = probe(engine, squares)
    for name, value in expected.items():
        assert abs(found[name] - value).max() < 2e-5, name


def test_a_back_end_that_cannot_load_is_replaced_visibly(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise PearError("OpenVINO cannot load the graph", where="network.onnx", found="no memory")

    monkeypatch.setattr(openvino_backend, "open_session", broken)
    info = open_engine(tiny_model.bundle).info
    assert info.backend == "onnxruntime"
    assert info.fallback == "network.onnx: OpenVINO cannot load the graph; found no memory"
    # Asked for by name, it is not replaced.
    with pytest.raises(PearError, match="no memory"):
        open_engine(tiny_model.bundle, "openvino")


def test_bf16_on_a_cpu_without_it(tiny_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_backend, "supports_bf16", lambda core: False)
    assert open_engine(tiny_model.bundle, "openvino", "auto").info.precision == "f32"
    with pytest.raises(PearError, match="this CPU has no bfloat16"):
        open_engine(tiny_model.bundle, "openvino", "bf16")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"backend": "tensorrt"},
            "unknown back end; expected auto, openvino, onnxruntime; found tensorrt",
        ),
        ({"threads": 0}, "threads out of range"),
        (
            {"backend": "onnxruntime", "precision": "bf16"},
            "precision not available; expected f32; found",
        ),
        ({"backend": "openvino", "precision": "int4"}, "expected auto, f32 or bf16; found int4"),
        ({"precision": "int4"}, "no back end can run the model"),
    ],
)
def test_bad_choices(tiny_model: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PearError, match=message):
        open_engine(tiny_model.bundle, **arguments)


def test_threads_are_passed_on(tiny_model: Any) -> None:
    for backend in ("openvino", "onnxruntime"):
        assert open_engine(tiny_model.bundle, backend, threads=1).info.threads == 1
        assert open_engine(tiny_model.bundle, backend).info.threads == 0


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Makes `import package` fail, as if it were not installed."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"pear_ros.engine.{package}", raising=False)


def _has_bf16() -> bool:
    import openvino

    return openvino_backend.supports_bf16(openvino.Core())
