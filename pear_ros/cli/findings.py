"""What the facts around an interpreter mean for pear: good, worth knowing, or broken, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pear_ros.cli.surroundings import Surroundings

ENOUGH_BUFFER = 4 * 2**20
"""Bytes a UDP receive buffer should be allowed: a 1080p picture is 6 MB in many datagrams."""


class Verdict(Enum):
    """GOOD; NOTE: works, but worth knowing; TRAP: will bite; BROKEN: pear does not run."""

    GOOD = "ok"
    NOTE = "note"
    TRAP = "trap"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One line for a person; remedy: what to do about it, empty where nothing."""

    verdict: Verdict
    about: str
    text: str
    remedy: str = ""


def findings(around: Surroundings, models: int) -> list[Finding]:
    """All of them, by topic. models: how many model bundles are installed."""
    return [
        *_interpreter(around),
        *_ros(around),
        *_arrays(around),
        *_kernels(around),
        *_engines(around),
        *_network(around),
        *_tests(around),
        _models(models),
    ]


def _interpreter(around: Surroundings) -> Iterator[Finding]:
    kind = "virtual environment" if around.venv else "system"
    text = f"Python {around.python} ({kind}) at {around.executable}"
    yield Finding(Verdict.GOOD, "interpreter", text)
    ours = ".".join(around.python.split(".")[:2])
    if around.ros_python and around.ros_python != ours:
        yield Finding(
            Verdict.TRAP, "interpreter",
            f"ROS was built for Python {around.ros_python}, this is {ours}: rclpy cannot load",
            f"make the virtual environment with python{around.ros_python}",
        )  # fmt: skip
    for script, line in around.scripts.items():
        if line.startswith("#!") and "/env " not in line and around.executable not in line:
            yield Finding(
                Verdict.TRAP, "interpreter",
                f"{script} runs {line[2:]}, not this interpreter: its packages are others",
                "build the workspace with the virtual environment active, or install pear-ros for "
                "that interpreter",
            )  # fmt: skip


def _ros(around: Surroundings) -> Iterator[Finding]:
    distro = around.variables.get("ROS_DISTRO", "")
    rclpy = around.probes["rclpy"]
    if not distro and not rclpy.found:
        yield Finding(
            Verdict.NOTE, "ROS", "no ROS 2 is sourced: bags, pictures and `pear live` work",
            "source /opt/ros/<distro>/setup.bash for the node; `pear live --dds` needs no ROS",
        )  # fmt: skip
        return
    middleware = around.variables.get("RMW_IMPLEMENTATION", "the distribution's default RMW")
    domain = around.variables.get("ROS_DOMAIN_ID", "0")
    yield Finding(Verdict.GOOD, "ROS", f"{distro or 'unnamed'}, {middleware}, domain {domain}")
    if rclpy.works:
        yield Finding(Verdict.GOOD, "ROS", f"rclpy works ({rclpy.said})")
    else:
        yield Finding(Verdict.BROKEN, "ROS", f"rclpy does not load: {rclpy.said}",
                      "use the interpreter ROS was built for")  # fmt: skip
    if not around.probes["pear.msg"].works:
        yield Finding(
            Verdict.TRAP, "ROS", f"pear's messages are not there: {around.probes['pear.msg'].said}",
            "colcon build --packages-select pear, then source install/setup.bash",
        )  # fmt: skip
    for name, what in (("hri_msgs", "REP-155 topics"), ("vision_msgs", "detections by topic")):
        if not around.probes[name].works:
            yield Finding(Verdict.NOTE, "ROS", f"{name} is not installed: no {what}",
                          f"apt install ros-{distro}-{name.replace('_', '-')}")  # fmt: skip


