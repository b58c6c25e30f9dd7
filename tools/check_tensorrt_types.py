"""Type-checks the TensorRT back end against the real bindings of TensorRT 10 and 11.

    python tools/check_tensorrt_types.py [--venv DIR] [--versions 10.1.0 10.* 11.*]

No GPU and no TensorRT is needed: NVIDIA's bindings come from PyPI as small wheels, three libraries
that are compiled here stand in for the ones they link to, so that they import, and pybind11-stubgen
writes down their signatures. Nothing is executed but that import. The bindings and the signatures
are NVIDIA's (its licence): they stay in the scratch folder and are never committed. Needs gcc, nm
and access to PyPI; a minute. Prints one line per version (the oldest that is supported, the newest
10 and the newest 11, unless told otherwise); the exit status is 0 if all is well.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import keyword
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (
    *sorted((ROOT / "pear_ros/engine").glob("tensorrt*.py")),
    ROOT / "pear_ros/engine/cuda_memory.py",
)
VERSIONS = ("10.1.0", "10.*", "11.*")
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
TOOLS = ("mypy>=1.10", "pybind11-stubgen>=2.5", "numpy", "typing_extensions")
CONFIG = """\
[mypy]
python_version = 3.11
strict = true
follow_imports = silent
cache_dir = {cache}
mypy_path = {stubs}:{root}
[mypy-tensorrt_bindings.*]
ignore_errors = true
[mypy-pycuda.*,cv2.*]
ignore_missing_imports = true
"""
# A check that cannot fail is worthless: these must be refused, or the signatures are not in force.
MISTAKES = """\
import tensorrt as trt
def every_version(context: trt.IExecutionContext, runtime: trt.Runtime) -> str:
    context.execute_async_v2(0)
    context.set_tensor_address(0, "image")
    runtime.deserialize_cuda_engine(5)
    return context.execute_async_v3(0)
def removed_in_11(config: trt.IBuilderConfig) -> None:
    config.set_flag(trt.BuilderFlag.FP16)
"""
MISTAKEN_LINES = {10: [3, 4, 5, 6], 11: [3, 4, 5, 6, 8]}


class CheckError(RuntimeError):
    """A step of the check itself failed."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--venv", type=Path, help="keep everything here and use it again")
    parser.add_argument("--versions", nargs="+", default=VERSIONS, metavar="VERSION")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pear_tensorrt_types_") as scratch:
        folder = (arguments.venv or Path(scratch)).resolve()
        try:
            python = make_venv(folder)
            return max(check(python, folder, version) for version in arguments.versions)
        except (CheckError, OSError) as error:
            print(error, file=sys.stderr)
            return 2


