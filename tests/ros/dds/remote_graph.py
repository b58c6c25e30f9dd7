"""A DdsGraph in a process of its own that does what lines of JSON on its standard input say.

Requests are {"do": name, ...}; each is answered by one line of JSON. Messages are hexadecimal.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from pear_ros.dds.graph import DdsGraph
from pear_ros.live.graph import Level, Qos


class Remote:
    def __init__(self) -> None:
        self.graph: DdsGraph | None = None
        self.endpoints: dict[str, Any] = {}
        self.received: dict[str, list[memoryview]] = {}

    def open(self, node: str, namespace: str = "/") -> None:
        self.graph = DdsGraph(node, namespace)

    def advertise(self, key: str, topic: str, type: str, qos: dict[str, Any]) -> str:
        self.endpoints[key] = self.graph.advertise(topic, type, Qos(**qos))
        return self.endpoints[key].guid.hex()

    def subscribe(self, key: str, topic: str, type: str, qos: dict[str, Any]) -> str:
        self.received[key] = []
        self.endpoints[key] = self.graph.subscribe(
            topic, type, Qos(**qos), self.received[key].append
        )
        return self.endpoints[key].guid.hex()

    def publish(self, key: str, data: str) -> None:
        self.endpoints[key].publish(bytes.fromhex(data))

    def subscribers(self, key: str) -> int:
        return self.endpoints[key].subscribers

    def publishers(self, key: str) -> int:
        return self.endpoints[key].publishers

    def got(self, key: str) -> list[str]:
        return [bytes(m).hex() for m in self.received[key]]

    def digests(self, key: str) -> list[str]:
        return [hashlib.sha256(m).hexdigest() for m in self.received[key]]

    def types(self, topic: str) -> list[str]:
        return list(self.graph.types(topic))

    def log(self, text: str) -> None:
        self.graph.log(Level.WARN, text)

    def end(self, key: str) -> None:
        self.endpoints.pop(key).close()

    def close(self) -> None:
        if self.graph is not None:
            self.graph.close()
        self.__init__()


def main() -> None:
    remote = Remote()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": getattr(remote, request.pop("do"))(**request)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
