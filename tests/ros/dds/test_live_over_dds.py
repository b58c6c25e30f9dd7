"""`pear live --dds` as a user starts it: another process, pictures in and people out over real DDS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pear_ros.dds.graph import DdsGraph
from pear_ros.live.graph import LATCHED, RESULT, SENSOR, Qos
from pear_ros.messages import codec
from pear_ros.messages.camera_info import camera_info
from pear_ros.messages.pictures import image
from pear_ros.types import Intrinsics

ROOT = Path(__file__).parents[3]
K = Intrinsics(60.0, 60.0, 39.5, 29.5, 80, 60)
START = 1_700_000_000_000_000_000


class Camera:
    """The other side of the graph: publishes pictures, keeps what it hears."""

    def __init__(self, graph: DdsGraph) -> None:
        self.graph = graph
        self.images = graph.advertise("/camera/image_raw", codec.IMAGE, Qos(depth=1))
        self.infos = graph.advertise("/camera/camera_info", codec.CAMERA_INFO, Qos(depth=1))
        self.heard: dict[str, list[bytes]] = {}
        self.shots = 0

    def listen(self, topic: str, kind: str, qos: Qos = RESULT) -> list[bytes]:
        heard = self.heard.setdefault(topic, [])
        self.graph.subscribe(topic, kind, qos, lambda data: heard.append(bytes(data)))
        return heard

    def shoot(self) -> int:
        self.shots += 1
        stamp = START + self.shots * 33_000_000
        pixels = np.full((60, 80, 3), 60 + self.shots % 100, np.uint8)
        self.infos.publish(camera_info(K, stamp, "camera_optical_frame"))
        self.images.publish(image(pixels, stamp, "camera_optical_frame"))
        return stamp


@pytest.fixture
def camera(domain: int) -> Iterator[Camera]:
    with DdsGraph("camera") as graph:
        yield Camera(graph)


@pytest.fixture
def live(tiny_model: Any, domain: int) -> Iterator[subprocess.Popen[str]]:
    """pear live --dds with the tiny model and the whole picture as the person."""
    settings = {
        "model": tiny_model.bundle, "detector": "whole", "engine": "onnxruntime", "threads": 1,
        "smoothing": "false", "diagnostics_period": 0.2,
    }  # fmt: skip
    words = [f"--set={name}={value}" for name, value in settings.items()]
    topics = ("image:=/camera/image_raw", "camera_info:=/camera/camera_info")
    words += [f"--remap={topic}" for topic in topics]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "pear_ros.cli", "live", "--dds", "--quiet", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_a_robot_sees_a_node_that_is_no_ros(
    live: subprocess.Popen[str], camera: Camera, until: Callable[..., Any]
) -> None:
    humans = camera.listen("/humans", codec.HUMAN_ARRAY)
    frames = camera.listen("/tf", "tf2_msgs/msg/TFMessage")
    markers = camera.listen("/markers", codec.MARKER_ARRAY)
    reports = camera.listen("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")
    stamps: set[int] = set()
    until(lambda: stamps.add(camera.shoot()) or (humans and frames and markers and reports))

    message = codec.deserialize(humans[-1], codec.HUMAN_ARRAY)
    stamp = message.header.stamp
    assert stamp.sec * 1_000_000_000 + stamp.nanosec in stamps
    assert message.header.frame_id == "camera_optical_frame" and message.calibrated
    assert len(message.humans) == 1 and message.engine.startswith("onnxruntime")
    transforms = codec.deserialize(frames[-1], "tf2_msgs/msg/TFMessage").transforms
    assert transforms[0].child_frame_id.startswith("body_b")
    assert codec.deserialize(markers[-1], codec.MARKER_ARRAY).markers

    # Who joins late learns what the numbers mean.
    model = camera.listen("/body_model", codec.BODY_MODEL, LATCHED)
    until(lambda: model)
    assert codec.deserialize(model[0], codec.BODY_MODEL).body_model == message.body_model

    # A best-effort reader is served as well, and the node leaves when it is told to.
    eager = camera.listen("/heartbeat", "pear/msg/Heartbeat", SENSOR)
    until(lambda: eager)
    live.send_signal(signal.SIGTERM)
    out, err = live.communicate(timeout=60)
    assert live.returncode == 0, err
    assert "pictures" in out and "no faults" in out
    until(lambda: camera.images.subscribers == 0)


def test_broken_pictures_do_not_end_it(
    live: subprocess.Popen[str], camera: Camera, until: Callable[..., Any]
) -> None:
    humans = camera.listen("/humans", codec.HUMAN_ARRAY)
    until(lambda: camera.shoot() and humans)
    seen = len(humans)
    reports = camera.listen("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")

    def counted() -> set[str]:
        """Sends two broken pictures; the kinds of fault that were told so far."""
        for k, encoding in enumerate(("rgb24", "rgb8")):
            pixels = np.zeros((60, 80, 3), np.uint8)
            stamp = (START + 10**12) * (1 - k)
            camera.images.publish(image(pixels, stamp, "camera_optical_frame", encoding))
            time.sleep(0.05)
        if not reports:
            return set()
        (status,) = codec.deserialize(reports[-1], "diagnostic_msgs/msg/DiagnosticArray").status
        return {pair.key for pair in status.values}

    until(lambda: {"dropped: encoding", "dropped: stamp"} <= counted())
    until(lambda: camera.shoot() and len(humans) > seen)
    live.send_signal(signal.SIGTERM)
    out, _ = live.communicate(timeout=60)
    assert live.returncode == 0 and "encoding" in out and "stamp" in out
