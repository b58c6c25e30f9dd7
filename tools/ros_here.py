"""Which ROS 2 this Python sees, in one line; or what is missing, and exit code 2.

.venv/bin/python tools/ros_here.py
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSTALLED = ("config", "launch", "models", "msg")
"""Folders that `colcon build` puts into share/pear."""
PYTHON = f"Python {sys.version.split()[0]} of {sys.prefix}"


def missing() -> str:
    """What to do before the tests that need ROS can run; "" where everything is there."""
    distro = os.environ.get("ROS_DISTRO", "")
    if not distro:
        return "no ROS 2 is sourced: source /opt/ros/DISTRO/setup.bash"
    try:
        import rclpy  # noqa: F401
    except ImportError as error:
        return (
            f"rclpy of {distro} does not load in {PYTHON}: {error}\n"
            "the virtual environment must be made with the Python that ROS was built for, and see what\n"
            "the system has for it: python3 -m venv --system-site-packages .venv"
        )
    try:
        import pear.msg  # noqa: F401
    except ImportError as error:
        return (
            f"pear is not built or not sourced ({error}): in a workspace with this folder in src/,\n"
            "colcon build --symlink-install --packages-select pear && source install/setup.bash"
        )
    if shutil.which("ros2") is None:
        return "the command ros2 is not installed (package ros2cli)"
    return outdated(ROOT)


def outdated(source: Path) -> str:
    """What the workspace that is sourced has not taken over from this folder, or "".

    New files come into a workspace only when it is built, with --symlink-install too.
    """
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    share = next((p / "share" / "pear" for p in prefixes if (p / "share" / "pear").is_dir()), None)
    if share is None:
        return ""
    for file in sorted(path for name in INSTALLED for path in (source / name).rglob("*")):
        if not file.is_file() or "__pycache__" in file.parts:
            continue
        name = file.relative_to(source)
        if not (share / name).is_file() or (share / name).stat().st_size != file.stat().st_size:
            return f"pear in {share} is older than {name}: build the workspace again (colcon build)"
    return ""


def main() -> int:
    reason = missing()
    if reason:
        print(f"run: {reason}", file=sys.stderr)
        return 2
    import rclpy

    rmw = rclpy.get_rmw_implementation_identifier()
    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    print(f"ROS 2 {os.environ['ROS_DISTRO']}, {rmw}, domain {domain}, {PYTHON}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
