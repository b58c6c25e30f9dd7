"""Heartbeat: a node is alive, as CDR bytes.

ZED's HeartbeatStatus is the model: a counter that tells a lost beat from a slow one. Ours has a
header, so that `ros2 topic delay` works, and the state of the lifecycle, so that "alive" is not
mistaken for "working". DiagnosticStatus would do, but its texts make every reader a parser.
"""

from __future__ import annotations

from enum import IntEnum

from pear_ros.messages import codec
from pear_ros.messages.diagnostics import Level


class State(IntEnum):
    """Primary states of a lifecycle node; numbers of lifecycle_msgs/State."""

    UNCONFIGURED = 1
    INACTIVE = 2
    ACTIVE = 3
    FINALIZED = 4


def heartbeat(
    stamp: int,
    beat: int,
    node: str,
    *,
    state: State = State.ACTIVE,
    level: Level = Level.OK,
    frames: int = 0,
    rate: float = 0.0,
) -> bytes:
    """pear/msg/Heartbeat, as CDR with the 4-byte header.

    stamp: now, nanoseconds. beat: counts from 1. frames: pictures answered since the start. rate:
    results per second (Hz).
    """
    out = codec.CdrWriter()
    out.header(stamp, "")
    out.pack("Q", beat)
    out.string(node)
    out.pack("2B", int(state), int(level))
    out.pack("Q", frames)
    out.pack("f", rate)
    return out.finish()
