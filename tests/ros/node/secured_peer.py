"""A camera and a viewer in one process, for a security enclave of their own (or none); see test_security.py.

python secured_peer.py SECONDS [--enclave /peer]
Publishes small pictures on /image and listens to every topic of KINDS, until SECONDS have passed or
humans have come. Prints one line of JSON: how many messages came on each, or the error's name.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from pear.msg import BodyModel, HumanArray, HumanMesh
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

KINDS = {
    "/humans": HumanArray,
    "/humans/meshes": HumanMesh,
    "/body_model": BodyModel,
    "/diagnostics": DiagnosticArray,
}


def main(seconds: float, words: list[str]) -> None:
    rclpy.init(args=["peer", "--ros-args", *words])
    node = rclpy.create_node("peer")
    heard: dict[str, int | str] = dict.fromkeys(KINDS, 0)

    def listen(topic: str, kind: type) -> None:
        def count(_: Any) -> None:
            heard[topic] = int(heard[topic]) + 1

        latched = topic == "/body_model"
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        try:
            node.create_subscription(kind, topic, count, QoSProfile(depth=5, durability=durability))
        except Exception as error:
            heard[topic] = type(error).__name__

    for topic, kind in KINDS.items():
        listen(topic, kind)
    pictures = node.create_publisher(Image, "/image", 1)
    message = Image(height=48, width=64, step=192, encoding="rgb8", data=bytes(48 * 192))
    message.header.frame_id = "camera_optical_frame"
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (heard["/humans"] and heard["/body_model"]):
        message.header.stamp = node.get_clock().now().to_msg()
        pictures.publish(message)
        for _ in range(5):
            rclpy.spin_once(node, timeout_sec=0.02)
    print(json.dumps(heard | {"pictures read by": pictures.get_subscription_count()}), flush=True)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
