"""What `pear doctor` makes of fabricated surroundings: every trap it knows, and silence without one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pear_ros.cli.findings import Verdict, findings
from pear_ros.cli.surroundings import _PROBES, Probe, Surroundings

WORKS, MISSING = Probe(True, True, "1.0"), Probe(False, False, "No module named 'x'")
GOOD = Surroundings(
    executable="/venv/bin/python",
    python="3.12.3",
    venv=True,
    variables={"ROS_DISTRO": "jazzy"},
    packages={"numpy": "1.26.4", "opencv-python-headless": "4.10.0", "pytest": "8.3.0"},
    probes=dict.fromkeys(_PROBES, WORKS),
    ros_python="3.12",
    cuda_driver=True,
    rmem_max=8 * 2**20,
)


def traps(around: Surroundings, models: int = 1) -> list[str]:
    found = findings(around, models)
    return [f.text for f in found if f.verdict in (Verdict.TRAP, Verdict.BROKEN)]


def with_probe(name: str, probe: Probe) -> Surroundings:
    return replace(GOOD, probes={**GOOD.probes, name: probe})


def test_where_everything_is_right_nothing_is_named() -> None:
    assert traps(GOOD) == []
    assert {f.verdict for f in findings(GOOD, 1)} == {Verdict.GOOD}


def test_it_names_what_runs_the_default_model() -> None:
    said = "pear_vit_ti: openvino bf16 12.0 ms, openvino f32 18.0 ms"
    found = [f.text for f in findings(with_probe("model", Probe(True, True, said)), 1)]
    assert f"fastest first, {said}" in found
    assert not any("fastest" in f.text for f in findings(with_probe("model", MISSING), 1))


def test_kernels_that_are_not_compiled_are_worth_knowing() -> None:
    (found,) = (f for f in findings(with_probe("kernels", MISSING), 1) if f.about == "kernels")
    assert found.verdict is Verdict.NOTE and "headers of Python 3.12.3" in found.remedy


@pytest.mark.parametrize(
    ("around", "words"),
    [
        (replace(GOOD, python="3.11.7"), "ROS was built for Python 3.12, this is 3.11"),
        (replace(GOOD, scripts={"/ws/lib/pear/mesh_recovery_node": "#!/usr/bin/python3"}),
         "runs /usr/bin/python3, not this interpreter"),
        (with_probe("rclpy", Probe(True, False, "undefined symbol")), "rclpy does not load"),
        (with_probe("pear.msg", MISSING), "pear's messages are not there"),
        (replace(with_probe("cv_bridge", Probe(True, False, "ImportError: numpy.core")),
                 packages={"numpy": "2.1.0"}), "built for NumPy 1 cannot be imported with NumPy 2"),
        (replace(with_probe("cv_bridge", Probe(True, False, "error")),
                 packages={"numpy": "1.26.4", "opencv-python": "5.0.0"}), "does not know OpenCV 5"),
        (replace(GOOD, packages={**GOOD.packages, "opencv-python": "4.9.0"}), "2 OpenCV wheels"),
        (replace(GOOD, rmem_max=212992), "net.core.rmem_max is 212992"),
        (replace(GOOD, packages={**GOOD.packages, "pytest": "9.2.0"},
                 plugins=("launch_ros", "launch_testing")), "clash"),
        (replace(GOOD, probes=dict.fromkeys(_PROBES, MISSING)), "nothing can run a model"),
    ],
)  # fmt: skip
def test_every_trap_has_its_words_and_a_remedy(around: Surroundings, words: str) -> None:
    hits = [f for f in findings(around, 1) if words in f.text]
    assert len(hits) == 1
    assert hits[0].verdict in (Verdict.TRAP, Verdict.BROKEN) and hits[0].remedy


def test_an_env_script_is_no_trap() -> None:
    line = {"/ws/lib/pear/mesh_recovery_node": "#!/usr/bin/env python3"}
    assert traps(replace(GOOD, scripts=line)) == []


def test_without_ros_or_gpu_there_are_notes_and_no_traps() -> None:
    bare = dict.fromkeys(_PROBES, MISSING) | {"openvino": WORKS}
    around = replace(GOOD, variables={}, probes=bare, ros_python="", cuda_driver=False)
    assert traps(around) == []
    notes = [f.text for f in findings(around, 1) if f.verdict is Verdict.NOTE]
    assert any("no ROS 2 is sourced" in n for n in notes)
    assert any("the CPU runs the network" in n for n in notes)


def test_a_gpu_without_tensorrt_says_what_is_lacking() -> None:
    found = findings(with_probe("tensorrt", MISSING), 1)
    note = next(f for f in found if "no TensorRT engine" in f.text)
    assert note.verdict is Verdict.NOTE and "tensorrt: No module" in note.text


def test_no_model_is_the_end() -> None:
    assert traps(GOOD, models=0) == ["no model is installed"]


def test_the_command_itself(pear: Any) -> None:
    ran = pear("doctor", "--json")
    told = json.loads(ran.out)
    assert ran.code == 0 and told["ok"] and told["facts"]["packages"]["numpy"]
    assert any(f["about"] == "engines" and f["verdict"] == "ok" for f in told["findings"])
