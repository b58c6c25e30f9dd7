"""A graph between two processes, over real DDS on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds")

from pear_ros.dds.graph import DdsGraph
from pear_ros.live.graph import LATCHED, SENSOR, Graph, Level, Qos
from pear_ros.messages import codec
from pear_ros.messages.codec import CdrWriter
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.messages.pictures import image
from pear_ros.problems import PearError

ROOT = Path(__file__).parents[3]
STRING = "std_msgs/msg/String"


def text(words: str) -> bytes:
    out = CdrWriter()
    out.string(words)
    out.align(4)
    return out.finish()


def threads() -> list[str]:
    """Names of this process's native threads that belong to DDS or to a graph."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            names.append((task / "comm").read_text().strip())
    return sorted(n for n in names if n.startswith(("dq.", "gc", "tev", "recv", "dds", "lease")))


def test_pictures_arrive_byte_for_byte(
    remote: Any, until: Callable[..., Any], rng: np.random.Generator
) -> None:
    got: list[memoryview] = []
    there, back = {"reliable": False, "depth": 5}, {"depth": 5}
    with DdsGraph("eye", "robot") as graph:
        listener = graph.subscribe("/echo", codec.IMAGE, SENSOR, got.append)
        sender = graph.advertise("image", codec.IMAGE, Qos())
        remote("subscribe", key="in", topic="/robot/image", type=codec.IMAGE, qos=there)
        remote("advertise", key="out", topic="/echo", type=codec.IMAGE, qos=back)
        until(lambda: sender.subscribers and remote("publishers", key="in"))
        until(lambda: remote("subscribers", key="out") and listener.publishers)
        for i, shape in enumerate([(480, 640, 3), (3, 4, 3), (240, 320, 3)]):
            sent = image(rng.integers(0, 256, shape, dtype=np.uint8), i, "eye")
            assert len(sent) % 4 == 0
            digest = hashlib.sha256(sent).hexdigest()
            until(
                lambda m=sent: sender.publish(m) or remote("digests", key="in")[-1:],
                lambda last, digest=digest: last == [digest],
            )
        until(lambda: remote("publish", key="out", data=sent.hex()) or len(got))
        assert bytes(got[0]) == sent


def test_our_messages_arrive_byte_for_byte(
    remote: Any, until: Callable[..., Any], people: ModuleType, rng: np.random.Generator
) -> None:
    raw = human_array(people.frame(rng, 2), Identity("m", "b", "t", engine="e"))
    with DdsGraph("eye") as graph:
        writer = graph.advertise("humans", codec.HUMAN_ARRAY, Qos())
        remote("subscribe", key="in", topic="/humans", type=codec.HUMAN_ARRAY, qos={})
        until(lambda: writer.subscribers and remote("publishers", key="in"))
        writer.publish(raw)
        (got,) = until(lambda: remote("got", key="in"))
    assert bytes.fromhex(got) == raw + bytes(-len(raw) % 4)


def test_who_joins_late_gets_the_last_latched_message(
    remote: Any, until: Callable[..., Any]
) -> None:
    with DdsGraph("eye") as graph:
        writer = graph.advertise("/model", STRING, LATCHED)
        for words in ("old", "new"):
            writer.publish(text(words))
        plain = {"latched": False}
        remote("subscribe", key="plain", topic="/model", type=STRING, qos=plain)
        remote("subscribe", key="late", topic="/model", type=STRING, qos={"latched": True})
        assert until(lambda: remote("got", key="late")) == [text("new").hex()]
        until(lambda: writer.subscribers, lambda count: count == 2)
        assert remote("got", key="plain") == []


def test_subscribers_come_and_go(remote: Any, until: Callable[..., Any]) -> None:
    with DdsGraph("eye") as graph:
        writer = graph.advertise("/meshes", STRING, Qos())
        assert writer.subscribers == 0
        for key, count in (("a", 1), ("b", 2)):
            remote("subscribe", key=key, topic="/meshes", type=STRING, qos={})
            until(lambda: writer.subscribers, lambda n, count=count: n == count)
        remote("end", key="a")
        until(lambda: writer.subscribers, lambda n: n == 1)
        remote("close")
        until(lambda: writer.subscribers, lambda n: n == 0)


