"""What a result was made with: machine and package versions, for reports and benchmarks."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from pear_ros import __version__

_PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "opencv-python",
    "openvino",
    "onnxruntime",
    "rosbags",
)


def versions() -> dict[str, str]:
    """Versions of pear, Python and the packages results depend on; nothing is imported for it."""
    found = {"pear": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, str]:
    """Processor, usable cores, memory and system."""
    facts = {"processor": _processor(), "cores": str(_cores()), "system": platform.platform()}
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        facts["memory"] = f"{memory / 2**30:.0f} GiB"
    except (ValueError, OSError, AttributeError):
        pass
    return facts


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.lower().startswith(("model name", "hardware")):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
