"""What every storage of a bag offers: topics, and raw messages in time order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

Report = Callable[[str, str], None]
"""Takes (kind, reason) of damage that was survived."""


@dataclass(frozen=True)
class Topic:
    """A topic of a bag.

    definition, encoding: text of the message definition ("ros2msg" or "ros2idl"), empty where the
    bag has none. digest: RIHS01 type hash or empty. qos: offered QoS profiles as the bag stores
    them (YAML). count: messages, or None where the bag does not say.
    """

    name: str
    type: str
    definition: str = ""
    encoding: str = "ros2msg"
    digest: str = ""
    qos: str = ""
    serialization: str = "cdr"
    count: int | None = None


@dataclass(frozen=True)
class RawMessage:
    """One message as recorded: log time in nanoseconds, CDR bytes (a view where possible)."""

    topic: Topic
    stamp: int
    data: memoryview


class Storage(Protocol):
    """An open bag file. `where` names it in messages; close it after use."""

    where: str

    @property
    def topics(self) -> list[Topic]: ...

    def messages(self, names: Collection[str], report: Report) -> Iterator[RawMessage]:
        """Messages of the named topics in order of log time; damage is reported and skipped."""
        ...

    def close(self) -> None: ...
