"""Who runs where: pictures on the spinning thread, everything else beside it."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

import pytest

pytestmark = pytest.mark.ros


def until(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_slow_timer_does_not_hold_pictures_up(ros: None) -> None:
    from rclpy.callback_groups import ReentrantCallbackGroup
    from rclpy.node import Node
    from std_msgs.msg import String

    from pear_ros.node.executor import PicturesFirst

    node, executor = Node("listener"), PicturesFirst()
    heard: list[str] = []
    slow: list[str] = []
    go_on = threading.Event()

    def wait() -> None:
        slow.append(threading.current_thread().name)
        assert go_on.wait(10.0)

    # The same group of callbacks would make one wait for the other.
    node.create_timer(0.01, wait, callback_group=ReentrantCallbackGroup())
    node.create_subscription(
        String, "/words", lambda _: heard.append(threading.current_thread().name), 10
    )
    publisher = node.create_publisher(String, "/words", 10)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, name="spinning", daemon=True)
    thread.start()
    until(lambda: len(slow) >= 1)
    until(lambda: publisher.get_subscription_count() > 0)
    for _ in range(5):
        publisher.publish(String(data="x"))
    until(lambda: len(heard) == 5)
    assert set(heard) == {"spinning"}
    assert not go_on.is_set() and all(name.startswith("pear callbacks") for name in slow)
    go_on.set()
    executor.shutdown()
    thread.join(10.0)
    node.destroy_node()
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["subscription", "timer"])
def test_what_a_callback_raises_comes_out_of_the_spinning(ros: None, kind: str) -> None:
    from rclpy.node import Node
    from std_msgs.msg import String

    from pear_ros.node.executor import PicturesFirst

    node, executor = Node("failing"), PicturesFirst()

    def fail(*_: Any) -> None:
        raise RuntimeError("on purpose")

    if kind == "timer":
        node.create_timer(0.01, fail)
    else:
        node.create_subscription(String, "/bad_words", fail, 10)
        publisher = node.create_publisher(String, "/bad_words", 10)
        node.create_timer(0.02, lambda: publisher.publish(String(data="x")))
    executor.add_node(node)
    end = time.monotonic() + 10.0
    with pytest.raises(RuntimeError, match="on purpose"):
        while time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.destroy_node()


def test_what_fails_at_the_very_end_is_not_printed(
    ros: None, capfd: pytest.CaptureFixture[str]
) -> None:
    from rclpy.node import Node

    from pear_ros.node.executor import PicturesFirst

    node, executor = Node("too_late"), PicturesFirst()
    begun, ending = threading.Event(), threading.Event()

    def fail() -> None:
        begun.set()
        assert ending.wait(10.0)
        raise RuntimeError("too late")

    node.create_timer(0.01, fail)
    executor.add_node(node)
    while not begun.is_set():
        executor.spin_once(timeout_sec=0.1)
    threading.Timer(0.2, ending.set).start()
    executor.shutdown()
    node.destroy_node()
    del executor, node
    gc.collect()
    assert "too late" not in capfd.readouterr().err