def make_venv(folder: Path) -> Path:
    """The scratch environment's Python, with mypy and the generator of signatures."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    run([python, "-m", "pip", "install", "-q", *TOOLS])
    return python


def check(python: Path, folder: Path, version: str) -> int:
    """Check one version and say so in one line; 0 if the back end fits it."""
    site = folder / f"bindings-{version.replace('*', 'x')}"
    if not site.exists():
        package = f"tensorrt-cu12-bindings=={version}"
        run([python, "-m", "pip", "install", "-q", "--no-deps", "--target", site, package])
    stubs = write_signatures(python, folder, site)
    text = (stubs / "tensorrt_bindings" / "__init__.pyi").read_text()
    found = re.search(r"__version__: str = '([\d.]+)'", text)
    if found is None:
        raise CheckError(f"{site}: no version in the signatures")
    full = found.group(1)
    config = site / "mypy.ini"
    config.write_text(CONFIG.format(cache=site / "mypy_cache", stubs=stubs, root=ROOT))
    prove_in_force(python, site, config, int(full.split(".")[0]))
    status, output = mypy(python, config, FILES)
    lines = len((stubs / "tensorrt_bindings" / "tensorrt.pyi").read_text().splitlines())
    names = set[str]().union(*(names_used(path.read_text()) for path in FILES))
    verdict = output.strip().splitlines()[-1] if output.strip() else "no answer"
    print(
        f"TensorRT {full}: {lines} lines of signatures, {len(names)} names of the module used, "
        f"mypy --strict over {len(FILES)} files: {verdict}"
    )
    if status:
        print(output, file=sys.stderr)
    return status


def write_signatures(python: Path, folder: Path, site: Path) -> Path:
    """Folder with the signatures of the bindings in `site`, importable as tensorrt."""
    binding = site / "tensorrt_bindings" / "tensorrt.so"
    dynamic = run(["readelf", "-d", binding])
    libraries = site / "libraries"
    libraries.mkdir(exist_ok=True)
    source = libraries / "empty.c"
    source.write_text(stand_in(run(["nm", "-D", "--undefined-only", binding])))
    for name in LIBRARIES:
        needed = re.search(rf"\[(lib{name}\.so\.\d+)\]", dynamic)
        if needed is None:
            raise CheckError(f"{binding}: does not link to lib{name}")
        target, soname = libraries / needed.group(1), f"-Wl,-soname,{needed.group(1)}"
        run(["gcc", "-shared", "-fPIC", soname, "-o", target, source])
    stubs = site / "signatures"
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(libraries),
        "PYTHONPATH": str(site),
    }
    generator: list[str | Path] = [python, "-m", "pybind11_stubgen"]
    run([*generator, "tensorrt_bindings", "--ignore-all-errors", "-o", stubs], environment)
    module = stubs / "tensorrt_bindings" / "tensorrt.pyi"
    text, loosened = repair(module.read_text())
    module.write_text(text)
    lost = loosened & set().union(*(attributes(path.read_text()) for path in FILES))
    if lost:
        raise CheckError(f"{module}: no usable signature of {sorted(lost)}")
    (stubs / "tensorrt").mkdir(exist_ok=True)
    (stubs / "tensorrt" / "__init__.pyi").write_text(
        "from tensorrt_bindings.tensorrt import *\n__version__: str\n"
    )
    return stubs


def repair(text: str) -> tuple[str, set[str]]:
    """The generator's text as valid Python, and the functions whose signature that cost.

    It takes NVIDIA's parameter names as they are, `in` among them; it does not import
    typing_extensions, and TensorRT's data type `bool` hides Python's: without care, buffers and
    truth values would silently mean Any.
    """
    imports = "\nimport builtins\nimport typing\nimport typing_extensions\n"
    text = text.replace("\nimport typing\n", imports, 1)
    hidden = set(re.findall(r"^(\w+):", text, re.MULTILINE)) & set(dir(builtins))
    pattern = rf"(?:(?<=[:>,|] )|(?<=\[))({'|'.join(sorted(hidden)) or '(?!)'})\b"
    loosened = set()
    repaired = []
    for line in text.splitlines():
        if re.match(r"\s+\w+: |\s*def ", line):
            line = re.sub(pattern, r"builtins.\1", line)
        found = re.match(r"(\s*)def (\w+)\(.*:$", line)
        if found and not parses(line):
            line = re.sub(rf"([(,] ?)({'|'.join(keyword.kwlist)}):", r"\1\2_:", line)
            if not parses(line):
                loosened.add(found.group(2))
                anything = "*args: typing.Any, **kwargs: typing.Any) -> typing.Any:"
                line = f"{found.group(1)}def {found.group(2)}({anything}"
        repaired.append(line)
    return "\n".join(repaired) + "\n", loosened


def parses(line: str) -> bool:
    try:
        ast.parse(f"{line.strip()} ...")
    except SyntaxError:
        return False
    return True


def stand_in(undefined: str) -> str:
    """C source of the functions of TensorRT's libraries that `nm` lists as undefined."""
    pattern = r"\bU (\w*(?:_INTERNAL|PluginRegistry|NvInferPlugins|NvOnnxParserVersion))$"
    names = re.findall(pattern, undefined, re.MULTILINE)
    if not names:
        raise CheckError(
            "the bindings need none of TensorRT's functions; has their layout changed?"
        )
    return "".join(f"void *{name}(void) {{ return 0; }}\n" for name in names)


def prove_in_force(python: Path, site: Path, config: Path, major: int) -> None:
    """Raises CheckError unless mypy finds exactly the known mistakes of this version."""
    path = site / "mistakes.py"
    path.write_text(MISTAKES)
    _, output = mypy(python, config, (path,))
    lines = sorted({int(n) for n in re.findall(r"mistakes\.py:(\d+): error", output)})
    if lines != MISTAKEN_LINES.get(major, MISTAKEN_LINES[11]):
        raise CheckError(f"the signatures are not in force; mypy found lines {lines}:\n{output}")


def mypy(python: Path, config: Path, files: tuple[Path, ...]) -> tuple[int, str]:
    done = subprocess.run(
        [python, "-m", "mypy", "--strict", "--config-file", config, *files],
        cwd=config.parent,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


def names_used(source: str) -> set[str]:
    """Dotted names below `trt` in a module: Builder, BuilderFlag.TF32, ..."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name) and node.id == "trt":
            names.add(".".join(parts))
    return names


def attributes(source: str) -> set[str]:
    """Every name behind a dot in a module."""
    return {n.attr for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute)}


def run(command: list[str | Path], environment: dict[str, str] | None = None) -> str:
    """Its standard output. Raises CheckError with what it said if it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        words = " ".join(str(word) for word in command)
        raise CheckError(f"{words}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
