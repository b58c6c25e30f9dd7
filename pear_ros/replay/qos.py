"""Offered QoS profiles as bags store them: YAML, with rmw's numbers, which every rosbag2 reads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

_TEMPLATE = """\
- history: {history}
  depth: {depth}
  reliability: {reliability}
  durability: {durability}
  deadline:
    sec: {deadline[sec]}
    nsec: {deadline[nsec]}
  lifespan:
    sec: {lifespan[sec]}
    nsec: {lifespan[nsec]}
  liveliness: {liveliness}
  liveliness_lease_duration:
    sec: {liveliness_lease_duration[sec]}
    nsec: {liveliness_lease_duration[nsec]}
  avoid_ros_namespace_conventions: false"""
_FOREVER = {"sec": 9223372036, "nsec": 854775807}
_NUMBERS: dict[str, tuple[str, ...]] = {
    "history": ("system_default", "keep_last", "keep_all", "unknown"),
    "reliability": ("system_default", "reliable", "best_effort", "unknown", "best_available"),
    "durability": ("system_default", "transient_local", "volatile", "unknown", "best_available"),
    "liveliness": (
        "system_default",
        "automatic",
        "_",
        "manual_by_topic",
        "unknown",
        "best_available",
    ),
}
"""rmw's enumerations: the position of a name is its number."""
_DEFAULTS: dict[str, Any] = {
    "history": 1,
    "depth": 10,
    "reliability": 1,
    "durability": 2,
    "deadline": _FOREVER,
    "lifespan": _FOREVER,
    "liveliness": 1,
    "liveliness_lease_duration": _FOREVER,
}

DEFAULT = _TEMPLATE.format(**_DEFAULTS)
"""Keep the last 10, reliable, volatile."""
LATCHED = _TEMPLATE.format(**_DEFAULTS | {"depth": 1, "durability": 1})
"""Transient local: who subscribes late still gets the last message."""


@cache
def numbered(profiles: str) -> str:
    """Profiles of another bag, which may be names, as numbers; empty where it has none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe").load(profiles) if profiles else None
    except YAMLError:
        return ""
    if not isinstance(content, list):
        return ""
    return "\n".join(_one(profile) for profile in content if isinstance(profile, Mapping))


def _one(profile: Mapping[str, Any]) -> str:
    values = dict(_DEFAULTS)
    for key, value in profile.items():
        if key in _NUMBERS:
            names = _NUMBERS[key]
            values[key] = names.index(value) if value in names else value
            if not isinstance(values[key], int):
                values[key] = _DEFAULTS[key]
        elif isinstance(_DEFAULTS.get(key), dict):
            if isinstance(value, Mapping) and {"sec", "nsec"} <= value.keys():
                values[key] = {"sec": int(value["sec"]), "nsec": int(value["nsec"])}
        elif key == "depth" and isinstance(value, int):
            values[key] = value
    return _TEMPLATE.format(**values)
