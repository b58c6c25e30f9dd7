"""Which DDS domain to join, and how far it reaches: ROS's environment variables, read as rmw does."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from cyclonedds.core import DDSException
from cyclonedds.domain import Domain

from pear_ros.dds import raw
from pear_ros.problems import PearError

HIGHEST = 232
"""Domains above this have no UDP ports left."""
_BUFFER = (
    "<CycloneDDS><Domain><Internal>"
    '<SocketReceiveBufferSize min="default" max="64MB"/>'
    "</Internal></Domain></CycloneDDS>"
)
"""As large as the kernel allows; with the default most pictures of 1920 x 1080 are lost. `min` would
fail where net.core.rmem_max is smaller."""
_NO_MULTICAST = "<AllowMulticast>false</AllowMulticast>"
_NUMBERED = (
    "<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>"
)
"""Well-known ports, as many as rmw_cyclonedds asks at."""
_RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")


def domain_id(environment: Mapping[str, str]) -> int:
    """ROS_DOMAIN_ID, 0 where it is not set."""
    text = environment.get("ROS_DOMAIN_ID", "").strip() or "0"
    if not text.isdecimal() or int(text) > HIGHEST:
        raise PearError(
            "bad domain", where="ROS_DOMAIN_ID", expected=f"0 to {HIGHEST}", found=repr(text)
        )
    return int(text)


def configuration(environment: Mapping[str, str]) -> str:
    """Configuration of Cyclone DDS: large receive buffers, what ROS's discovery variables mean, and
    CYCLONEDDS_URI, which has the last word.

    ROS_AUTOMATIC_DISCOVERY_RANGE, ROS_STATIC_PEERS, ROS_LOCALHOST_ONLY as in rmw_cyclonedds (Jazzy).
    """
    own = environment.get("CYCLONEDDS_URI", "")
    reach = (environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "") or "SUBNET").strip()
    peers = [p.strip() for p in environment.get("ROS_STATIC_PEERS", "").split(";") if p.strip()]
    if environment.get("ROS_LOCALHOST_ONLY", "").strip() == "1":
        reach, peers = "LOCALHOST", []
    if reach not in _RANGES:
        raise PearError(
            "unknown range",
            where="ROS_AUTOMATIC_DISCOVERY_RANGE",
            expected=", ".join(_RANGES),
            found=repr(reach),
        )
    if reach == "SYSTEM_DEFAULT":
        return f"{_BUFFER},{own}"
    general, discovery = "", _NUMBERED
    if reach == "LOCALHOST":
        general, peers = _NO_MULTICAST, ["localhost", *peers]
        if not _names_interface(own):
            # Without this, Cyclone 11 does not hear ROS nodes that start later than itself.
            general += '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    if reach == "OFF":
        # A tag that nobody else has keeps everybody out.
        tag = f"<Tag>ros_discovery_off_{os.getpid()}</Tag>"
        general, peers = _NO_MULTICAST, []
        discovery = f"<ParticipantIndex>none</ParticipantIndex>{tag}"
    if peers:
        discovery += f"<Peers>{''.join(f'<Peer Address={quoteattr(p)}/>' for p in peers)}</Peers>"
    found = f"<General>{general}</General><Discovery>{discovery}</Discovery>"
    return f"{_BUFFER},<CycloneDDS><Domain>{found}</Domain></CycloneDDS>,{own}"


def _names_interface(uri: str) -> bool:
    """Whether a CYCLONEDDS_URI chooses the network interface; naming one twice is an error."""
    texts = [uri]
    for path in re.findall(r"(?:^|,)\s*(?:file://)?([^<,]+)", uri):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            texts.append(Path(path.strip()).read_text(encoding="utf-8"))
    return any("networkinterface" in text.lower() for text in texts)


@dataclass
class _Open:
    domain: Domain
    users: int = 0


_DOMAINS: dict[int, _Open] = {}
_LOCK = threading.Lock()


def join(number: int, environment: Mapping[str, str]) -> None:
    """Configure a domain of this process, once however many nodes are in it; leave it with `leave`."""
    with _LOCK:
        if number not in _DOMAINS:
            try:
                _DOMAINS[number] = _Open(Domain(number, configuration(environment)))
            except DDSException as error:
                raise PearError(
                    f"cannot join DDS domain {number}",
                    where="CYCLONEDDS_URI" if environment.get("CYCLONEDDS_URI") else "",
                    found=str(error),
                ) from None
        _DOMAINS[number].users += 1


def leave(number: int) -> None:
    """The last one to leave ends the domain's threads and sockets."""
    with _LOCK:
        _DOMAINS[number].users -= 1
        if not _DOMAINS[number].users:
            raw.delete(_DOMAINS.pop(number).domain)
