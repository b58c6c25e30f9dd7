"""Entry point of the node executable: one camera, or several in one process.

`ros2 run pear mesh_recovery_node` is one node. `--cameras left right` makes one node per name, in
the namespace of that name, in one process with one shared engine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.utilities import remove_ros_args

from pear_ros.node.mesh_recovery_node import MeshRecoveryNode


def main(argv: Sequence[str] | None = None) -> int:
    """Spin until interrupted."""
    words = list(sys.argv if argv is None else argv)
    own = argparse.ArgumentParser(prog="mesh_recovery_node", description=__doc__.splitlines()[0])
    own.add_argument("--cameras", nargs="+", metavar="NAMESPACE", default=[])
    own.add_argument(
        "--autostart", action="store_true", help="configure and activate at once, no manager needed"
    )
    arguments = own.parse_args(remove_ros_args(words)[1:])
    rclpy.init(args=words)
    nodes: list[MeshRecoveryNode] = []
    executor = MultiThreadedExecutor(num_threads=2)
    code = 0
    try:
        if arguments.cameras:
            nodes += [MeshRecoveryNode(namespace=name) for name in arguments.cameras]
        else:
            nodes.append(MeshRecoveryNode())
        for node in nodes:
            executor.add_node(node)
            if arguments.autostart and not _started(node):
                code = 1
        if not code:
            executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        executor.shutdown()
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()
    return code


def _started(node: MeshRecoveryNode) -> bool:
    success = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == success and node.trigger_activate() == success


if __name__ == "__main__":
    raise SystemExit(main())
