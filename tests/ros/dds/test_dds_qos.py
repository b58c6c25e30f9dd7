"""DDS policies against what rmw_cyclonedds sets for the same profile."""

from __future__ import annotations

import pytest

pytest.importorskip("cyclonedds")

from cyclonedds.qos import Policy

from pear_ros.dds import qos
from pear_ros.live.graph import LATCHED, RESULT, SENSOR, Qos
from pear_ros.problems import PearError

PLAIN_CDR = Policy.DataRepresentation(use_cdrv0_representation=True)


def test_sensor_readers_and_result_writers() -> None:
    reader, writer = qos.reader_qos(SENSOR, b"hash"), qos.writer_qos(RESULT, b"hash")
    assert reader[Policy.Reliability] == Policy.Reliability.BestEffort
    assert reader[Policy.History] == Policy.History.KeepLast(1)
    assert writer[Policy.Reliability] == Policy.Reliability.Reliable(100_000_000)
    assert writer[Policy.History] == Policy.History.KeepLast(5)
    for side in (reader, writer):
        assert side[Policy.Durability] == Policy.Durability.Volatile
        assert side[Policy.DataRepresentation] == PLAIN_CDR
        assert side[Policy.Userdata].data == b"hash"
    # A writer that disposes makes ROS readers see instances die.
    assert writer[Policy.WriterDataLifecycle] == Policy.WriterDataLifecycle(autodispose=False)
    assert Policy.DurabilityService not in writer


def test_latched_writers_keep_their_depth_for_late_readers() -> None:
    writer = qos.writer_qos(Qos(latched=True, depth=3), b"", Policy.Lifespan(7))
    assert writer[Policy.Durability] == Policy.Durability.TransientLocal
    service = writer[Policy.DurabilityService]
    assert (service.history, service.max_samples) == (Policy.History.KeepLast(3), -1)
    assert writer[Policy.Lifespan].lifespan == 7
    assert qos.reader_qos(LATCHED, b"")[Policy.Durability] == Policy.Durability.TransientLocal


@pytest.mark.parametrize("depth", [0, -1, 2**31])
def test_bad_depths_are_refused(depth: int) -> None:
    with pytest.raises(PearError, match="depth"):
        qos.reader_qos(Qos(depth=depth), b"")


def test_mismatches_say_who_wants_what() -> None:
    assert qos.mismatch(11, reading=True) == (
        "reliability: the publisher offers best effort, we ask for reliable"
    )
    assert qos.mismatch(2, reading=False) == (
        "durability: we offer volatile, the subscriber asks for transient local (latched)"
    )
    assert "members differ" in qos.mismatch(24, reading=True)
    assert qos.mismatch(4, reading=True) == "policy 4 of DDS"
