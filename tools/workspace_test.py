"""One folder of tests for `colcon test`, in the first python3 of the path, as the node itself runs.

    python3 tools/workspace_test.py tests/ros/node RESULT.xunit.xml CACHE_FOLDER

colcon's own interpreter seldom has the engines. Where this one lacks something, the result is one
skipped test that says what and in which interpreter; only the standard library is needed for that.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

NEEDED = ("pytest", "hypothesis", "numpy", "cv2", "rosbags")
ENGINES = ("openvino", "onnxruntime")


def missing() -> list[str]:
    """What this interpreter lacks."""
    lost = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if all(importlib.util.find_spec(name) is None for name in ENGINES):
        lost.append(" or ".join(ENGINES))
    return lost


def skipped(name: str, reason: str) -> str:
    """A JUnit result with one skipped test."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuite name={quoteattr(name)} tests="1" errors="0" failures="0" skipped="1">\n'
        f'  <testcase classname="pear" name={quoteattr(name)} time="0">\n'
        f"    <skipped message={quoteattr(reason)}/>\n"
        "  </testcase>\n"
        "</testsuite>\n"
    )


def main(words: list[str]) -> int:
    folder, result, cache = words
    lost = missing()
    if lost:
        reason = (
            f"{sys.executable} has no {', '.join(lost)}: put an environment that has them first "
            "on the path (. .venv/bin/activate)"
        )
        print(reason)
        Path(result).parent.mkdir(parents=True, exist_ok=True)
        Path(result).write_text(skipped(folder, reason))
        return 0
    # The plugins of a sourced ROS clash with pytest 9 (see `pear doctor`).
    command = [
        sys.executable, "-u", "-m", "pytest", folder, "-p", "no:launch_testing", "-p",
        "no:launch_ros", "-o", f"cache_dir={cache}", f"--junit-xml={result}", "--junit-prefix=pear",
    ]  # fmt: skip
    os.execv(sys.executable, command)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