def test_types_of_a_topic(remote: Any, until: Callable[..., Any]) -> None:
    with DdsGraph("eye", "far", remappings={"image": "camera/image"}) as graph:
        assert graph.types("image") == ()
        # What we offer ourselves is not what others offer.
        graph.advertise("image", STRING, Qos())
        remote("advertise", key="w", topic="camera/image", type=codec.COMPRESSED_IMAGE, qos={})
        assert until(lambda: graph.types("image")) == (codec.COMPRESSED_IMAGE,)
        remote("subscribe", key="r", topic="camera/image", type=STRING, qos={})
        assert graph.types("/far/camera/image") == (codec.COMPRESSED_IMAGE,)


def test_log_lines_reach_rosout(
    remote: Any, until: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    got: list[memoryview] = []
    with DdsGraph("eye") as graph:
        remote("log", text="said before anybody listened")
        graph.subscribe("/rosout", "rcl_interfaces/msg/Log", LATCHED, got.append)
        until(lambda: len(got))
        graph.log(Level.DEBUG, "nobody wants this")
        graph.log(Level.ERROR, "everybody wants this")
        until(lambda: len(got), lambda n: n == 2)
    lines = [codec.deserialize(m, "rcl_interfaces/msg/Log") for m in got]
    assert [(m.level, m.name, m.msg) for m in lines] == [
        (30, "far.remote", "said before anybody listened"),
        (40, "eye", "everybody wants this"),
    ]
    assert "nobody wants this" not in capsys.readouterr().err


def test_simulated_time_follows_the_clock(remote: Any, until: Callable[..., Any]) -> None:
    remote("advertise", key="c", topic="/clock", type="rosgraph_msgs/msg/Clock", qos={})
    with DdsGraph("eye", use_sim_time=True) as graph, DdsGraph("wall") as wall:
        assert graph.now() == 0
        tick = "0001000003000000" + "05000000"
        until(lambda: remote("publish", key="c", data=tick) or graph.now())
        assert graph.now() == 3_000_000_005
        assert wall.now() > 1_700_000_000 * 10**9


def test_close_leaves_nothing_behind(remote: Any, until: Callable[..., Any]) -> None:
    before, descriptors = threads(), len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with DdsGraph("one") as one, DdsGraph("two") as two:
            writer = one.advertise("/x", STRING, Qos())
            two.subscribe("/x", STRING, Qos(), lambda message: None)
            until(lambda writer=writer: writer.subscribers)
            # A thread gets its name a little after its birth.
            until(lambda: len(threads()) > len(before))
            one.close()
            one.close()
            assert two.types("/x") == ()
        assert threads() == before == []
        assert len(os.listdir("/proc/self/fd")) == descriptors
    assert [t.name for t in threading.enumerate() if t.name.startswith("dds")] == []


def test_a_process_ends_without_close(domain: int) -> None:
    code = (
        "from pear_ros.dds.graph import DdsGraph\nfrom pear_ros.live.graph import Qos\n"
        f"graph = DdsGraph('careless')\ngraph.subscribe('/m', {STRING!r}, Qos(), print)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_bad_settings_are_refused_and_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ({"node_name": "1"}, {"node_name": "a", "remappings": {"x": "/ /"}}):
        with pytest.raises(PearError):
            DdsGraph(**wrong)
    with pytest.raises(PearError, match="232"):
        monkeypatch.setenv("ROS_DOMAIN_ID", "233")
        DdsGraph("a")
    with pytest.raises(PearError, match="233"):
        DdsGraph("a", domain_id=233)
    assert threads() == []


def test_unknown_types_are_refused() -> None:
    graph: Graph = DdsGraph("eye")
    with pytest.raises(PearError, match="nowhere/msg/Nothing"):
        graph.advertise("/x", "nowhere/msg/Nothing", Qos())
    with pytest.raises(PearError, match="depth"):
        graph.subscribe("/x", STRING, Qos(depth=0), lambda message: None)
    graph.close()  # type: ignore[attr-defined]
