"""Log lines as a ROS node writes them: on stderr and on the topic /rosout."""

from __future__ import annotations

import sys

from pear_ros.live.graph import Level, Qos
from pear_ros.messages.codec import CdrWriter

TOPIC = "/rosout"
TYPE = "rcl_interfaces/msg/Log"
QOS = Qos(latched=True, depth=1000)
LIFESPAN = 10_000_000_000
"""Nanoseconds that a line stays for late subscribers, as in rcl."""


def log_message(stamp: int, level: Level, node: str, text: str) -> bytes:
    """CDR of rcl_interfaces/msg/Log without a place in the source. node: full name, "/ns/node"."""
    out = CdrWriter()
    out.pack("iI", *divmod(stamp, 1_000_000_000))
    out.pack("B", level)
    out.string(logger_name(node))
    out.string(text)
    out.string("")
    out.string("")
    out.pack("I", 0)
    return out.finish()


def logger_name(node: str) -> str:
    """What ROS calls the logger of a node: "/ns/node" has "ns.node"."""
    return node.strip("/").replace("/", ".")


def print_line(stamp: int, level: Level, node: str, text: str) -> None:
    """The line in the format of ROS's console."""
    seconds, nanoseconds = divmod(stamp, 1_000_000_000)
    head = f"[{level.name}] [{seconds}.{nanoseconds:09d}] [{logger_name(node)}]"
    print(f"{head}: {text}", file=sys.stderr, flush=True)
