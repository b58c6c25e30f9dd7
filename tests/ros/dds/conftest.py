"""A DDS domain of our own on loopback, and a second process in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fabricated.people

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ROS_VARIABLES = ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_STATIC_PEERS", "ROS_LOCALHOST_ONLY")


class Child:
    """A process that is asked with lines of JSON."""

    def __init__(self, script: str) -> None:
        # This tree first: a sourced workspace has an installed copy.
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path},
            text=True,
        )

    def __call__(self, do: str, **values: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the other process ended at {do}"
        answer = json.loads(line)
        assert "ok" in answer, answer
        return answer["ok"]

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


@pytest.fixture(scope="session", autouse=True)
def domain() -> Iterator[int]:
    """Domain and tag of this process, so that parallel runs and the machine's robots are not heard."""
    number = 1 + os.getpid() % 100
    tag = f"<CycloneDDS><Domain><Discovery><Tag>test{os.getpid()}</Tag></Discovery></Domain></CycloneDDS>"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(number))
        patch.setenv("CYCLONEDDS_URI", f"file://{ROOT}/config/cyclonedds_loopback.xml,{tag}")
        for name in ROS_VARIABLES:
            patch.delenv(name, raising=False)
        yield number


@pytest.fixture(scope="session")
def child() -> type[Child]:
    """Starts a script of this folder."""
    return Child


@pytest.fixture(scope="session")
def remote_process(domain: int) -> Iterator[Child]:
    child = Child("remote_graph.py")
    yield child
    child.end()


@pytest.fixture
def remote(remote_process: Child) -> Iterator[Child]:
    """A graph of node /far/remote in another process, closed after the test."""
    remote_process("open", node="remote", namespace="far")
    yield remote_process
    remote_process("close")


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    return _until


def _until(what: Callable[[], Any], accept: Callable[[Any], bool] = bool) -> Any:
    """Ask until the answer is accepted, and give it; DDS says nothing about when."""
    end = time.monotonic() + 30
    while not accept(answer := what()):
        assert time.monotonic() < end, f"it stayed {answer!r}"
        time.sleep(0.01)
    return answer


@pytest.fixture(scope="session")
def people() -> ModuleType:
    return fabricated.people


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
