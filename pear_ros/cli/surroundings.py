"""What this interpreter finds around it: facts for `pear doctor`, gathered without judging."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

_PROBES: dict[str, str] = {
    "rclpy": "import rclpy; from rclpy.impl.implementation_singleton import rclpy_implementation; "
    "print(rclpy.__file__)",
    "pear.msg": "import pear.msg; pear.msg.HumanArray(); print(pear.msg.__file__)",
    "hri_msgs": "import hri_msgs.msg; print(hri_msgs.__file__)",
    "vision_msgs": "import vision_msgs.msg; print(vision_msgs.__file__)",
    "cv_bridge": "import cv_bridge; from cv_bridge.boost.cv_bridge_boost import getCvType; "
    "print(cv_bridge.__file__)",
    "kernels": "from pear_ros.native import REVISION, _kernels; "
    "assert getattr(_kernels, 'REVISION', 0) == REVISION, 'left from an older tree'; print(_kernels.__file__)",
    "openvino": "import openvino; print(openvino.__version__, openvino.Core().available_devices)",
    "onnxruntime": "import onnxruntime as o; print(o.__version__, o.get_available_providers())",
    "model": "from pear_ros.assets import DEFAULT_MODEL, model_dir; from pear_ros.engine.open import "
    "choice; print(DEFAULT_MODEL, choice(model_dir()), sep=': ')",
    "tensorrt": "import tensorrt as t; print(t.__version__); t.Builder(t.Logger())",
    "pycuda": "import pycuda.driver as d; d.init(); print(d.Device.count(), d.Device(0).name())",
    "cyclonedds": "import cyclonedds; from cyclonedds.core import Entity; import importlib.metadata "
    "as m; print(m.version('cyclonedds'))",
}
"""Name -> a program that shows whether a package works, and prints what should be told."""
_PACKAGES = (
    "numpy", "opencv-python-headless", "opencv-python", "opencv-contrib-python", "openvino",
    "onnxruntime", "onnxruntime-gpu", "rosbags", "cyclonedds", "torch", "pytest", "pear-ros",
)  # fmt: skip
_VARIABLES = (
    "ROS_DISTRO", "ROS_VERSION", "RMW_IMPLEMENTATION", "ROS_DOMAIN_ID", "ROS_LOCALHOST_ONLY",
    "ROS_AUTOMATIC_DISCOVERY_RANGE", "CYCLONEDDS_URI", "AMENT_PREFIX_PATH", "PYTHONPATH",
    "VIRTUAL_ENV", "PEAR_MODELS",
)  # fmt: skip


@dataclass(frozen=True)
class Probe:
    """Whether a package works: found (importable at all), works, and what it said last."""

    found: bool
    works: bool
    said: str


@dataclass(frozen=True)
class Surroundings:
    """Facts. scripts: path of each installed node executable -> its first line. rmem_max: bytes, 0
    unknown.
    """

    executable: str
    python: str
    venv: bool
    variables: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    ros_python: str = ""
    """Version of the interpreter ROS was built for ("3.12"), from the folders it put on the path."""
    cuda_driver: bool = False
    rmem_max: int = 0
    plugins: tuple[str, ...] = ()
    """Names of pytest plugins that load by themselves."""


def gather() -> Surroundings:
    """Look around; each package is tried in a process of its own, since some kill theirs."""
    variables = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    return Surroundings(
        executable=sys.executable,
        python=platform.python_version(),
        venv=sys.prefix != sys.base_prefix,
        variables=variables,
        packages=_versions(),
        probes={name: _probe(name, program) for name, program in _PROBES.items()},
        scripts=_scripts(variables.get("AMENT_PREFIX_PATH", "")),
        ros_python=_ros_python(variables.get("PYTHONPATH", "")),
        cuda_driver=_cuda_driver(),
        rmem_max=_number(Path("/proc/sys/net/core/rmem_max")),
        plugins=tuple(sorted({e.name for e in metadata.entry_points(group="pytest11")})),
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _probe(name: str, program: str) -> Probe:
    words = [sys.executable, "-c", program]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Probe(True, False, f"{type(error).__name__} after 60 s")
    if done.returncode == 0:
        return Probe(True, True, done.stdout.strip())
    last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    top = name.split(".")[0]
    missing = f"No module named '{top}'" in last
    return Probe(not missing, False, last)


def _scripts(prefixes: str) -> dict[str, str]:
    found = {}
    for prefix in filter(None, prefixes.split(os.pathsep)):
        script = Path(prefix) / "lib" / "pear" / "mesh_recovery_node"
        try:
            found[str(script)] = script.read_text(encoding="utf-8").split("\n", 1)[0]
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _ros_python(path: str) -> str:
    for part in path.split(os.pathsep):
        folder = Path(part)
        if (folder / "rclpy").is_dir():
            for name in folder.parts:
                if name.startswith("python3."):
                    return name.removeprefix("python")
    return ""


def _cuda_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0
