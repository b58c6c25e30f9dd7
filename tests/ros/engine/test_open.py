"""Choice and fallback of back ends, without hiding what was given up."""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pear_ros.engine import cache, open_engine, trial
from pear_ros.engine import openvino as openvino_backend
from pear_ros.problems import PearError
from pear_ros.types import Crop

open_module = importlib.import_module("pear_ros.engine.open")


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

    # numpy would take the graphs' place.
    monkeypatch.setattr("pear_ros.engine.assemble.folded", lambda *given: given[-1])
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
    def broken(*_: object, **__: object) -> None:
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
            {"backend": "ncnn"},
            "unknown back end; expected auto, tensorrt, .*openvino, onnxruntime.*; found ncnn",
        ),
        ({"threads": 0}, "threads out of range"),
        (
            {"backend": "onnxruntime", "precision": "bf16"},
            "precision not available; expected auto, f32, int8.*; found bf16",
        ),
        ({"backend": "openvino", "precision": "int4"}, "expected auto, f32, bf16, .*; found int4"),
        ({"precision": "int4"}, "no back end can run the model"),
    ],
)
def test_bad_choices(tiny_model: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PearError, match=message):
        open_engine(tiny_model.bundle, **arguments)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_precision_that_was_not_exported(tiny_model: Any, backend: str) -> None:
    with pytest.raises(PearError, match=r"no network in int8; expected pear export .* int8"):
        open_engine(tiny_model.bundle, backend, "int8")


def test_the_trial_decides_between_what_runs_here(
    lowered_bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def ordered(bundle: Any, candidates: Any, threads: Any, opened: Any) -> Any:
        asked.append((candidates, threads))
        opened(("onnxruntime", "int8"))
        return [("onnxruntime", "int8"), *candidates]

    monkeypatch.setattr(trial, "ordered", ordered)
    info = open_engine(lowered_bundle, threads=1).info
    assert (info.backend, info.precision, info.fallback) == ("onnxruntime", "int8", "")
    bf16 = [("openvino", "bf16")] if _has_bf16() else []
    everything = [("openvino", "int8"), *bf16, ("openvino", "f32"), ("onnxruntime", "int8"),
                  ("onnxruntime", "f32")]  # fmt: skip
    assert asked == [(everything, 1)]
    # A back end by name competes with itself only, a precision by name fixes that.
    open_engine(lowered_bundle, "onnxruntime")
    assert asked[1] == ([("onnxruntime", "int8"), ("onnxruntime", "f32")], None)
    open_engine(lowered_bundle, "auto", "int8")
    assert asked[2] == ([("openvino", "int8"), ("onnxruntime", "int8")], None)


def test_it_says_what_the_trial_found(
    lowered_bundle: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a bundle with several precisions; the fastest runs, and says why."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert open_module.choice(lowered_bundle).startswith("the first start measures openvino int8, ")
    times = {("openvino", "int8"): 0.012, ("onnxruntime", "int8"): 0.010, ("openvino", "f32"): 0.03}

    def ordered(bundle: Any, candidates: Any, threads: Any, opened: Any) -> Any:
        path = tmp_path / "pear" / "engines" / "choices.json"
        trial.remember(path, trial.memory_key(bundle, candidates, threads), times)
        return trial.by_time(candidates, times)

    monkeypatch.setattr(trial, "ordered", ordered)
    info = open_engine(lowered_bundle).info
    assert (info.backend, info.precision) == ("onnxruntime", "int8")
    assert info.choice == "onnxruntime int8 10.0 ms, openvino int8 12.0 ms, openvino f32 30.0 ms"
    assert open_module.choice(lowered_bundle) == info.choice
    # Who is asked for by name has nothing to explain.
    assert open_engine(lowered_bundle, "onnxruntime", "f32").info.choice == ""


def test_gpu_back_ends_are_missed_only_where_there_is_a_gpu(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("tensorrt", "pycuda"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "pear_ros.engine.tensorrt", raising=False)
    monkeypatch.setattr(open_module, "nvidia_gpu", lambda: False)
    assert open_engine(tiny_model.bundle).info.fallback == ""
    monkeypatch.setattr(open_module, "nvidia_gpu", lambda: True)
    info = open_engine(tiny_model.bundle).info
    assert info.backend == "openvino"
    assert re.match(
        r"tensorrt is not installed \(.*\); onnxruntime_cuda: this ONNX Runtime has no CUDA",
        info.fallback,
    )


def test_a_compiled_network_is_kept_and_a_damaged_one_made_again(
    tiny_model: Any, squares: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    crop = [Crop(128, 128, 256)]

    def joints() -> Any:
        return open_engine(tiny_model.bundle, "openvino", "f32", 1).regress(squares[0], crop).joints

    expected = joints()
    (blob,) = (tmp_path / "pear" / "openvino").glob("*.blob")
    compiled = blob.stat().st_mtime_ns, blob.read_bytes()
    assert (joints() == expected).all()
    assert blob.read_bytes() == compiled[1]
    # Whole, but not OpenVINO's; and cut off.
    for damage in (lambda: cache.write(blob, b"no graph"), lambda: blob.write_bytes(b"x" * 50)):
        damage()
        assert (joints() == expected).all()
        assert cache.read(blob) is not None and blob.stat().st_size > 10_000


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
