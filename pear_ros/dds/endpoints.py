"""One reader or one writer of a graph, with the bytes, the counts and the warnings that belong to it."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from cyclonedds.core import (
    DDSException,
    DDSStatus,
    Entity,
    InstanceState,
    ReadCondition,
    SampleState,
    ViewState,
)
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from pear_ros.dds import raw, types
from pear_ros.dds.names import wire_topic
from pear_ros.dds.qos import mismatch, reader_qos, writer_qos
from pear_ros.live.graph import Qos
from pear_ros.problems import PearError

_UNREAD = ViewState.Any | SampleState.NotRead | InstanceState.Any


class Endpoint:
    """What readers and writers share: the entity, its end, and each warning said once."""

    def __init__(
        self,
        name: str,
        topic: Topic[Any],
        entity: Entity,
        warn: Callable[[str], None],
        closed: Callable[[Endpoint], None],
    ) -> None:
        self.name, self.entity = name, entity
        self.guid = entity.guid.bytes
        self._topic, self._warn, self._on_close = topic, warn, closed
        self._said: set[str] = set()
        self._closed = False
        # Reentrant: a callback may close its own subscription.
        self._lock = threading.RLock()

    @property
    def wakers(self) -> tuple[Entity, ...]:
        """The entities that a wait set must hold to wake up for this endpoint."""
        return (self.entity,)

    def poll(self) -> None:
        """Do what is due, on the graph's thread."""
        raise NotImplementedError

    def close(self) -> None:
        """End it; a message that is being handled is waited for, unless this is its own callback."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._on_close(self)
        for entity in reversed(self.wakers):
            raw.delete(entity)
        raw.delete(self._topic)

    def say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._warn(f"{self.name}: {text}")


class Reader(Endpoint):
    """A topic that is listened to."""

    def __init__(
        self,
        participant: DomainParticipant,
        name: str,
        type_name: str,
        qos: Qos,
        callback: Callable[[memoryview], None],
        warn: Callable[[str], None],
        closed: Callable[[Endpoint], None],
    ) -> None:
        topic = Topic(participant, wire_topic(name), types.idl_type(type_name))
        reader = DataReader(participant, topic, reader_qos(qos, types.type_hash(type_name)))
        super().__init__(name, topic, reader, warn, closed)
        reader.set_status_mask(DDSStatus.RequestedIncompatibleQos)
        self._reader, self._callback = reader, callback
        self._unread = ReadCondition(reader, _UNREAD)

    @property
    def wakers(self) -> tuple[Entity, ...]:
        return (self.entity, self._unread)

    @property
    def publishers(self) -> int:
        """How many writers are matched now."""
        try:
            return int(self._reader.get_subscription_matched_status().current_count)
        except DDSException:
            return 0

    def poll(self) -> None:
        """Report what does not match, hand out what has arrived."""
        try:
            status = self._reader.get_requested_incompatible_qos_status()
            if status.total_count_change:
                why = mismatch(status.last_policy_id, reading=True)
                self.say_once(f"a publisher cannot be heard: {why}")
            for message in raw.take(self._reader):
                with self._lock:
                    if self._closed:
                        return
                    self._call(message)
        except DDSException:
            if not self._closed:
                raise

    def _call(self, message: memoryview) -> None:
        # What a callback does wrong must not end the thread that all topics share.
        try:
            self._callback(message)
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{at.filename}:{at.lineno}"
            self.say_once(f"the callback failed: {type(error).__name__}: {error} ({place})")


class Writer(Endpoint):
    """A topic that is written; `publish` is safe from any thread and does nothing after `close`."""

    def __init__(
        self,
        participant: DomainParticipant,
        name: str,
        type_name: str,
        qos: Qos,
        warn: Callable[[str], None],
        closed: Callable[[Endpoint], None],
        *policies: object,
    ) -> None:
        topic = Topic(participant, wire_topic(name), types.idl_type(type_name))
        policy = writer_qos(qos, types.type_hash(type_name), *policies)
        writer = DataWriter(participant, topic, policy)
        super().__init__(name, topic, writer, warn, closed)
        writer.set_status_mask(DDSStatus.OfferedIncompatibleQos)
        self._writer, self._type_name = writer, type_name

    @property
    def subscribers(self) -> int:
        """How many readers are matched now."""
        try:
            return int(self._writer.get_publication_matched_status().current_count)
        except DDSException:
            return 0

    def publish(self, data: bytes) -> None:
        """Send one message of complete CDR. A reliable subscriber that does not keep up delays this
        by a tenth of a second at most, then loses it.

        Raises: PearError where the bytes are no message of the topic's type.
        """
        code = raw.write(self._writer, data)
        if not code or self._closed:
            return
        if code == raw.TIMEOUT:
            self.say_once("a message was dropped: a reliable subscriber does not keep up")
        elif code == raw.BAD_PARAMETER:
            raise PearError(
                "message cannot be sent",
                where=self.name,
                expected=f"CDR of {self._type_name}",
                found=f"{len(data)} bytes that do not fit it",
            )
        else:
            raise PearError(
                "message cannot be sent", where=self.name, found=str(DDSException(code))
            )

    def poll(self) -> None:
        """Report what does not match."""
        try:
            status = self._writer.get_offered_incompatible_qos_status()
        except DDSException:
            if not self._closed:
                raise
            return
        if status.total_count_change:
            why = mismatch(status.last_policy_id, reading=False)
            self.say_once(f"a subscriber cannot hear us: {why}")
