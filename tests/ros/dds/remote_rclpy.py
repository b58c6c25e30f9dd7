"""An rclpy node that does what lines of JSON on its standard input say; see remote_graph.py."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosidl_runtime_py import message_to_ordereddict, set_message_fields
from rosidl_runtime_py.utilities import get_message


def profile(reliable: bool = True, latched: bool = False, depth: int = 10) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


class Remote:
    def __init__(self) -> None:
        self.node = rclpy.create_node("rclpy_remote", namespace="far")
        self.publishers: dict[str, Any] = {}
        self.received: dict[str, list[Any]] = {}
        self.classes: dict[str, Any] = {}

    def advertise(self, key: str, topic: str, type: str, qos: dict[str, Any]) -> None:
        self.classes[key] = get_message(type)
        self.publishers[key] = self.node.create_publisher(self.classes[key], topic, profile(**qos))

    def subscribe(
        self, key: str, topic: str, type: str, qos: dict[str, Any], raw: bool = False
    ) -> None:
        self.received[key] = []
        self.node.create_subscription(
            get_message(type), topic, self.received[key].append, profile(**qos), raw=raw
        )

    def publish(self, key: str, values: dict[str, Any]) -> str:
        """Publish a message of these fields; its bytes as rclpy serialises them."""
        message = self.classes[key]()
        set_message_fields(message, values)
        self.publishers[key].publish(message)
        return serialize_message(message).hex()

    def subscribers(self, key: str) -> int:
        return self.publishers[key].get_subscription_count()

    def got(self, key: str) -> list[str]:
        """Every message, decoded by rclpy and serialised by it again."""
        return [
            (m if isinstance(m, bytes) else serialize_message(m)).hex() for m in self.received[key]
        ]

    def fields(self, key: str) -> list[Any]:
        return [message_to_ordereddict(m) for m in self.received[key]]

    def nodes(self) -> list[list[str]]:
        return [list(pair) for pair in self.node.get_node_names_and_namespaces()]


def main() -> None:
    rclpy.init()
    remote = Remote()
    threading.Thread(target=rclpy.spin, args=(remote.node,), daemon=True).start()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": getattr(remote, request.pop("do"))(**request)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
