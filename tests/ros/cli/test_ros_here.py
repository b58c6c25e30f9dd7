"""`./run ros-test` says what is missing before it runs anything."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ros_here


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tool in a place where everything is there."""
    rclpy = ModuleType("rclpy")
    rclpy.get_rmw_implementation_identifier = lambda: "rmw_made_up"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rclpy", rclpy)
    monkeypatch.setitem(sys.modules, "pear", ModuleType("pear"))
    monkeypatch.setitem(sys.modules, "pear.msg", ModuleType("pear.msg"))
    monkeypatch.setattr(ros_here.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/opt/ros/jazzy")
    monkeypatch.setenv("ROS_DOMAIN_ID", "17")
    return ros_here


def test_which_ros(tool: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main() == 0
    assert capsys.readouterr().out.startswith("ROS 2 jazzy, rmw_made_up, domain 17, Python 3.")


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("ROS_DISTRO", "no ROS 2 is sourced"), ("rclpy", "rclpy of jazzy does not load"),
        ("pear.msg", "colcon build --symlink-install"), ("ros2", "ros2cli"),
    ],
)  # fmt: skip
def test_what_is_missing(
    tool: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    lost: str, words: str,
) -> None:  # fmt: skip
    if lost == "ROS_DISTRO":
        monkeypatch.delenv(lost)
    elif lost == "ros2":
        monkeypatch.setattr(tool.shutil, "which", lambda name: None)
    else:
        monkeypatch.setitem(sys.modules, lost, None)
    assert tool.main() == 2
    assert words in capsys.readouterr().err


def test_a_workspace_that_is_older_than_this_folder(
    tool: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source, share = tmp_path / "source", tmp_path / "install" / "share" / "pear"
    for root in (source, share):
        for name in ("models/body/mesh.onnx", "msg/Human.msg"):
            (root / name).parent.mkdir(parents=True)
            (root / name).write_text("seven b")
    monkeypatch.setattr(tool, "ROOT", source)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'other'}:{tmp_path / 'install'}")
    assert tool.main() == 0
    (source / "models/body/selftest.npz").touch()
    assert tool.main() == 2
    told = capsys.readouterr().err
    assert f"pear in {share} is older than models/body/selftest.npz" in told
    (share / "models/body/selftest.npz").touch()
    (share / "msg/Human.msg").write_text("other, longer")
    assert tool.main() == 2 and "older than msg/Human.msg" in capsys.readouterr().err
