"""Identity of an engine, as it stands in every message."""

from __future__ import annotations

from types import ModuleType

from pear_ros.messages.identity import Identity


def test_names_carry_the_start_of_the_hash(people: ModuleType) -> None:
    identity = Identity.of(people.engine_info())
    assert identity.model == "model@cccccccccccc"
    assert identity.body_model == identity.topology_id == "body@bbbbbbbbbbbb"
    assert identity.joint_order == "ehm_s_145"
    assert identity.engine == "backend version"
    assert identity.engine_precision == "precision"
    assert identity.engine_fallback == "fallback"
