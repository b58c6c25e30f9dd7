"""The TensorRT back end from outside: its place in the choice, and what it may not use.

Its calls run in the contract tests where there are TensorRT, pycuda and a GPU.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from pear_ros.engine import open_engine
from pear_ros.engine.open import BACKENDS
from pear_ros.problems import PearError

ENGINE = Path(__file__).parents[3] / "pear_ros" / "engine"
MODULES = sorted([*ENGINE.glob("tensorrt*.py"), ENGINE / "cuda_memory.py"])
GONE = {
    # What TensorRT 11 took away.
    "FP16",
    "BF16",
    "INT8",
    "FP8",
    "EXPLICIT_BATCH",
    "IInt8EntropyCalibrator2",
    "int8_calibrator",
    "platform_has_fast_fp16",
    "platform_has_fast_int8",
    "device_memory_size",
    "get_device_memory_size_for_profile",
    "create_execution_context_without_device_memory",
    # What TensorRT 10 took away.
    "max_workspace_size",
    "build_engine",
    "build_cuda_engine",
    "execute_async",
    "execute_async_v2",
    "get_binding_index",
    "num_bindings",
    "max_batch_size",
}


@pytest.mark.parametrize("missing", ["tensorrt", "pycuda"])
def test_without_it_the_next_back_end_runs_and_says_so(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    assert BACKENDS[0] == "tensorrt"
    monkeypatch.setattr("pear_ros.engine.open.nvidia_gpu", lambda: True)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, "pear_ros.engine.tensorrt", raising=False)
    for name in [n for n in sys.modules if n.startswith("pear_ros.engine.cuda_memory")]:
        monkeypatch.delitem(sys.modules, name)
    info = open_engine(tiny_model.bundle).info
    assert info.backend != "tensorrt"
    assert info.fallback.startswith("tensorrt is not installed (")
    with pytest.raises(PearError, match="no back end can run the model; found tensorrt is not"):
        open_engine(tiny_model.bundle, "tensorrt")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_only_calls_that_tensorrt_10_and_11_share(path: Path) -> None:
    """A quick guard; tools/check_tensorrt_types.py is the thorough one."""
    tree = ast.parse(path.read_text())
    used = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    assert not used & GONE


def test_the_guard_sees_a_removed_call() -> None:
    tree = ast.parse("config.set_flag(trt.BuilderFlag.FP16)")
    assert {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)} & GONE == {"FP16"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_neither_torch_nor_a_context_of_its_own(path: Path) -> None:
    """pycuda.autoinit would make a second context beside the one that TensorRT uses."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    assert not {n for n in imported if n.split(".")[0] == "torch" or n == "pycuda.autoinit"}
    if path.stem in ("tensorrt_plan", "tensorrt_cache"):
        assert not {n for n in imported if n.split(".")[0] in ("tensorrt", "pycuda")}
