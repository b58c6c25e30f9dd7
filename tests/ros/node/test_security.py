"""config/sros2_policy.xml on a real ROS 2 that encrypts: what it allows works, nothing else does.

Keys and permissions are made by sros2, as `ros2 security` does; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ros
ROOT = Path(__file__).parents[3]
POLICY = ROOT / "config" / "sros2_policy.xml"
# A peer that may do less than pear's node offers: no meshes.
PEER_POLICY = """<?xml version="1.0" encoding="UTF-8"?>
<policy version="0.2.0"><enclaves><enclave path="/peer"><profiles><profile ns="/" node="peer">
  <topics publish="ALLOW">
    <topic>image</topic><topic>rosout</topic><topic>parameter_events</topic>
  </topics>
  <topics subscribe="ALLOW">
    <topic>humans</topic><topic>body_model</topic><topic>diagnostics</topic>
  </topics>
  <services reply="ALLOW"><service>~/*</service></services>
</profile></profiles></enclave></enclaves></policy>
"""


@pytest.fixture(scope="module")
def secured(needs_ros: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of processes that have to show who they are."""
    keystore = pytest.importorskip(
        "sros2.keystore", reason="sros2 is not installed", exc_type=ImportError
    )
    folder = tmp_path_factory.mktemp("sros2")
    policy = folder / "peer.xml"
    policy.write_text(PEER_POLICY)
    keys = folder / "keys"
    keystore.create_keystore(keys)
    for enclave, rules in (("/mesh_recovery_node", POLICY), ("/peer", policy)):
        keystore.create_enclave(keys, enclave)
        keystore.create_permission(keys, enclave, rules)
    return {
        **os.environ,
        "ROS_SECURITY_ENABLE": "true",
        "ROS_SECURITY_STRATEGY": "Enforce",
        "ROS_SECURITY_KEYSTORE": str(keys),
    }


@pytest.fixture
def node(secured: dict[str, str], log: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts the node in its enclave with more words."""
    started: list[subprocess.Popen[bytes]] = []
    fixed = ("detector:=whole", f"model:={ROOT / 'models' / 'pear_vit_ti'}")

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pear_ros.node.main", "--autostart", "--ros-args",
                   "--enclave", "/mesh_recovery_node", "-p", fixed[0], "-p", fixed[1], *words]  # fmt: skip
        with log.open("w") as out:
            process = subprocess.Popen(
                command, env=secured, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the node says."""
    return tmp_path / "node.log"


def peer(environment: dict[str, str], seconds: float, *words: str) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("secured_peer.py")
    command = [sys.executable, str(script), str(seconds), *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=300.0)
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


def test_who_may_hears_people_and_nobody_else_does(
    node: Any, secured: dict[str, str], log: Path
) -> None:
    # With everything that makes the node subscribe to more: each of it has to be allowed.
    node("-p", "use_depth:=true", "-p", "reference_frame:=odom")
    heard = answer(peer(secured, 240.0, "--enclave", "/peer"))
    assert heard["/humans"] > 0 and heard["/body_model"] == 1, log.read_text()
    assert heard["/humans/meshes"] == "RCLError"  # not in the peer's own policy
    assert heard["pictures read by"] == 1
    # The body model is latched and diagnostics go on, for whoever may hear them.
    open_door = {k: v for k, v in secured.items() if not k.startswith("ROS_SECURITY")}
    assert set(answer(peer(open_door, 10.0)).values()) == {0}


def test_a_topic_that_the_policy_does_not_name_is_refused(node: Any, log: Path) -> None:
    code = node("-r", "humans:=/people").wait(120.0)
    out = log.read_text()
    assert code == 1 and "on_activate failed" in out and "/people" in out


def test_the_policy_names_every_service_that_there_is(start: Any, peer: Any) -> None:
    running = start(configured=False)
    services = ElementTree.parse(POLICY).findall(".//services[@reply='ALLOW']/service")
    allowed = {(s.text or "").replace("~", "/mesh_recovery_node") for s in services}
    # Younger than Humble.
    allowed_later = {"/mesh_recovery_node/get_type_description"}

    def offered() -> set[str]:
        found = running.get_service_names_and_types_by_node(running.get_name(), "/")
        return {name for name, _ in found}

    peer.wait(lambda: allowed - offered() <= allowed_later, "allowed without need")
    assert offered() <= allowed
