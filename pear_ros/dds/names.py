"""Names of nodes and topics: ROS's rules, namespaces, remapping, and the names on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pear_ros.problems import PearError

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 247
"""rmw's limit for a full name, which leaves room for the prefix on the wire."""


@dataclass(frozen=True)
class Names:
    """How one node resolves names: `remappings` maps names to names, as `from:=to` does.

    Raises: PearError for names that ROS would refuse.
    """

    node: str
    namespace: str = "/"
    remappings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.node):
            raise PearError("bad node name", expected="letters, digits, _", found=repr(self.node))
        namespace = "/" + self.namespace.strip("/")
        if namespace != "/":
            _check(namespace, self.namespace)
        object.__setattr__(self, "namespace", namespace)
        rules = {self.expand(old): self.expand(new) for old, new in self.remappings.items()}
        object.__setattr__(self, "remappings", rules)

    @property
    def full_node(self) -> str:
        """Namespace and name: "/ns/node"."""
        return f"{self.namespace.rstrip('/')}/{self.node}"

    def expand(self, topic: str) -> str:
        """The full name of a topic before remapping."""
        name = topic.replace("{node}", self.node)
        for word in ("{ns}", "{namespace}"):
            name = name.replace(word, self.namespace)
        if name == "~" or name.startswith("~/"):
            name = self.full_node + name[1:]
        elif not name.startswith("/"):
            name = f"{self.namespace.rstrip('/')}/{name}"
        _check(name, topic)
        return name

    def resolve(self, topic: str) -> str:
        """The full name of a topic, remapped."""
        name = self.expand(topic)
        return self.remappings.get(name, name)


def _check(name: str, given: str) -> None:
    tokens = name[1:].split("/")
    if not all(_TOKEN.fullmatch(token) for token in tokens):
        raise PearError(
            "bad name of a topic or namespace",
            expected="words of letters, digits and _, joined by /",
            found=repr(given),
        )
    if len(name) > _LONGEST:
        raise PearError("name is too long", expected=f"at most {_LONGEST}", found=str(len(name)))


def wire_topic(name: str) -> str:
    """A full topic name as DDS peers see it: "/tf" is "rt/tf"."""
    return f"rt{name}"
