"""DiagnosticArray decoded by rosbags."""

from __future__ import annotations

import math

import pytest

from pear_ros.messages import codec
from pear_ros.messages.diagnostics import Health, Level, Percentiles, diagnostic_array

HEALTH = Health(
    node="/robot/pear",
    hardware_id="/camera/image_raw",
    level=Level.WARN,
    message="camera is not calibrated",
    backend="openvino 2026.4",
    device="CPU",
    precision="bf16",
    fallback="tensorrt: not installed",
    rate_in=29.96,
    rate_out=14.0,
    latency=Percentiles(0.0321, 0.05, 0.0712),
    stages={"network": 0.01234, "body": 0.0005},
    dropped={"older than the newest": 3, "bad": 1},
    problems={"encoding": 2},
    calibrated=False,
    calibration_reason="no CameraInfo",
    people=2,
    frames=99,
)


def decode(health: Health) -> tuple[object, dict[str, str]]:
    raw = diagnostic_array(health, 1_500_000_002)
    message = codec.deserialize(raw, codec.DIAGNOSTIC_ARRAY)
    assert codec.serialize(message, codec.DIAGNOSTIC_ARRAY) == raw
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 500_000_002)
    (status,) = message.status
    values = {pair.key: pair.value for pair in status.values}
    assert len(values) == len(status.values)
    return status, values


def test_everything_is_said_with_its_unit() -> None:
    status, values = decode(HEALTH)
    assert (status.level, status.name) == (1, "/robot/pear: mesh recovery")
    assert (status.message, status.hardware_id) == ("camera is not calibrated", "/camera/image_raw")
    assert values == {
        "people": "2",
        "calibration": "UNCALIBRATED: no CameraInfo",
        "engine": "openvino 2026.4",
        "device": "CPU",
        "precision": "bf16",
        "fallback": "tensorrt: not installed",
        "pictures in (Hz)": "30.0",
        "results out (Hz)": "14.0",
        "latency median (ms)": "32.10",
        "latency 95 % (ms)": "50.00",
        "latency 99 % (ms)": "71.20",
        "network mean (ms)": "12.34",
        "body mean (ms)": "0.50",
        "results": "99",
        "dropped": "4",
        "dropped: bad": "1",
        "dropped: older than the newest": "3",
        "problems": "2",
        "problem: encoding": "2",
    }


def test_what_is_unknown_says_so() -> None:
    status, values = decode(Health("/pear", "", Level.STALE, "no pictures", calibrated=True))
    assert status.level == 3
    assert values["calibration"] == "CALIBRATED"
    assert values["fallback"] == "none"
    assert values["latency 99 % (ms)"] == values["pictures in (Hz)"] == "unknown"
    assert values["dropped"] == values["problems"] == "0"


@pytest.mark.parametrize(("level", "number"), [("OK", 0), ("WARN", 1), ("ERROR", 2), ("STALE", 3)])
def test_levels_are_those_of_diagnostic_msgs(level: str, number: int) -> None:
    constants = codec.typestore().fielddefs["diagnostic_msgs/msg/DiagnosticStatus"][0]
    assert {name: value for name, _, value in constants}[level] == number == Level[level]
    assert math.isnan(Percentiles().median)
