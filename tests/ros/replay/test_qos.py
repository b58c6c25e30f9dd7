"""QoS profiles of old and new bags, against rosbags' parser."""

from __future__ import annotations

from typing import Any

import pytest
from rosbags.interfaces import QosDurability, QosHistory, QosLiveliness, QosReliability
from rosbags.rosbag2.metadata import parse_qos
from ruamel.yaml import YAML

from pear_ros.replay import qos

NAMED = """\
- history: keep_all
  depth: 7
  reliability: best_effort
  durability: transient_local
  deadline: {sec: 1, nsec: 2}
  lifespan: {sec: 3, nsec: 4}
  liveliness: manual_by_topic
  liveliness_lease_duration: {sec: 5, nsec: 6}
  avoid_ros_namespace_conventions: false
"""


def parsed(text: str) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = YAML(typ="safe").load(text)
    return content


def test_ours_are_what_they_are_called() -> None:
    (default,), (latched,) = parse_qos(qos.DEFAULT), parse_qos(qos.LATCHED)
    for profile in (default, latched):
        assert profile.history == QosHistory.KEEP_LAST
        assert profile.reliability == QosReliability.RELIABLE
        assert profile.liveliness == QosLiveliness.AUTOMATIC
    assert (default.depth, default.durability) == (10, QosDurability.VOLATILE)
    assert (latched.depth, latched.durability) == (1, QosDurability.TRANSIENT_LOCAL)


@pytest.mark.parametrize("text", [NAMED, NAMED + NAMED, qos.DEFAULT, qos.LATCHED])
def test_names_become_numbers_and_mean_the_same(text: str) -> None:
    numbered = qos.numbered(text)
    assert parse_qos(numbered) == parse_qos(text)
    for profile in parsed(numbered):
        kinds = {type(profile[k]) for k in ("history", "reliability", "durability", "liveliness")}
        assert kinds == {int}
    assert qos.numbered(numbered) == numbered


@pytest.mark.parametrize("text", ["", "[]", "a: [", "just text", "7"])
def test_anything_else_is_no_profile(text: str) -> None:
    assert qos.numbered(text) == ""


def test_unknown_values_become_the_default() -> None:
    text = NAMED.replace("keep_all", "keep_some").replace("best_effort", "{a: b}")
    (profile,) = parsed(qos.numbered(text))
    assert (profile["history"], profile["reliability"]) == (1, 1)
