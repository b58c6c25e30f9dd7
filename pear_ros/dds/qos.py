"""Quality of service: the graph's three numbers as DDS policies, set as rmw_cyclonedds sets them."""

from __future__ import annotations

from cyclonedds.qos import Policy
from cyclonedds.qos import Qos as DdsQos

from pear_ros.live.graph import Qos
from pear_ros.problems import PearError

BLOCKING = 100_000_000
"""Nanoseconds that a reliable writer waits for a reader that does not keep up, before it drops."""
_APART = {
    2: "durability: {writer} volatile, {reader} transient local (latched)",
    11: "reliability: {writer} best effort, {reader} reliable",
    23: "data representation: one side does not speak plain CDR",
    24: "type: both call it the same, but its members differ",
}
"""What a policy of this number in the DDS specification means where it keeps ROS nodes apart."""


def writer_qos(qos: Qos, user_data: bytes, *more: object) -> DdsQos:
    """Policies of a writer; user_data carries the type hash, more are policies beyond the three."""
    policies = [*_common(qos, user_data), Policy.WriterDataLifecycle(autodispose=False), *more]
    if qos.latched:
        kept = Policy.History.KeepLast(qos.depth)
        policies.append(Policy.DurabilityService(0, kept, -1, -1, -1))
    return DdsQos(*policies)


def reader_qos(qos: Qos, user_data: bytes) -> DdsQos:
    """Policies of a reader; user_data carries the type hash."""
    return DdsQos(*_common(qos, user_data))


def _common(qos: Qos, user_data: bytes) -> list[object]:
    if not 0 < qos.depth < 2**31:
        raise PearError("bad depth", where="QoS", expected="1 or more", found=str(qos.depth))
    return [
        Policy.Reliability.Reliable(BLOCKING) if qos.reliable else Policy.Reliability.BestEffort,
        Policy.Durability.TransientLocal if qos.latched else Policy.Durability.Volatile,
        Policy.History.KeepLast(qos.depth),
        # ROS speaks plain CDR (XCDR1) only.
        Policy.DataRepresentation(use_cdrv0_representation=True, use_xcdrv2_representation=False),
        Policy.Userdata(user_data),
    ]


def mismatch(policy: int, *, reading: bool) -> str:
    """What keeps us apart from a peer, in words.

    policy: its number in the DDS specification. reading: we are the reader, else the writer.
    """
    if reading:
        words = {"writer": "the publisher offers", "reader": "we ask for"}
    else:
        words = {"writer": "we offer", "reader": "the subscriber asks for"}
    return _APART.get(policy, f"policy {policy} of DDS").format(**words)
