"""Readers and writers: what matches, what is warned of, what a callback may do."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("cyclonedds")

from pear_ros.dds import raw
from pear_ros.dds.graph import DdsGraph
from pear_ros.live.graph import Qos
from pear_ros.messages.codec import CdrWriter
from pear_ros.problems import PearError

STRING = "std_msgs/msg/String"
MODES = list(itertools.product((True, False), repeat=2))


def text(words: str) -> bytes:
    out = CdrWriter()
    out.string(words)
    out.align(4)
    return out.finish()


@pytest.fixture
def graph() -> Iterator[DdsGraph]:
    with DdsGraph("local") as opened:
        yield opened


def test_the_matrix_of_qualities(remote: Any, graph: DdsGraph, until: Callable[..., Any]) -> None:
    """A reader matches a writer that offers at least what it asks for, in both directions."""
    writers, readers, got = {}, {}, {}
    for i, (reliable, latched) in enumerate(MODES):
        qos = {"reliable": reliable, "latched": latched}
        writers[i] = graph.advertise("/matrix", STRING, Qos(**qos))
        remote("subscribe", key=f"r{i}", topic="/matrix", type=STRING, qos=qos)
        got[i] = []
        readers[i] = graph.subscribe("/back", STRING, Qos(**qos), got[i].append)
        remote("advertise", key=f"w{i}", topic="/back", type=STRING, qos=qos)
    served = {
        w: {
            r
            for r, asked in enumerate(MODES)
            if all(has or not wants for has, wants in zip(offered, asked, strict=True))
        }
        for w, offered in enumerate(MODES)
    }
    heard = {r: {w for w in served if r in served[w]} for r in served}
    for i in served:
        until(lambda i=i: writers[i].subscribers, lambda n, i=i: n == len(served[i]))
        until(lambda i=i: remote("subscribers", key=f"w{i}"), lambda n, i=i: n == len(served[i]))
        until(lambda i=i: readers[i].publishers, lambda n, i=i: n == len(heard[i]))
        until(lambda i=i: remote("publishers", key=f"r{i}"), lambda n, i=i: n == len(heard[i]))

    def arrived() -> bool:
        # Again and again: best effort promises nothing for the first message of a new match.
        for i, writer in writers.items():
            writer.publish(text(f"writer {i}"))
            remote("publish", key=f"w{i}", data=text(f"writer {i}").hex())
        sent = [{text(f"writer {w}") for w in heard[r]} for r in served]
        theirs = [{bytes.fromhex(m) for m in remote("got", key=f"r{r}")} for r in served]
        return theirs == sent == [{bytes(m) for m in got[r]} for r in served]

    until(arrived)


def test_what_does_not_match_is_said_once(
    remote: Any, graph: DdsGraph, until: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    remote("subscribe", key="r", topic="/strict", type=STRING, qos={})
    remote("subscribe", key="r2", topic="/strict", type=STRING, qos={})
    remote("advertise", key="w", topic="/fleeting", type=STRING, qos={})
    ours = graph.advertise("/strict", STRING, Qos(reliable=False))
    graph.subscribe("/fleeting", STRING, Qos(latched=True), lambda message: None)
    said = ""

    def lines() -> list[str]:
        nonlocal said
        said += capsys.readouterr().err
        return sorted(line.partition("]: ")[2] for line in said.splitlines())

    expected = [
        "/fleeting: a publisher cannot be heard: durability: the publisher offers volatile, "
        "we ask for transient local (latched)",
        "/strict: a subscriber cannot hear us: reliability: we offer best effort, "
        "the subscriber asks for reliable",
    ]
    until(lines, lambda found: len(found) >= 2)
    assert lines() == expected
    assert "[WARN]" in said and "[local]" in said
    assert ours.subscribers == 0
    # Another one with the same wish is no news.
    remote("subscribe", key="r3", topic="/strict", type=STRING, qos={})
    graph.advertise("/strict", STRING, Qos())
    until(lambda: remote("types", topic="/strict"))
    time.sleep(0.1)
    assert lines() == expected


def test_another_type_of_the_same_name_is_said(
    graph: DdsGraph, until: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    graph.subscribe("/mixed", STRING, Qos(), lambda message: None)
    other = graph.advertise("/mixed", "std_msgs/msg/Bool", Qos())
    said: list[str] = []
    until(lambda: said.append(capsys.readouterr().err) or "members differ" in "".join(said))
    assert "/mixed" in "".join(said) and other.subscribers == 0


def test_a_failing_callback_does_not_end_the_others(
    graph: DdsGraph, until: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    got: list[bytes] = []

    def fail(message: memoryview) -> None:
        raise ValueError("no good")

    graph.subscribe("/both", STRING, Qos(), fail)
    graph.subscribe("/both", STRING, Qos(), lambda message: got.append(bytes(message)))
    writer = graph.advertise("/both", STRING, Qos())
    until(lambda: writer.subscribers, lambda count: count == 2)
    for i in range(3):
        writer.publish(text(str(i)))
    until(lambda: len(got), lambda count: count == 3)
    graph.close()
    errors = [line for line in capsys.readouterr().err.splitlines() if "no good" in line]
    assert len(errors) == 1
    assert "/both: the callback failed: ValueError: no good" in errors[0]
    assert "test_endpoints.py:" in errors[0]


def test_no_callback_starts_after_close(graph: DdsGraph, until: Callable[..., Any]) -> None:
    inside, leave, calls = threading.Event(), threading.Event(), []

    def slow(message: memoryview) -> None:
        calls.append(bytes(message))
        inside.set()
        assert leave.wait(30)

    reader = graph.subscribe("/slow", STRING, Qos(), slow)
    writer = graph.advertise("/slow", STRING, Qos())
    until(lambda: writer.subscribers)
    writer.publish(text("first"))
    assert inside.wait(30)
    writer.publish(text("second"))
    closer = threading.Thread(target=reader.close)
    closer.start()
    leave.set()
    closer.join(30)
    assert not closer.is_alive()
    count = len(calls)
    until(lambda: writer.subscribers, lambda left: left == 0)
    writer.publish(text("third"))
    assert len(calls) == count <= 2


def test_a_callback_may_close_its_own_subscription(
    graph: DdsGraph, until: Callable[..., Any]
) -> None:
    calls: list[bytes] = []

    def once(message: memoryview) -> None:
        calls.append(bytes(message))
        reader.close()

    reader = graph.subscribe("/once", STRING, Qos(), once)
    writer = graph.advertise("/once", STRING, Qos())
    until(lambda: writer.subscribers)
    for words in ("a", "b", "c"):
        writer.publish(text(words))
    until(lambda: writer.subscribers, lambda left: left == 0)
    assert calls == [text("a")]


def test_a_subscriber_that_hangs_does_not_hold_us_up(
    remote: Any, graph: DdsGraph, until: Callable[..., Any]
) -> None:
    writer = graph.advertise("/w", STRING, Qos(depth=2))
    remote("subscribe", key="r", topic="/w", type=STRING, qos={"depth": 2})
    until(lambda: writer.subscribers and remote("publishers", key="r"))
    writer.publish(text("before"))
    assert until(lambda: remote("got", key="r")) == [text("before").hex()]
    os.kill(remote.process.pid, signal.SIGSTOP)
    try:
        # More than any buffer between the two takes.
        for i in range(40):
            writer.publish(text(f"{i:02d}" + "x" * 400_000))
    finally:
        os.kill(remote.process.pid, signal.SIGCONT)
    # Once it goes on, it hears again; what was overwritten meanwhile is lost, by keep last.
    last = text("after")
    until(lambda: writer.publish(last) or remote("got", key="r")[-1:] == [last.hex()])
    assert len(remote("got", key="r")) < 40


def test_publishing_says_what_is_wrong(
    graph: DdsGraph, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = graph.advertise("/w", STRING, Qos())
    with pytest.raises(PearError, match=r"/w.*std_msgs/msg/String.*5 bytes"):
        writer.publish(b"\0\1\0\0x")
    codes, write = iter([raw.TIMEOUT, raw.TIMEOUT, -5]), raw.write
    monkeypatch.setattr(
        raw,
        "write",
        lambda entity, data: next(codes) if entity is writer.entity else write(entity, data),
    )
    writer.publish(text("a"))
    writer.publish(text("b"))
    with pytest.raises(PearError, match=r"/w.*OUT_OF_RESOURCES"):
        writer.publish(text("c"))
    monkeypatch.undo()
    assert capsys.readouterr().err.count("/w: a message was dropped") == 1
    writer.close()
    writer.close()
    writer.publish(text("d"))
    assert writer.subscribers == 0
