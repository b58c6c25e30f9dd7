"""Latency and loss of pictures over DDS between two processes: python benchmarks/dds.py

rgb8 pictures at 30 Hz on loopback, from just before `publish` to the call back, for a subscriber
and a publisher without ROS (`pear_ros.dds`), and with rclpy in either place where ROS 2 is sourced.
Each with the machine's default DDS configuration and with config/cyclonedds_loopback.xml.
Writes benchmarks/results/dds.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pear_ros.dds.graph import DdsGraph
from pear_ros.live.graph import Qos
from pear_ros.messages.codec import IMAGE, CdrReader
from pear_ros.messages.pictures import image
from pear_ros.output.machine import machine, versions

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "dds.json"
SIZES = {"640x480": (480, 640), "1920x1080": (1080, 1920)}
CONFIGURATIONS = {"default": "", "loopback": f"file://{ROOT}/config/cyclonedds_loopback.xml"}
QUALITIES = {"reliable": True, "best_effort": False}
PAIRS = (
    ("dds", "dds"),
    ("rclpy", "dds"),
    ("dds", "rclpy_raw"),
    ("dds", "rclpy_decoded"),
    ("rclpy", "rclpy_raw"),
)
TOPIC, PERIOD = "/pear_benchmark", 1 / 30

Publish = Callable[[bytes], None]
Ready = Callable[[], int]


@contextmanager
def dds_publisher(reliable: bool) -> Iterator[tuple[Publish, Ready]]:
    with DdsGraph("benchmark_publisher") as graph:
        writer = graph.advertise(TOPIC, IMAGE, Qos(reliable=reliable, depth=5))
        yield writer.publish, lambda: writer.subscribers


@contextmanager
def rclpy_publisher(reliable: bool) -> Iterator[tuple[Publish, Ready]]:
    import rclpy
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node("benchmark_publisher")
    publisher = node.create_publisher(Image, TOPIC, ros_profile(reliable))
    yield publisher.publish, publisher.get_subscription_count
    node.destroy_node()
    rclpy.shutdown()


def ros_profile(reliable: bool) -> Any:
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    kind = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    return QoSProfile(depth=5, reliability=kind)


def publish(kind: str, size: str, reliable: bool, count: int) -> None:
    """Send `count` pictures; print number, time and seconds in `publish` of each."""
    open_publisher = {"dds": dds_publisher, "rclpy": rclpy_publisher}[kind]
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZES[size], 3), dtype=np.uint8)
    sent = []
    with open_publisher(reliable) as (send, subscribers):
        while not subscribers():
            time.sleep(0.01)
        # The subscriber may know of us a little later than we of it.
        time.sleep(0.5)
        due = time.perf_counter()
        for number in range(count):
            message = image(pixels, number * 1_000_000_000, "camera")
            due += PERIOD
            time.sleep(max(0.0, due - time.perf_counter()))
            at, began = time.time_ns(), time.perf_counter()
            send(message)
            sent.append((number, at, time.perf_counter() - began))
        time.sleep(1)
    print(json.dumps(sent), flush=True)


def subscribe(kind: str, reliable: bool) -> None:
    """Note number and time of every picture until standard input ends; print them."""
    got: list[tuple[int, int]] = []

    def note_raw(message: bytes | memoryview) -> None:
        at = time.time_ns()
        got.append((int(CdrReader(message).unpack("i")[0]), at))

    if kind == "dds":
        with DdsGraph("benchmark_subscriber") as graph:
            graph.subscribe(TOPIC, IMAGE, Qos(reliable=reliable, depth=5), note_raw)
            sys.stdin.read()
    else:
        import threading

        import rclpy
        from sensor_msgs.msg import Image

        def note_decoded(message: Any) -> None:
            got.append((message.header.stamp.sec, time.time_ns()))

        rclpy.init()
        node = rclpy.create_node("benchmark_subscriber")
        raw = kind == "rclpy_raw"
        note = note_raw if raw else note_decoded
        node.create_subscription(Image, TOPIC, note, ros_profile(reliable), raw=raw)
        threading.Thread(target=rclpy.spin, args=(node,), daemon=True).start()
        sys.stdin.read()
    print(json.dumps(got), flush=True)
    # rclpy's spinning thread does not end by itself.
    os._exit(0)


def measure(
    publisher: str, subscriber: str, size: str, reliable: bool, uri: str, count: int
) -> dict[str, Any]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "ROS_DOMAIN_ID": str(1 + os.getpid() % 100),
        "CYCLONEDDS_URI": uri,
    }
    base = [sys.executable, __file__, "--reliable" if reliable else "--best-effort"]
    reader = subprocess.Popen(
        [*base, "--subscribe", subscriber],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    writer = subprocess.run(
        [*base, "--publish", publisher, "--size", size, "--count", str(count)],
        env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    output, _ = reader.communicate("")
    sent = {number: at for number, at, _ in json.loads(writer.stdout)}
    in_publish = [seconds for _, _, seconds in json.loads(writer.stdout)]
    latencies = [(at - sent[number]) / 1e6 for number, at in json.loads(output)]
    some = latencies or [float("nan")]
    return {
        "sent": count,
        "received": len(latencies),
        "lost_percent": round(100 * (1 - len(latencies) / count), 1),
        "latency_median_ms": round(float(np.median(some)), 2),
        "latency_p95_ms": round(float(np.percentile(some, 95)), 2),
        "latency_max_ms": round(max(some), 2),
        "publish_median_ms": round(float(np.median(in_publish)) * 1e3, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=150, help="pictures per measurement")
    parser.add_argument("--publish", choices=("dds", "rclpy"), help=argparse.SUPPRESS)
    parser.add_argument("--subscribe", help=argparse.SUPPRESS)
    parser.add_argument("--size", choices=SIZES, help=argparse.SUPPRESS)
    parser.add_argument("--reliable", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--best-effort", dest="reliable", action="store_false")
    args = parser.parse_args()
    if args.publish:
        return publish(args.publish, args.size, args.reliable, args.count)
    if args.subscribe:
        return subscribe(args.subscribe, args.reliable)

    ros = find_spec("rclpy") is not None
    results: dict[str, Any] = {}
    for configuration, uri in CONFIGURATIONS.items():
        for size in SIZES:
            for quality, reliable in QUALITIES.items():
                for publisher, subscriber in PAIRS if ros else PAIRS[:1]:
                    row = measure(publisher, subscriber, size, reliable, uri, args.count)
                    names = (configuration, size, quality, f"{publisher}_to_{subscriber}")
                    print(*names, json.dumps(row), flush=True)
                    at = results
                    for name in names[:-1]:
                        at = at.setdefault(name, {})
                    at[names[-1]] = row
    result = {
        "what": "rgb8 pictures at 30 Hz between two processes over DDS, from publish to call back",
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions() | {"cyclonedds": version("cyclonedds")},
        "ros": os.environ.get("ROS_DISTRO", "") if ros else "",
        "receive_buffer_limit_bytes": int(Path("/proc/sys/net/core/rmem_max").read_text()),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "results": results,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
