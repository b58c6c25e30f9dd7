"""Being seen in a ROS graph, and seeing what others offer.

DDS knows participants, readers and writers but no nodes. ROS adds the latched topic
`ros_discovery_info`, on which every participant says which node owns which of its endpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.topic import Topic

from pear_ros.dds import raw, types
from pear_ros.dds.names import Names, wire_topic
from pear_ros.dds.qos import writer_qos
from pear_ros.live.graph import LATCHED
from pear_ros.messages.codec import CdrWriter

INFO_TOPIC = "ros_discovery_info"
INFO_TYPE = "rmw_dds_common/msg/ParticipantEntitiesInfo"
PARTICIPANT_DATA = b"enclave=/;"
"""User data of a participant, without which ROS tools do not take it for a ROS process."""
_MOST = 10_000


def entities_info(
    participant: bytes, nodes: Sequence[tuple[str, str, Sequence[bytes], Sequence[bytes]]]
) -> bytes:
    """CDR of `ros_discovery_info`: 16-byte GUID of the participant, and for each node its
    namespace, its name and the GUIDs of its readers and its writers."""
    out = CdrWriter()
    out.array(np.frombuffer(participant, np.uint8))
    out.pack("I", len(nodes))
    for namespace, name, readers, writers in nodes:
        out.string(namespace)
        out.string(name)
        for guids in (readers, writers):
            out.pack("I", len(guids))
            for guid in guids:
                out.array(np.frombuffer(guid, np.uint8))
    return out.finish()


class Announcement:
    """Tells the graph about the one node of a participant."""

    def __init__(self, participant: DomainParticipant, names: Names) -> None:
        self._names, self._guid = names, participant.guid.bytes
        self._topic = Topic(participant, INFO_TOPIC, types.idl_type(INFO_TYPE))
        qos = writer_qos(LATCHED, types.type_hash(INFO_TYPE))
        self._writer = DataWriter(participant, self._topic, qos)

    def say(self, readers: Sequence[bytes], writers: Sequence[bytes]) -> None:
        """GUIDs of the node's endpoints, all of them; to be said again after each change."""
        node = (self._names.namespace, self._names.node, readers, writers)
        raw.write(self._writer, entities_info(self._guid, [node]))

    def withdraw(self) -> None:
        """The node is gone, its participant not yet."""
        raw.write(self._writer, entities_info(self._guid, []))


class Neighbours:
    """What the other participants of the domain offer."""

    def __init__(self, participant: DomainParticipant) -> None:
        self._own = participant.guid
        self._reader = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)
        states = ViewState.Any | SampleState.Any | InstanceState.Alive
        self._alive = ReadCondition(self._reader, states)

    def types(self, topic: str) -> tuple[str, ...]:
        """ROS types that others publish on a full topic name now, sorted."""
        found = {
            types.ros_type_name(endpoint.type_name)
            for endpoint in self._reader.read(_MOST, self._alive)
            if endpoint.topic_name == wire_topic(topic) and endpoint.participant_key != self._own
        }
        return tuple(sorted(found - {""}))
