"""The graph interface on rclpy: raw CDR in, raw CDR out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rosidl_runtime_py.utilities import get_message
from std_srvs.srv import Trigger

from pear_ros.live.graph import Level, Publisher, Qos, Subscription
from pear_ros.problems import PearError

_QUIET_SECONDS = 5.0
"""The same warning is not logged more often than this."""


def profile(qos: Qos) -> QoSProfile:
    """rclpy's form of a Qos."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=qos.depth,
        reliability=ReliabilityPolicy.RELIABLE if qos.reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if qos.latched else DurabilityPolicy.VOLATILE,
    )


class RclpyGraph:
    """One rclpy node behind `live.graph.Graph`.

    Callbacks of subscriptions share one mutually exclusive group: they only keep bytes.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._group = MutuallyExclusiveCallbackGroup()
        self._services: list[Any] = []
        self._logged: dict[str, float] = {}

    def now(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def resolve(self, topic: str) -> str:
        return str(self._node.resolve_topic_name(topic))

    @property
    def namesakes(self) -> int:
        """How many other nodes are seen under the name of this one; ROS itself allows it."""
        own = (self._node.get_name(), self._node.get_namespace())
        return max(0, self._node.get_node_names_and_namespaces().count(own) - 1)

    def types(self, topic: str) -> tuple[str, ...]:
        offers = self._node.get_publishers_info_by_topic(self.resolve(topic))
        return tuple(dict.fromkeys(str(offer.topic_type) for offer in offers))

    def subscribe(
        self, topic: str, type_name: str, qos: Qos, callback: Callable[[memoryview], None]
    ) -> Subscription:
        self._forget_the_dead()
        reader = _Reader(callback)
        subscription = self._node.create_subscription(
            _message_class(type_name),
            topic,
            reader,
            profile(qos),
            callback_group=self._group,
            raw=True,
            qos_overriding_options=_overrides(qos),
        )
        return _Subscription(self._node, subscription, reader)

    def advertise(self, topic: str, type_name: str, qos: Qos) -> Publisher:
        publisher = self._node.create_publisher(
            _message_class(type_name),
            topic,
            profile(qos),
            qos_overriding_options=_overrides(qos),
        )
        return _Publisher(self._node, publisher)

    def serve(self, service: str, callback: Callable[[], tuple[bool, str]]) -> None:
        def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            response.success, response.message = callback()
            return response

        self._services.append(self._node.create_service(Trigger, service, answer))

    def log(self, level: Level, text: str) -> None:
        now = time.monotonic()
        ended = not self._node.context.ok()
        if ended and level == Level.WARN:
            return  # Whatever is lost now is lost because everything ends.
        if level >= Level.WARN and now - self._logged.get(text, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return
        if len(self._logged) > 100:
            self._logged.clear()
        self._logged[text] = now
        # A node's own logger complains that /rosout is gone once the context has ended.
        name = self._node.get_fully_qualified_name()
        logger = get_logger(name) if ended else self._node.get_logger()
        # rclpy wants one line of code per severity.
        if level >= Level.ERROR:
            logger.error(text)
        elif level >= Level.WARN:
            logger.warning(text)
        elif level >= Level.INFO:
            logger.info(text)
        else:
            logger.debug(text)

    def _forget_the_dead(self) -> None:
        """rclpy's groups keep a reference to everything that ever was in them."""
        for group in (self._group, self._node.default_callback_group):
            for reference in tuple(group.entities):
                if reference() is None:
                    group.entities.discard(reference)

    def close(self) -> None:
        """Withdraw the services; topics close themselves."""
        for service in self._services:
            self._node.destroy_service(service)
        self._services = []


def _overrides(qos: Qos) -> QoSOverridingOptions | None:
    return QoSOverridingOptions.with_default_policies() if qos.tunable else None


def _message_class(type_name: str) -> Any:
    try:
        return get_message(type_name)
    except (ModuleNotFoundError, AttributeError, ValueError):
        package = type_name.split("/")[0]
        raise PearError(
            "message type is not installed", where=type_name, expected=f"the ROS package {package}"
        ) from None


class _Reader:
    """What rclpy calls; an executor keeps it for a while after its subscription is gone, and must
    not keep an engine alive with it.
    """

    def __init__(self, callback: Callable[[memoryview], None]) -> None:
        self.callback: Callable[[memoryview], None] | None = callback

    def __call__(self, data: bytes) -> None:
        callback = self.callback
        if callback is not None:
            callback(memoryview(data))


class _Subscription:
    def __init__(self, node: Node, subscription: Any, reader: _Reader) -> None:
        self._node, self._subscription, self._reader = node, subscription, reader

    def close(self) -> None:
        self._reader.callback = None
        self._node.destroy_subscription(self._subscription)


class _Publisher:
    def __init__(self, node: Node, publisher: Any) -> None:
        self._node, self._publisher = node, publisher

    @property
    def subscribers(self) -> int:
        try:
            return int(self._publisher.get_subscription_count())
        except Exception:
            if self._node.context.ok():
                raise
            return 0  # as in `publish`

    def publish(self, data: bytes) -> None:
        try:
            self._publisher.publish(data)
        except Exception:
            # An interrupt ends the context while other threads still work: nobody is left to hear.
            if self._node.context.ok():
                raise

    def close(self) -> None:
        self._node.destroy_publisher(self._publisher)
