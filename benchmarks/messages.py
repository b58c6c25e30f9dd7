"""Times of building, decoding, reading and writing messages.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/messages.py

Writes benchmarks/results/messages.json. One thread, medians of many calls, in a process whose heap
has held some megabytes before, as one that decodes pictures has. `fresh_heap` is the same in a
process that never had: the C library then maps new pages for every large message.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fabricated import people  # noqa: E402
from pear_ros.messages import codec, images  # noqa: E402
from pear_ros.messages.body_model import body_model  # noqa: E402
from pear_ros.messages.depth import decode_depth  # noqa: E402
from pear_ros.messages.detections import read_detections  # noqa: E402
from pear_ros.messages.diagnostics import Health, Level, diagnostic_array  # noqa: E402
from pear_ros.messages.encodings import ENCODINGS  # noqa: E402
from pear_ros.messages.foreign import DETECTION_2D_ARRAY  # noqa: E402
from pear_ros.messages.human import human_array  # noqa: E402
from pear_ros.messages.identity import Identity  # noqa: E402
from pear_ros.messages.markers import MarkerStyle, marker_array  # noqa: E402
from pear_ros.messages.mesh import human_mesh  # noqa: E402
from pear_ros.messages.pictures import compressed_image  # noqa: E402
from pear_ros.messages.pictures import image as image_message  # noqa: E402
from pear_ros.messages.rep155 import rep155  # noqa: E402
from pear_ros.messages.tf import tf_message  # noqa: E402
from pear_ros.output.sketch import debug_image  # noqa: E402
from pear_ros.problems import Problems  # noqa: E402
from pear_ros.replay.reader import frames  # noqa: E402
from pear_ros.replay.writer import BagWriter  # noqa: E402
from pear_ros.types import Frame  # noqa: E402

IDENTITY = Identity("pear@0123456789ab", "free_body@0123456789ab", "free_body@0123456789ab")
MESH_ONLY = MarkerStyle(skeleton=False, label=False, gaze=False)
WIDTH, HEIGHT = 640, 480


def free_body() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and faces (F, 3) of the shipped body."""
    with np.load(ROOT / "models" / "free_body" / "SMPLX_NEUTRAL.npz", allow_pickle=False) as body:
        return body["v_template"].astype(np.float32), body["f"].astype(np.int32)


def timed(call: Callable[[], object], repeat: int = 300) -> dict[str, float]:
    """Milliseconds of one call: median, 90th percentile, best."""
    for _ in range(5):
        call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    times.sort()
    return {
        "median_ms": round(statistics.median(times), 4),
        "p90_ms": round(times[int(0.9 * len(times))], 4),
        "best_ms": round(times[0], 4),
    }


