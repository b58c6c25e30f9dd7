"""ROS's discovery variables as Cyclone DDS configuration, and domains that are shared and left."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("cyclonedds")

from cyclonedds.domain import Domain, DomainParticipant

from pear_ros.dds import domain as module
from pear_ros.problems import PearError

SHIPPED = Path(__file__).parents[3] / "config" / "cyclonedds_loopback.xml"


def settings(environment: dict[str, str]) -> dict[str, list[str]]:
    """Every value of the configuration's own part: element or attribute name to values."""
    found: dict[str, list[str]] = {}
    text = module.configuration(environment).removesuffix(environment.get("CYCLONEDDS_URI", ""))
    for part in filter(None, text.split(",")):
        for element in ElementTree.fromstring(part).iter():
            for name, value in [(element.tag, element.text or ""), *element.attrib.items()]:
                if value:
                    found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    ("text", "number"), [(None, 0), ("", 0), ("41", 41), (" 7 ", 7), ("232", 232)]
)
def test_domain_id(text: str | None, number: int) -> None:
    assert module.domain_id({} if text is None else {"ROS_DOMAIN_ID": text}) == number


@pytest.mark.parametrize("text", ["-1", "233", "x", "1.5", "²"])
def test_bad_domains_are_refused(text: str) -> None:
    with pytest.raises(PearError, match="ROS_DOMAIN_ID"):
        module.domain_id({"ROS_DOMAIN_ID": text})


def test_the_whole_network_is_the_default() -> None:
    for environment in ({}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}):
        found = settings(environment)
        assert found["ParticipantIndex"] == ["auto"]
        assert found["MaxAutoParticipantIndex"] == ["32"]
        assert found["max"] == ["64MB"]
        assert not {"AllowMulticast", "address", "Address", "Tag"} & found.keys()


def test_static_peers() -> None:
    found = settings({"ROS_STATIC_PEERS": "192.0.2.7; robot.local ;"})
    assert found["Address"] == ["192.0.2.7", "robot.local"]
    hostile = {"ROS_STATIC_PEERS": '"/><Peer a="'}
    assert settings(hostile)["Address"] == ['"/><Peer a="']


@pytest.mark.parametrize(
    "environment",
    [
        {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "ROS_STATIC_PEERS": "192.0.2.7"},
        {"ROS_LOCALHOST_ONLY": "1", "ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"},
    ],
)
def test_localhost(environment: dict[str, str]) -> None:
    found = settings(environment)
    assert found["AllowMulticast"] == ["false"]
    assert found["address"] == ["127.0.0.1"]
    # ROS_LOCALHOST_ONLY drops the static peers, as in rcl.
    only = "ROS_LOCALHOST_ONLY" in environment
    assert found["Address"] == (["localhost"] if only else ["localhost", "192.0.2.7"])


@pytest.mark.parametrize(
    "uri",
    [
        f"file://{SHIPPED}",
        str(SHIPPED),
        f"<CycloneDDS><Domain/></CycloneDDS>,file://{SHIPPED}",
        '<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="lo"/></Interfaces>'
        "</General></Domain></CycloneDDS>",
    ],
)
def test_an_interface_is_never_named_twice(uri: str, domain: int) -> None:
    environment = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "CYCLONEDDS_URI": uri}
    assert "address" not in settings(environment)
    # Cyclone itself takes it; with the interface twice it would not.
    module.join(domain + 100, environment)
    module.leave(domain + 100)


def test_off_lets_nobody_in() -> None:
    found = settings({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF", "ROS_STATIC_PEERS": "192.0.2.7"})
    assert found["AllowMulticast"] == ["false"] and "Address" not in found
    assert found["Tag"] == [f"ros_discovery_off_{os.getpid()}"]


def test_system_default_leaves_discovery_alone() -> None:
    found = settings({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT", "CYCLONEDDS_URI": "x"})
    assert set(found) == {"min", "max"}


def test_an_unknown_range_is_refused() -> None:
    with pytest.raises(PearError, match="SUBNET, LOCALHOST, OFF, SYSTEM_DEFAULT"):
        module.configuration({"ROS_AUTOMATIC_DISCOVERY_RANGE": "localhost"})


def test_a_broken_configuration_is_named(domain: int) -> None:
    with pytest.raises(PearError, match="CYCLONEDDS_URI"):
        module.join(domain + 100, {"CYCLONEDDS_URI": "<CycloneDDS><Nonsense/></CycloneDDS>"})


def test_a_domain_lives_as_long_as_its_last_user(domain: int) -> None:
    number, environment = domain + 100, {"CYCLONEDDS_URI": os.environ["CYCLONEDDS_URI"]}
    module.join(number, environment)
    module.join(number, environment)
    module.leave(number)
    participant = DomainParticipant(number)
    assert participant.guid.int
    module.leave(number)
    # Free again: a domain that is in use cannot be configured anew.
    again = Domain(number, environment["CYCLONEDDS_URI"])
    module.raw.delete(again)
