"""What a machine tells of itself, from made-up /proc and /sys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pear_ros.bench.conditions import Moment, between, clocks_mhz, hardware, moment

TICK = os.sysconf("SC_CLK_TCK")


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_governor_board_and_gpu(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1510400\n",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "2201600\n",
            "sys/firmware/acpi/platform_profile": "balanced\n",
            "proc/device-tree/model": "A Robot's Board\0",
            "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t GPU 1\nIRQ: 3\n",
        },
    )
    facts = hardware(root)
    assert facts["governor"] == "performance, schedutil" and facts["power_mode"] == "balanced"
    assert (facts["board"], facts["gpu"]) == ("A Robot's Board", "GPU 1")
    assert clocks_mhz(root) == [1510, 2202]


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    assert {"gpu", "board", "governor"}.isdisjoint(hardware(tmp_path))
    assert clocks_mhz(tmp_path) == []
    write(tmp_path, {"proc/cpuinfo": "processor : 0\ncpu MHz\t\t: 2596.142\n"})
    assert clocks_mhz(tmp_path) == [2596]


def test_busy_time_is_all_but_idle_and_waiting(tmp_path: Path) -> None:
    # user nice system idle iowait irq softirq steal guest
    root = write(tmp_path, {"proc/stat": "cpu  100 20 30 9000 500 4 6 40 70\ncpu0 1 1\n"})
    found = moment(root)
    assert found.machine_busy == pytest.approx(200 / TICK)
    assert found.own > 0 and found.clocks == ()


def test_what_others_used() -> None:
    before = Moment(0.5, (2000,), wall=10.0, machine_busy=100.0, own=5.0)
    after = Moment(1.5, (1800,), wall=20.0, machine_busy=118.0, own=12.0)
    found = between(before, after)
    # 18 CPU seconds in 10 s, 7 of them ours.
    assert found.others_cores == pytest.approx(1.1) and found.seconds == pytest.approx(10.0)
    assert "other programs used 1.1 of 2 cores" in found.warning(2)
    assert found.warning(8) == ""


def test_without_counters_the_load_decides() -> None:
    quiet = Moment(0.1, (), 0.0, 0.0, 0.0)
    loud = Moment(3.0, (), 1.0, 0.0, 0.0)
    assert between(quiet, loud).others_cores is None
    # What we load ourselves is no fault.
    assert between(quiet, loud).warning(2) == ""
    assert "load average 3.0 on 2 cores" in between(loud, loud).warning(2)
