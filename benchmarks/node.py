"""What the live node costs beside the engine, on a real ROS 2: python benchmarks/node.py

Needs a sourced ROS 2 with pear's messages built. A camera process publishes 1920 x 1080 rgb8 pictures of noise; the
shipped engine regresses them, then arrays of people who stand still are given out as its answer. The time that took
is subtracted, so that what is left is the node. Then the idle node. Writes benchmarks/results/node.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.parameter import Parameter

from pear_ros.assets import model_dir
from pear_ros.engine import open_engine
from pear_ros.engine.selftest import SelfTest
from pear_ros.live.settings import Settings
from pear_ros.live.worker import Done
from pear_ros.node import mesh_recovery_node as node_module
from pear_ros.node.executor import PicturesFirst
from pear_ros.output.machine import machine, versions
from pear_ros.perception.detection.detect import Policy
from pear_ros.types import Box, Crop, Frame, Parameters, RegressorOutput, StageTimes

RESULT = Path(__file__).parent / "results" / "node.json"
WIDTH, HEIGHT = 1920, 1080
CAMERA = """
import sys, time
import numpy as np, rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
width, height, rate, seconds = (float(w) for w in sys.argv[1:5])
width, height = int(width), int(height)
rclpy.init()
node = rclpy.create_node("camera")
best = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
images, infos = node.create_publisher(Image, "/image", best), node.create_publisher(CameraInfo, "/camera_info", best)
message, info = Image(), CameraInfo()
message.height, message.width, message.encoding, message.step = height, width, "rgb8", 3 * width
message.data = np.random.default_rng(0).integers(0, 255, 3 * width * height, np.uint8).tobytes()
info.height, info.width = height, width
info.k = [1400.0, 0.0, width / 2, 0.0, 1400.0, height / 2, 0.0, 0.0, 1.0]
message.header.frame_id = info.header.frame_id = "camera_optical_frame"
end = time.monotonic() + seconds
while time.monotonic() < end:
    message.header.stamp = info.header.stamp = node.get_clock().now().to_msg()
    infos.publish(info)
    images.publish(message)
    time.sleep(1 / rate)
"""


class StillEngine:
    """The shipped engine, whose answers are exchanged for those for fixed crops; and the detector.

    The bodies stand still in the picture, whatever crop they are looked for in, and the detector is
    asked as seldom as the built-in one: so every picture takes the way of pictures in which people
    are followed. (A detector whose boxes bind, asked at its own pace, leaves pictures without people
    in between, and their times are no measure.)
    """

    def __init__(self, people: int) -> None:
        self._engine = open_engine(model_dir())
        rng = np.random.default_rng(0)
        picture = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        self.boxes = [
            Box(60.0 + 230 * i, 200.0, 210.0 + 230 * i, 900.0, 0.9) for i in range(people)
        ]
        crops = [Crop((b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2, 900.0) for b in self.boxes]
        self._answer = self._engine.regress(picture, crops)
        self._squares = np.array([(c.cx, c.cy, c.side) for c in crops], np.float32)
        around = self._answer.keypoints
        low, high = around.min(axis=1, keepdims=True), around.max(axis=1, keepdims=True)
        # Noise has no people: the bodies are moved to where the boxes are.
        upright = (around - 0.5 * (low + high)) / (high - low) * (150.0, 700.0)
        self._pixels = (upright + self._squares[:, None, :2]).astype(np.float32)
        self._joints = self._engine.joints(self._answer.parameters)
        self._vertices = self._engine.mesh(self._answer.parameters)
        self.info, self.topology = self._engine.info, self._engine.topology
        self.people: list[int] = []
        self.seconds = 0.0

    def regress(self, image: np.ndarray, crops: Sequence[Crop]) -> RegressorOutput:
        """The engine's own time, then the answer that was kept."""
        begun = time.monotonic_ns()
        self.people.append(len(crops))
        found = self._engine.regress(image, crops)
        if len(crops) != len(self._answer):
            return found
        squares = np.array([(c.cx, c.cy, c.side) for c in crops], np.float32)
        keypoints = 0.5 + (self._pixels - squares[:, None, :2]) / squares[:, None, 2:]
        camera = self._answer.camera.copy()
        camera[:, 2] *= self._squares[:, 2] / squares[:, 2]
        answer = replace(self._answer, keypoints=keypoints, camera=camera)
        self.seconds = (time.monotonic_ns() - begun) * 1e-9
        return answer

    def joints(self, parameters: Parameters) -> np.ndarray:
        return self._joints[: len(parameters)]

    def mesh(self, parameters: Parameters) -> np.ndarray:
        return self._vertices[: len(parameters)]

    policy = Policy(search=1.5)

    def detect(self, frame: Frame) -> list[Box]:
        return list(self.boxes)


