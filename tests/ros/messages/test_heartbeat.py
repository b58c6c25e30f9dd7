"""Heartbeat decoded by rosbags; its constants are the enums."""

from __future__ import annotations

from pear_ros.messages import codec
from pear_ros.messages.diagnostics import Level
from pear_ros.messages.heartbeat import State, heartbeat


def test_every_field() -> None:
    for node in ("", "/a", "/robot/pear"):
        raw = heartbeat(
            3_000_000_004, 2**40, node, state=State.INACTIVE, level=Level.ERROR, frames=17, rate=2.5
        )
        message = codec.deserialize(raw, codec.HEARTBEAT)
        assert codec.serialize(message, codec.HEARTBEAT) == raw
        stamp = message.header.stamp
        assert (stamp.sec, stamp.nanosec, message.header.frame_id) == (3, 4, "")
        assert (message.beat, message.node) == (2**40, node)
        assert (message.state, message.level, message.frames, message.rate) == (2, 2, 17, 2.5)


def test_constants_are_the_enums() -> None:
    constants = codec.typestore().fielddefs[codec.HEARTBEAT][0]
    found = {name: value for name, _, value in constants}
    expected = {f"STATE_{s.name}": s.value for s in State}
    assert found == expected | {f"LEVEL_{one.name}": one.value for one in Level}
    # The numbers of lifecycle_msgs/State's primary states.
    assert expected["STATE_UNCONFIGURED"] == 1 and expected["STATE_ACTIVE"] == 3
