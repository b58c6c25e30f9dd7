"""The machine during a measurement: clocks, power, load, and what others took from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from pear_ros.output.machine import machine

BUSY = 0.15
"""Part of the machine's cores that others may use before a measurement is called disturbed."""
_CPUFREQ = "sys/devices/system/cpu"


def hardware(root: Path = Path("/")) -> dict[str, str]:
    """CPU, cores, memory, system; GPU and board where there are; governor and power mode if they
    can be read.

    root: where /proc and /sys are.
    """
    facts = machine()
    gpus = [
        line.split(":", 1)[1].strip()
        for path in sorted(root.glob("proc/driver/nvidia/gpus/*/information"))
        for line in _read(path).splitlines()
        if line.startswith("Model")
    ]
    found = {
        "gpu": ", ".join(gpus),
        "board": _read(root / "proc/device-tree/model").strip("\0\n "),
        "governor": _distinct(root, "scaling_governor"),
        "energy_preference": _distinct(root, "energy_performance_preference"),
        "power_mode": _read(root / "sys/firmware/acpi/platform_profile").strip() or _nvpmodel(),
    }
    return facts | {name: value for name, value in found.items() if value}


def clocks_mhz(root: Path = Path("/")) -> list[int]:
    """The present clock of each core in MHz; empty where the machine does not tell."""
    paths = root.glob(f"{_CPUFREQ}/cpu[0-9]*/cpufreq/scaling_cur_freq")
    kilohertz = [_read(path).strip() for path in sorted(paths)]
    if kilohertz:
        return [round(int(text) / 1000) for text in kilohertz if text.isdigit()]
    lines = _read(root / "proc/cpuinfo").splitlines()
    return [round(float(line.split(":")[1])) for line in lines if line.startswith("cpu MHz")]


@dataclass(frozen=True)
class Moment:
    """Load average of the last minute, clocks, and counters to take differences of, in seconds."""

    load: float
    clocks: tuple[int, ...]
    wall: float
    machine_busy: float
    own: float


def moment(root: Path = Path("/")) -> Moment:
    """Now. own: CPU seconds of this process and of children that have ended."""
    times = os.times()
    return Moment(
        load=os.getloadavg()[0],
        clocks=tuple(clocks_mhz(root)),
        wall=time.monotonic(),
        machine_busy=_busy_seconds(_read(root / "proc/stat")),
        own=times.user + times.system + times.children_user + times.children_system,
    )


@dataclass(frozen=True)
class Conditions:
    """What was around a measurement. others_cores: cores that other programs used on average, None
    where the machine does not tell.
    """

    load_before: float
    load_after: float
    clocks_before_mhz: tuple[int, ...]
    clocks_after_mhz: tuple[int, ...]
    seconds: float
    others_cores: float | None

    def warning(self, cores: int) -> str:
        """Why not to trust the absolute figures; empty where there is no reason."""
        if self.others_cores is not None:
            if self.others_cores <= BUSY * cores:
                return ""
            return (
                f"the machine was busy: other programs used {self.others_cores:.1f} of {cores} "
                f"cores; only ratios within this run mean something"
            )
        if self.load_before <= BUSY * cores:
            return ""
        return f"the machine was busy: load average {self.load_before:.1f} on {cores} cores before"


def between(before: Moment, after: Moment) -> Conditions:
    """The time from one moment to another."""
    seconds = max(after.wall - before.wall, 1e-9)
    others = (after.machine_busy - before.machine_busy) - (after.own - before.own)
    known = after.machine_busy > 0
    return Conditions(
        load_before=before.load,
        load_after=after.load,
        clocks_before_mhz=before.clocks,
        clocks_after_mhz=after.clocks,
        seconds=seconds,
        others_cores=max(0.0, others / seconds) if known else None,
    )


def _busy_seconds(stat: str) -> float:
    """CPU seconds of all cores since the start: user, nice, system, irq, softirq, steal."""
    for line in stat.splitlines():
        if line.startswith("cpu "):
            ticks = [int(text) for text in line.split()[1:9]]
            busy = sum(ticks) - ticks[3] - (ticks[4] if len(ticks) > 4 else 0)
            return busy / os.sysconf("SC_CLK_TCK")
    return 0.0


def _distinct(root: Path, name: str) -> str:
    paths = root.glob(f"{_CPUFREQ}/cpu[0-9]*/cpufreq/{name}")
    return ", ".join(sorted({_read(path).strip() for path in paths} - {""}))


def _nvpmodel() -> str:
    """The power mode of a Jetson."""
    tool = shutil.which("nvpmodel")
    if tool is None:
        return ""
    try:
        done = subprocess.run([tool, "-q"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return " ".join(done.stdout.split())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