def _arrays(around: Surroundings) -> Iterator[Finding]:
    numpy = around.packages.get("numpy", "missing")
    cvs = {n: v for n, v in around.packages.items() if n.startswith("opencv")}
    shown = ", ".join(f"{name} {version}" for name, version in cvs.items()) or "no OpenCV wheel"
    yield Finding(Verdict.GOOD, "arrays", f"numpy {numpy}, {shown}")
    if len(cvs) > 1:
        yield Finding(
            Verdict.TRAP, "arrays", f"{len(cvs)} OpenCV wheels overwrite each other's cv2",
            "pip uninstall all of them, then install one",
        )  # fmt: skip
    bridge = around.probes["cv_bridge"]
    if bridge.found and not bridge.works:
        reasons = []
        if numpy.split(".")[0] == "2":
            reasons.append("a cv_bridge built for NumPy 1 cannot be imported with NumPy 2")
        if any(v.split(".")[0] == "5" for v in cvs.values()):
            reasons.append("cv_bridge does not know OpenCV 5")
        because = f" ({'; '.join(reasons)})" if reasons else ""
        yield Finding(
            Verdict.TRAP, "arrays", f"cv_bridge does not work here: {bridge.said}{because}",
            "pear never needs it; your own nodes can use pear_ros.messages.bridge instead",
        )  # fmt: skip


def _kernels(around: Surroundings) -> Iterator[Finding]:
    probe = around.probes.get("kernels")
    if probe is not None and probe.works:
        yield Finding(Verdict.GOOD, "kernels", f"compiled, {probe.said}")
    elif probe is not None:
        yield Finding(
            Verdict.NOTE, "kernels",
            f"not compiled for this interpreter: a picture costs a few ms more ({probe.said})",
            f"install a C compiler and the headers of Python {around.python}, then install or build "
            "pear again",
        )  # fmt: skip


def _engines(around: Surroundings) -> Iterator[Finding]:
    usable = [name for name in ("openvino", "onnxruntime") if around.probes[name].works]
    for name in usable:
        yield Finding(Verdict.GOOD, "engines", f"{name} {around.probes[name].said}")
    model = around.probes.get("model")
    if model is not None and model.works:
        yield Finding(Verdict.GOOD, "engines", f"fastest first, {model.said}")
    tensorrt, pycuda = around.probes["tensorrt"], around.probes["pycuda"]
    if tensorrt.works and pycuda.works:
        usable.append("tensorrt")
        text = f"TensorRT {tensorrt.said}, pycuda: {pycuda.said}"
        yield Finding(Verdict.GOOD, "engines", text)
    elif around.cuda_driver:
        lacking = [n for n, p in (("tensorrt", tensorrt), ("pycuda", pycuda)) if not p.works]
        why = "; ".join(f"{name}: {around.probes[name].said}" for name in lacking)
        yield Finding(
            Verdict.NOTE, "engines", f"there is a CUDA driver, but no TensorRT engine ({why})",
            "pip install 'pear-ros[tensorrt]', or JetPack's python3-libnvinfer",
        )  # fmt: skip
    else:
        yield Finding(Verdict.NOTE, "engines", "no CUDA driver: the CPU runs the network")
    if not usable:
        yield Finding(Verdict.BROKEN, "engines", "nothing can run a model",
                      "pip install openvino onnxruntime")  # fmt: skip


def _network(around: Surroundings) -> Iterator[Finding]:
    if 0 < around.rmem_max < ENOUGH_BUFFER:
        yield Finding(
            Verdict.TRAP, "network",
            f"net.core.rmem_max is {around.rmem_max} bytes: large pictures get lost over DDS",
            f"sudo sysctl -w net.core.rmem_max={ENOUGH_BUFFER}, and let the RMW ask for it",
        )  # fmt: skip
    dds = around.probes["cyclonedds"]
    if dds.works:
        yield Finding(Verdict.GOOD, "network", f"`pear live --dds` works (cyclonedds {dds.said})")
    elif dds.found:
        yield Finding(Verdict.TRAP, "network", f"cyclonedds does not load: {dds.said}",
                      "pip install --force-reinstall 'pear-ros[dds]'")  # fmt: skip


def _tests(around: Surroundings) -> Iterator[Finding]:
    version = around.packages.get("pytest", "")
    clashing = [name for name in around.plugins if name.startswith("launch_")]
    if version and clashing and int(version.split(".")[0]) >= 9:
        flags = " ".join(f"-p no:{name}" for name in clashing)
        yield Finding(
            Verdict.TRAP, "tests",
            f"pytest {version} and the plugins {', '.join(clashing)} of a sourced ROS clash",
            f"pytest {flags} (pear's own configuration does so)",
        )  # fmt: skip


def _models(count: int) -> Finding:
    if count:
        return Finding(Verdict.GOOD, "models", f"{count} installed (`pear models --verify`)")
    return Finding(Verdict.BROKEN, "models", "no model is installed", "set $PEAR_MODELS")