def builders() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    one, four = people.frame(rng, 1), people.frame(rng, 4)
    vertices, faces = free_body()
    lod = faces[:: max(1, len(faces) // 2000)]
    mesh = vertices[None]

    def full() -> bytes:
        return marker_array(one, mesh, faces, style=MESH_ONLY)

    topology = people.topology(len(vertices), len(faces))
    results: dict[str, Any] = {
        "human_array_1": timed(lambda: human_array(one, IDENTITY)),
        "human_array_4": timed(lambda: human_array(four, IDENTITY)),
        "marker_array_full_mesh": timed(full),
        "marker_array_full_mesh_skeleton_label": timed(lambda: marker_array(one, mesh, faces)),
        "marker_array_lod_skeleton_label": timed(lambda: marker_array(one, mesh, lod)),
        "human_mesh": timed(lambda: human_mesh(one, one.humans[0], vertices, IDENTITY)),
        "body_model": timed(lambda: body_model(topology, IDENTITY), 20),
    }
    results["sizes"] = {
        "vertices": len(vertices),
        "faces": len(faces),
        "human_array_1_bytes": len(human_array(one, IDENTITY)),
        "marker_array_full_mesh_bytes": len(full()),
    }
    return results


def object_per_point() -> dict[str, Any]:
    """The full-mesh marker as nodes usually build it: an object per corner, then serialised.

    Through rclpy where ROS 2 is sourced, else through rosbags' objects.
    """
    vertices, faces = free_body()
    corners = vertices[faces.reshape(-1)].astype(np.float64)
    try:
        from geometry_msgs.msg import Point
        from rclpy.serialization import serialize_message
        from visualization_msgs.msg import Marker, MarkerArray

        def build() -> object:
            marker = Marker(type=Marker.TRIANGLE_LIST)
            marker.points = [Point(x=x, y=y, z=z) for x, y, z in corners.tolist()]
            return serialize_message(MarkerArray(markers=[marker]))

        by = f"rclpy {os.environ.get('ROS_DISTRO', '')}".strip()
    except ImportError:
        empty = codec.deserialize(
            marker_array(people.frame(np.random.default_rng(0), 1)), codec.MARKER_ARRAY
        )
        point = codec.typestore().types["geometry_msgs/msg/Point"]

        def build() -> object:
            empty.markers[0].points = [point(x, y, z) for x, y, z in corners.tolist()]
            return codec.serialize(empty, codec.MARKER_ARRAY)

        by = f"rosbags {version('rosbags')}"
    return {"by": by, "points": len(corners), **timed(build, 10)}


def live_messages() -> dict[str, Any]:
    """What a live node sends beside HumanArray, for 1 and 8 people who face the camera."""
    rng = np.random.default_rng(0)
    names = tuple(f"expression_{i}" for i in range(50))
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    results: dict[str, Any] = {}
    for count in (1, 8):
        humans = tuple(
            people.posed(i, keypoints=rng.uniform(50, 400, (145, 2)).astype(np.float32))
            for i in range(count)
        )
        frame = dataclasses.replace(people.frame(rng, 0), humans=humans)
        seen = Frame(picture)
        results |= {
            f"tf_{count}": timed(lambda f=frame: tf_message(f)),
            f"tf_joints_{count}": timed(lambda f=frame: tf_message(f, joints=True)),
            f"rep155_{count}": timed(lambda f=frame: rep155(f, expression_names=names)),
            f"markers_without_mesh_{count}": timed(lambda f=frame: marker_array(f)),
            f"debug_image_640x480_{count}": timed(lambda f=frame, s=seen: debug_image(s, f), 50),
        }
    health = Health("/pear", "camera", Level.OK, "running", stages={"network": 0.01})
    results["diagnostics"] = timed(lambda: diagnostic_array(health, 1))
    return results


def listening() -> dict[str, Any]:
    """Depth images and detections."""
    rng = np.random.default_rng(0)
    metres = rng.uniform(1, 6, (HEIGHT, WIDTH)).astype(np.float32)
    metres[rng.uniform(size=metres.shape) < 0.1] = 0
    results: dict[str, Any] = {}
    for encoding, samples in (("16UC1", (1000 * metres).astype(np.uint16)), ("32FC1", metres)):
        raw = image_message(samples.view(np.uint8).reshape(HEIGHT, -1), 1, "eye", encoding)
        # The builder counts bytes as pixels: say how many samples a row has.
        at = raw.index(np.array([HEIGHT, WIDTH * samples.itemsize], "<u4").tobytes())
        raw = raw[: at + 4] + np.array([WIDTH], "<u4").tobytes() + raw[at + 8 :]
        assert decode_depth(raw).shape == (HEIGHT, WIDTH)
        results[f"depth_{encoding}_640x480"] = timed(lambda raw=raw: decode_depth(raw))
    types = codec.typestore().types
    time_, point = types["builtin_interfaces/msg/Time"](1, 2), types["geometry_msgs/msg/Point"]
    header = types["std_msgs/msg/Header"](time_, "eye")
    turn = types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
    guess = types["geometry_msgs/msg/PoseWithCovariance"](
        types["geometry_msgs/msg/Pose"](point(0.0, 0.0, 0.0), turn), np.zeros(36)
    )
    hypothesis = types["vision_msgs/msg/ObjectHypothesis"]("person", 0.9)
    centre = types["vision_msgs/msg/Pose2D"](types["vision_msgs/msg/Point2D"](9.0, 9.0), 0.0)
    box = types["vision_msgs/msg/BoundingBox2D"](centre, 5.0, 5.0)
    result = types["vision_msgs/msg/ObjectHypothesisWithPose"](hypothesis, guess)
    one = types["vision_msgs/msg/Detection2D"](header, [result], box, "")
    array = types[DETECTION_2D_ARRAY](header, [one] * 8)
    raw = codec.serialize(array, DETECTION_2D_ARRAY)
    assert len(read_detections(raw)) == 8
    results["detections_8"] = timed(lambda: read_detections(raw))
    return results


def decoding() -> dict[str, Any]:
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 3)
    results: dict[str, Any] = {}
    for name in ("rgb8", "bgr8", "rgba8", "mono8", "yuyv", "nv12", "bayer_rggb8", "bgr16"):
        encoding = ENCODINGS[name]
        rows = np.zeros((encoding.stored_rows(HEIGHT), encoding.row_bytes(WIDTH)), np.uint8)
        image = images.RawImage(
            0, "", HEIGHT, WIDTH, name, False, rows.shape[1], memoryview(rows.tobytes())
        )
        results[name] = timed(lambda image=image: images.decode(image), 100)  # type: ignore[misc]
    raw = image_message(picture, 1, "camera")
    results["rgb8_from_cdr_bytes"] = timed(lambda: images.decode(raw), 300)
    jpeg = compressed_image(picture, 1, "camera", 90)
    results["jpeg_from_cdr_bytes"] = timed(lambda: images.decode(jpeg, codec.COMPRESSED_IMAGE), 100)
    return results


def bags() -> dict[str, Any]:
    """300 raw pictures in one MCAP file, page cache warm."""
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    raw, count = image_message(picture, 1_000_000_000, "camera"), 300
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mcap"

        def write() -> None:
            with BagWriter(path) as writer:
                topic = writer.add_topic("/image", codec.IMAGE)
                for i in range(count):
                    writer.write(topic, i, raw)

        def read() -> None:
            assert sum(1 for _ in frames(path, problems=Problems())) == count

        writing, reading = timed(write, 5), timed(read, 5)
    return {
        "write_frames_per_second": round(1e3 * count / writing["median_ms"]),
        "read_and_decode_frames_per_second": round(1e3 * count / reading["median_ms"]),
    }


def fresh_heap() -> dict[str, float]:
    """The full-mesh marker in a process that allocated nothing large before."""
    code = "import benchmarks.messages as m, json; print(json.dumps(m.fresh()))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    result: dict[str, float] = json.loads(out.stdout)
    return result


def fresh() -> dict[str, float]:
    one = people.frame(np.random.default_rng(0), 1)
    vertices, faces = np.zeros((1, 13718, 3), np.float32), np.zeros((27420, 3), np.int32)
    return timed(lambda: marker_array(one, vertices, faces, style=MESH_ONLY), 100)


def machine() -> dict[str, Any]:
    names = ("numpy", "opencv-python-headless", "rosbags")
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
        "date": datetime.date.today().isoformat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=str(ROOT / "benchmarks" / "results" / "messages.json"))
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    np.ones(16 << 20, np.uint8)
    results = {
        "command": "OMP_NUM_THREADS=1 .venv/bin/python benchmarks/messages.py",
        "machine": machine(),
        "builders": builders(),
        "marker_array_full_mesh_fresh_heap": fresh_heap(),
        "marker_array_full_mesh_object_per_point": object_per_point(),
        "people": live_messages(),
        "listening": listening(),
        "decode_640x480": decoding(),
        "bag_640x480_rgb8": bags(),
    }
    Path(arguments.out).write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
