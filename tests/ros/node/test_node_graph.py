"""The graph on rclpy, when its context has ended: nobody is told of what fails only because of that."""

from __future__ import annotations

from typing import Any

import pytest

from pear_ros.live.graph import Level, Qos

pytestmark = pytest.mark.ros


@pytest.fixture
def ended(ros: None, capfd: pytest.CaptureFixture[str]) -> Any:
    """A graph with a publisher, after an interrupt; what was printed before is forgotten."""
    import rclpy

    from pear_ros.node.graph import RclpyGraph

    context = rclpy.context.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("ended", namespace="/somewhere", context=context)
    graph = RclpyGraph(node)
    publisher = graph.advertise("words", "std_msgs/msg/String", Qos())
    graph.log(Level.WARN, "before")
    assert "before" in capfd.readouterr().err
    rclpy.shutdown(context=context)
    yield graph, publisher
    node.destroy_node()


def test_nobody_listens_and_nothing_is_sent(ended: Any) -> None:
    _, publisher = ended
    assert publisher.subscribers == 0
    publisher.publish(b"\x00\x01\x00\x00\x02\x00\x00\x00x\x00")


def test_last_words_come_without_complaints(ended: Any, capfd: pytest.CaptureFixture[str]) -> None:
    graph, _ = ended
    for level, text in ((Level.WARN, "lost"), (Level.INFO, "stopped"), (Level.ERROR, "stuck")):
        graph.log(level, text)
    lines = capfd.readouterr().err.splitlines()
    assert [line.split("]: ")[-1] for line in lines] == ["stopped", "stuck"]
    assert all("/somewhere/ended" in line for line in lines)


def test_references_to_what_is_gone_are_forgotten(ros: None) -> None:
    import rclpy

    from pear_ros.node.graph import RclpyGraph

    node = rclpy.create_node("short")
    graph = RclpyGraph(node)

    def references() -> int:
        return len(node.default_callback_group.entities) + len(graph._group.entities)

    def life() -> None:
        topics = [
            graph.subscribe("words", "std_msgs/msg/String", Qos(), lambda data: None),
            *(graph.advertise(f"words{i}", "std_msgs/msg/String", Qos()) for i in range(10)),
        ]
        for topic in topics:
            topic.close()

    life()
    once = references()
    for _ in range(5):
        life()
    assert references() <= once
    node.destroy_node()
