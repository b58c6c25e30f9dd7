"""Entry point of the node executable: one camera, or several in one process.

`ros2 run pear mesh_recovery_node` is one node. `--cameras left right` makes one node per name, in
the namespace of that name, in one process with one shared engine; where `id_prefix` is not set, the
names also tell the people of the cameras apart (left_b0, right_b0).
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Sequence

import rclpy
from rclpy.exceptions import InvalidHandle, NameValidationException, ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.parameter import Parameter
from rclpy.utilities import remove_ros_args

from pear_ros.live.graph import Level
from pear_ros.node.executor import PicturesFirst
from pear_ros.node.mesh_recovery_node import NAME, MeshRecoveryNode


def main(argv: Sequence[str] | None = None) -> int:
    """Spin until interrupted; 0 then, 1 where `--autostart` did not succeed, 2 for wrong names and
    parameters.
    """
    words = list(sys.argv if argv is None else argv)
    own = argparse.ArgumentParser(prog="mesh_recovery_node", description=__doc__.splitlines()[0])
    own.add_argument("--cameras", nargs="+", metavar="NAMESPACE", default=[])
    own.add_argument(
        "--autostart", action="store_true", help="configure and activate at once, no manager needed"
    )
    arguments = own.parse_args(remove_ros_args(words)[1:])
    nodes: list[MeshRecoveryNode] = []
    executor: PicturesFirst | None = None
    code = 0
    try:
        rclpy.init(args=words)
        executor = PicturesFirst()
        for name in arguments.cameras:
            nodes.append(of_camera(name))
        if not arguments.cameras:
            nodes.append(MeshRecoveryNode())
        if not told_apart(nodes):
            code = 2
        for node in nodes if not code else ():
            executor.add_node(node)
            if arguments.autostart and not _started(node):
                code = 1
                break
        while not code and rclpy.ok():
            _spin(executor, nodes[0])
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (ParameterException, NameValidationException) as error:
        get_logger(NAME).error(str(error))
        code = 2
    except rclpy_implementation.RCLError as error:  # no enclave for this name under SROS2, say
        get_logger(NAME).error(str(error))
        code = 1
    finally:
        # Whoever is impatient must not break what follows: it frees the engine and leaves the graph.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if executor is not None:
            executor.shutdown()
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()
    return code


def of_camera(namespace: str) -> MeshRecoveryNode:
    """A node in this namespace whose ids begin with it, unless `id_prefix` says otherwise."""
    node = MeshRecoveryNode(namespace=namespace)
    if not node.get_parameter("id_prefix").value:
        prefix = re.sub(r"\W+", "_", namespace.strip("/")) + "_"
        node.set_parameters([Parameter("id_prefix", value=prefix)])
    return node


def told_apart(nodes: Sequence[MeshRecoveryNode]) -> bool:
    """Whether every node has a name of its own; `-r __ns:=` moves all of a process to one place."""
    names = [node.get_fully_qualified_name() for node in nodes]
    if len(set(names)) == len(names):
        return True
    nodes[0].graph.log(
        Level.ERROR,
        f"{len(names)} cameras would all be {names[0]}: without __ns, as --cameras robot/left "
        "robot/right, they have names of their own",
    )
    return False


def _spin(executor: PicturesFirst, node: MeshRecoveryNode) -> None:
    """Until the end, or until a callback fails: rclpy lets one wrong service call end the process."""
    try:
        executor.spin()
    except ExternalShutdownException:
        raise
    except InvalidHandle:
        pass  # What was to be waited for has just been closed on another thread.
    except Exception as error:
        if not rclpy.ok():
            return  # An interrupt has ended the context under it.
        node.graph.log(Level.ERROR, f"a callback failed: {type(error).__name__}: {error}")


def _started(node: MeshRecoveryNode) -> bool:
    success = TransitionCallbackReturn.SUCCESS
    return node.trigger_configure() == success and node.trigger_activate() == success


if __name__ == "__main__":
    raise SystemExit(main())
