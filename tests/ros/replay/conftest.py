"""Bags written by rosbags (the independent library), and a pretended pipeline and engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

import fabricated.people
from pear_ros.types import Frame, HumanFrame, Parameters, StageTimes

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE, INFO, STRING = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo", "std_msgs/msg/String"
STEP = 100_000_000
HEIGHT, WIDTH = 24, 32

# No test may depend on how busy the machine is.
settings.register_profile("pear", deadline=None, max_examples=60)
settings.load_profile("pear")


@pytest.fixture(scope="session")
def people() -> ModuleType:
    return fabricated.people


def pixels(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def header(index: int) -> Any:
    stamp = STORE.types["builtin_interfaces/msg/Time"](*divmod((index + 10) * STEP, 10**9))
    return STORE.types["std_msgs/msg/Header"](stamp, "eye")


def image(index: int, **changes: Any) -> bytes:
    values: dict[str, Any] = {
        "header": header(index),
        "height": HEIGHT,
        "width": WIDTH,
        "encoding": "rgb8",
        "is_bigendian": 0,
        "step": WIDTH * 3,
        "data": pixels(index).reshape(-1),
    }
    return bytes(STORE.serialize_cdr(STORE.types[IMAGE](**values | changes), IMAGE))


def info(index: int, focal: float, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    message = STORE.types[INFO](
        header=header(index),
        height=size[1],
        width=size[0],
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=np.array([focal, 0, 15.5, 0, focal, 11.5, 0, 0, 1]),
        r=np.eye(3).reshape(-1),
        p=np.zeros(12),
        binning_x=0,
        binning_y=0,
        roi=STORE.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False),
    )
    return bytes(STORE.serialize_cdr(message, INFO))


def text(value: str) -> bytes:
    return bytes(STORE.serialize_cdr(STORE.types[STRING](value), STRING))


Message = tuple[str, str, int, bytes]
"""Topic, type, log time, CDR."""


def write_bag(
    folder: Path,
    messages: list[Message],
    *,
    plugin: str = "mcap",
    compression: str = "none",
    version: int = 9,
) -> Path:
    """A bag folder written by rosbags."""
    writer = Writer(folder, version=version, storage_plugin=StoragePlugin[plugin.upper()])
    if compression != "none":
        writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    with writer:
        connections: dict[str, Any] = {}
        for topic, kind, stamp, data in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(connections[topic], stamp, data)
    return folder


def recording(count: int = 12, focal: float = 40.0) -> list[Message]:
    """Pictures with CameraInfo behind each, and some texts between."""
    messages: list[Message] = []
    for i in range(count):
        stamp = (i + 10) * STEP + 1000
        messages.append(("/camera/image_raw", IMAGE, stamp, image(i)))
        messages.append(("/camera/camera_info", INFO, stamp + 1, info(i, focal)))
        messages.append(("/notes", STRING, stamp + 2, text(f"note {i}")))
    return messages


@pytest.fixture(scope="session")
def bags() -> Any:
    """The functions above, for tests."""
    return type("Bags", (), {k: staticmethod(v) for k, v in globals().items() if callable(v)})


class FakePipeline:
    """Two people per picture, one of whom leaves after the fifth; the times are never the same."""

    def __init__(self) -> None:
        self.seen: list[Frame] = []

    def reset(self) -> None:
        self.seen.clear()

    def process(self, frame: Frame) -> HumanFrame:
        count = 2 if len(self.seen) < 5 else 1
        self.seen.append(frame)
        rng = np.random.default_rng(int(frame.image.sum()))
        result: HumanFrame = fabricated.people.frame(rng, count)
        height, width = frame.image.shape[:2]
        return replace(
            result,
            stamp=frame.stamp,
            frame_id=frame.frame_id,
            width=width,
            height=height,
            calibrated=frame.intrinsics is not None,
            times=StageTimes(network=float(np.random.default_rng().uniform())),
        )


class FakeEngine:
    """Vertices that depend on the parameters."""

    def __init__(self) -> None:
        self.info = fabricated.people.engine_info()
        self.topology = fabricated.people.topology()
        self.calls: list[int] = []

    def mesh(self, parameters: Parameters) -> np.ndarray:
        self.calls.append(len(parameters))
        base = np.arange(60 * 3, dtype=np.float32).reshape(60, 3)
        return base + parameters.betas[:, :1, None]


@pytest.fixture
def pipeline() -> FakePipeline:
    return FakePipeline()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()
