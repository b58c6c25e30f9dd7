"""What a graph says about itself, as another process's DDS and rosbags read it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("cyclonedds")

from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsParticipant,
    BuiltinTopicDcpsPublication,
    BuiltinTopicDcpsSubscription,
)
from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
from cyclonedds.domain import DomainParticipant
from cyclonedds.qos import Policy
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from pear_ros.dds import discovery, raw, types
from pear_ros.dds.qos import reader_qos
from pear_ros.live.graph import LATCHED
from pear_ros.messages import codec

ALIVE = ViewState.Any | SampleState.Any | InstanceState.Alive


def test_entities_info_is_what_ros_defines() -> None:
    guids = [bytes(range(k, k + 16)) for k in range(4)]
    data = discovery.entities_info(
        guids[0], [("/far", "eye", guids[1:3], []), ("/", "b", [], guids)]
    )
    message = codec.deserialize(data, discovery.INFO_TYPE)
    assert bytes(message.gid.data) == guids[0]
    first, second = message.node_entities_info_seq
    assert (first.node_namespace, first.node_name) == ("/far", "eye")
    assert [bytes(g.data) for g in first.reader_gid_seq] == guids[1:3]
    assert first.writer_gid_seq == []
    assert (second.node_namespace, second.node_name) == ("/", "b")
    assert [bytes(g.data) for g in second.writer_gid_seq] == guids


def test_the_other_process_sees_node_endpoints_and_hashes(
    domain: int, remote: Any, until: Callable[..., Any]
) -> None:
    participant = DomainParticipant(domain)
    image, qos = "sensor_msgs/msg/Image", {"depth": 4}
    reads = uuid.UUID(remote("subscribe", key="r", topic="in", type=image, qos=qos))
    writes = uuid.UUID(remote("advertise", key="w", topic="/out", type=image, qos=qos))
    found = {}
    for topic, guid in (
        (BuiltinTopicDcpsSubscription, reads),
        (BuiltinTopicDcpsPublication, writes),
    ):
        reader = BuiltinDataReader(participant, topic)
        every = ReadCondition(reader, ALIVE)
        found[guid] = until(
            lambda reader=reader, every=every, guid=guid: next(
                (e for e in reader.read(1000, every) if e.key == guid), None
            )
        )
    assert found[reads].topic_name == "rt/far/in" and found[writes].topic_name == "rt/out"
    for endpoint in found.values():
        assert endpoint.type_name == "sensor_msgs::msg::dds_::Image_"
        digest = codec.typestore().hash_rihs01(image)
        assert endpoint.qos[Policy.Userdata].data == f"typehash={digest};".encode()
        assert endpoint.qos[Policy.Reliability].max_blocking_time >= 0
    assert found[writes].qos[Policy.History] == Policy.History.KeepLast(4)

    owner = found[reads].participant_key
    people = BuiltinDataReader(participant, BuiltinTopicDcpsParticipant)
    (process,) = (p for p in people.read(1000, ReadCondition(people, ALIVE)) if p.key == owner)
    assert process.qos[Policy.Userdata].data == b"enclave=/;"

    info = Topic(participant, "ros_discovery_info", types.idl_type(discovery.INFO_TYPE))
    listener = DataReader(participant, info, reader_qos(LATCHED, b""))
    last: list[Any] = []

    def nodes() -> Any:
        for view in raw.take(listener):
            message = codec.deserialize(view, discovery.INFO_TYPE)
            if bytes(message.gid.data) == owner.bytes:
                last[:] = [message.node_entities_info_seq]
        return last and [
            (
                node.node_namespace,
                node.node_name,
                [bytes(g.data) for g in node.reader_gid_seq],
                {bytes(g.data) for g in node.writer_gid_seq} >= {writes.bytes},
            )
            for node in last[0]
        ]

    assert until(nodes) == [("/far", "remote", [reads.bytes], True)]
    remote("end", key="r")
    until(nodes, lambda seen: seen == [("/far", "remote", [], True)])
    remote("close")
    until(nodes, lambda seen: seen == [])
    raw.delete(participant)


def test_types_that_others_offer(domain: int, remote: Any, until: Callable[..., Any]) -> None:
    participant = DomainParticipant(domain)
    neighbours = discovery.Neighbours(participant)
    assert neighbours.types("/far/a") == ()
    for key, name in (("1", "String"), ("2", "Bool"), ("3", "String")):
        remote("advertise", key=key, topic="a", type=f"std_msgs/msg/{name}", qos={})
    both = ("std_msgs/msg/Bool", "std_msgs/msg/String")
    until(lambda: neighbours.types("/far/a"), lambda seen: seen == both)
    assert neighbours.types("/a") == ()
    remote("end", key="2")
    until(lambda: neighbours.types("/far/a"), lambda seen: seen == both[1:])
    raw.delete(participant)
