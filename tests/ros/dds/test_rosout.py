"""Log lines as rosbags reads them."""

from __future__ import annotations

import pytest

pytest.importorskip("cyclonedds")

from pear_ros.dds import rosout
from pear_ros.live.graph import Level
from pear_ros.messages import codec


def test_log_message() -> None:
    raw = rosout.log_message(3_000_000_005, Level.WARN, "/robot/eye", "dark, très dark")
    message = codec.deserialize(raw, "rcl_interfaces/msg/Log")
    assert (message.stamp.sec, message.stamp.nanosec) == (3, 5)
    assert (message.level, message.name, message.msg) == (30, "robot.eye", "dark, très dark")
    assert (message.file, message.function, message.line) == ("", "", 0)


def test_console_line(capsys: pytest.CaptureFixture[str]) -> None:
    rosout.print_line(3_000_000_005, Level.ERROR, "/eye", "gone")
    assert capsys.readouterr().err == "[ERROR] [3.000000005] [eye]: gone\n"
