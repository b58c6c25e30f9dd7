"""tools/check_tensorrt_types.py: the parts that need neither a network nor NVIDIA's bindings."""

from __future__ import annotations

import ast
import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

import check_tensorrt_types as tensorrt_types

NM = """\
                 U createInferBuilder_INTERNAL
                 U createInferRuntime_INTERNAL
                 U dlopen
                 U dlsym
                 U free@GLIBC_2.2.5
                 U getBuilderPluginRegistry
                 U getNvOnnxParserVersion
                 U initLibNvInferPlugins
                 U PyObject_Call
                 w __gmon_start__
"""
NAMES = (
    "createInferBuilder_INTERNAL",
    "createInferRuntime_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "initLibNvInferPlugins",
)


def test_only_tensorrts_functions_get_a_stand_in() -> None:
    """A stand-in for dlopen would break the interpreter that loads it."""
    lines = tensorrt_types.stand_in(NM).splitlines()
    assert [line.split("(")[0].rsplit("*")[1] for line in lines] == list(NAMES)
    with pytest.raises(tensorrt_types.CheckError, match="none of TensorRT's functions"):
        tensorrt_types.stand_in("U dlopen\n")


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_the_stand_ins_load(tmp_path: Path) -> None:
    source, library = tmp_path / "empty.c", tmp_path / "libempty.so"
    source.write_text(tensorrt_types.stand_in(NM))
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    loaded = ctypes.CDLL(str(library))
    assert all(getattr(loaded, name)() == 0 for name in NAMES)


GENERATED = """\
from __future__ import annotations
import collections.abc
import typing
__all__: list[str] = ['bool']
class A:
    flag: bool
    def f(self, in: int, out: int) -> bool:
        ...
    def g(self, a: int = None, b: int) -> int:
        '''returns bool'''
    def h(self, x: typing_extensions.Buffer, y: bool = False) -> list[bool]:
        ...
bool: int
"""


def test_generated_signatures_are_repaired() -> None:
    with pytest.raises(SyntaxError):
        ast.parse(GENERATED)
    text, loosened = tensorrt_types.repair(GENERATED)
    ast.parse(text)
    assert loosened == {"g"}
    assert "\nimport typing_extensions\n" in text and "\nimport builtins\n" in text
    assert "    flag: builtins.bool\n" in text
    assert "def f(self, in_: int, out: int) -> builtins.bool:" in text
    assert "def g(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:" in text
    assert "y: builtins.bool = False) -> list[builtins.bool]:" in text
    # The data type itself and prose stay.
    assert "\nbool: int\n" in text and "returns bool" in text
    assert tensorrt_types.repair("import typing\nx: int\n")[1] == set()


def test_names_used() -> None:
    source = (
        "import tensorrt as trt\nf(trt.BuilderFlag.TF32, other.thing, trt.Builder(log).reset)\n"
    )
    assert {"BuilderFlag.TF32", "Builder"} <= tensorrt_types.names_used(source)
    assert not {n for n in tensorrt_types.names_used(source) if "thing" in n or "reset" in n}


def test_the_whole_back_end_is_checked() -> None:
    users = {
        path
        for path in (Path(tensorrt_types.__file__).parents[1] / "pear_ros" / "engine").glob("*.py")
        if "import tensorrt as trt" in path.read_text() or "import pycuda" in path.read_text()
    }
    names = ("tensorrt", "tensorrt_build", "tensorrt_session", "cuda_memory")
    assert {path.stem for path in users} == set(names) and users <= set(tensorrt_types.FILES)