def spun(node: Any, seconds: float) -> float:
    """CPU seconds of this process while the node spins."""
    executor = PicturesFirst()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    began = time.process_time()
    thread.start()
    time.sleep(seconds)
    used = time.process_time() - began
    executor.shutdown()
    thread.join()
    return used


def node_with(engine: Any, detector: Any, **settings: Any) -> Any:
    node_module.engine_for = lambda chosen: engine
    node_module.self_test = lambda *_: SelfTest(0.0, True, "")
    node_module.open_live_detector = lambda chosen: detector
    overrides = [Parameter(name, value=value) for name, value in settings.items()]
    node = node_module.MeshRecoveryNode(parameter_overrides=overrides)
    assert node.trigger_configure().name == node.trigger_activate().name == "SUCCESS"
    return node


def overhead(people: int, pictures: int, listeners: Sequence[str] = ()) -> dict[str, Any]:
    """Callback to publication without the engine, at a pace at which nothing waits for anything."""
    rate = 10.0 if people == 1 else 4.0
    seconds = pictures / rate
    engine = StillEngine(people)
    node = node_with(engine, engine)
    times: list[dict[str, float]] = []
    publish = node.application._publish

    def watched(done: Done) -> None:
        begun = time.monotonic_ns()
        publish(done)
        stages = {f.name: getattr(done.result.times, f.name) for f in fields(StageTimes)}
        row = {"wait": (done.begun - done.received) * 1e-9, "decode": done.decode_seconds, **stages}
        row["publish"] = (time.monotonic_ns() - begun) * 1e-9
        row["engine"] = engine.seconds
        row["total"] = (time.monotonic_ns() - done.received) * 1e-9 - engine.seconds
        times.append(row)

    node.application._worker._sinks = (watched,)
    heard = [subprocess.Popen(["ros2", "topic", "echo", "--no-arr", topic],
                              stdout=subprocess.DEVNULL) for topic in listeners]  # fmt: skip
    camera = subprocess.Popen(
        [sys.executable, "-c", CAMERA, str(WIDTH), str(HEIGHT), str(rate), str(seconds)]
    )
    spun(node, seconds + 2)
    camera.wait()
    for process in heard:
        process.terminate()
    node.destroy_node()
    # The first ones warm up.
    kept = times[10:]
    if len(kept) < 20:
        raise SystemExit(
            f"{len(times)} of {pictures} pictures came: the machine is too busy, or "
            "net.core.rmem_max smaller than a picture"
        )
    ours = [name for name in kept[0] if name not in ("crop", "network", "body")]
    medians = {name: round(1e3 * float(np.median([t[name] for t in kept])), 3) for name in ours}
    p95 = round(1e3 * float(np.percentile([t["total"] for t in kept], 95)), 3)
    calls = [n for n in engine.people if n]
    return {
        "people": people, "pictures": len(kept), "of": pictures, "median_ms": medians, "total_p95_ms": p95,
        "people_per_engine_call": max(calls),
    }  # fmt: skip


def idle(seconds: float) -> dict[str, Any]:
    """An active node that gets no pictures."""
    engine = StillEngine(1)
    node = node_with(engine, engine)
    spun(node, 2.0)
    used = spun(node, seconds)
    node.destroy_node()
    return {"seconds": seconds, "percent_of_a_core": round(100 * used / seconds, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=12.0, help="of the idle node")
    arguments = parser.parse_args()
    rclpy.init()
    result: dict[str, Any] = {
        "what": "the live node beside its engine, 1920x1080 rgb8 over DDS",
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "ros": f"{os.environ.get('ROS_DISTRO')} {os.environ.get('RMW_IMPLEMENTATION', 'default RMW')}",
        "smoothing": Settings().smoothing,
        "one_person": overhead(1, arguments.pictures),
        "eight_people": overhead(8, arguments.pictures),
        "idle": idle(arguments.seconds),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    print(f"Look at: {RESULT}")


if __name__ == "__main__":
    main()
