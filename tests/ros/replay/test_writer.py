"""Our bags in the hands of rosbags and mcap-ros2-support; complete or absent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from ruamel.yaml import YAML

from pear_ros.messages import codec
from pear_ros.messages.human import human_array
from pear_ros.messages.identity import Identity
from pear_ros.problems import PearError, Problems
from pear_ros.replay.bag import Bag
from pear_ros.replay.writer import BagWriter

IDENTITY = Identity("model", "body", "body")


def write(path: Path, people: Any, stop: Exception | None = None) -> None:
    rng = np.random.default_rng(0)
    with BagWriter(path) as writer:
        humans = writer.add_topic("/humans", codec.HUMAN_ARRAY)
        body = writer.add_topic("/body_model", codec.BODY_MODEL, latched=True)
        from pear_ros.messages.body_model import body_model

        writer.write(body, 5, body_model(people.topology(), IDENTITY))
        for i in range(4):
            writer.write(humans, 10 + i, human_array(people.frame(rng, i), IDENTITY))
        if stop is not None:
            raise stop


def test_rosbags_reads_it_with_the_definitions_inside(tmp_path: Path, people: Any) -> None:
    write(tmp_path / "out.mcap", people)
    with AnyReader([tmp_path / "out.mcap"]) as reader:
        found = [
            (c.topic, stamp, reader.deserialize(raw, c.msgtype))
            for c, stamp, raw in reader.messages()
        ]
        qos = {c.topic: c.ext.offered_qos_profiles[0] for c in reader.connections}  # type: ignore[union-attr]
    assert [(topic, stamp) for topic, stamp, _ in found] == [
        ("/body_model", 5), *(("/humans", 10 + i) for i in range(4)),
    ]  # fmt: skip
    assert [len(m.humans) for _, _, m in found[1:]] == [0, 1, 2, 3]  # type: ignore[attr-defined]
    assert qos["/body_model"].durability == QosDurability.TRANSIENT_LOCAL
    assert qos["/humans"].durability == QosDurability.VOLATILE


def test_mcap_ros2_support_reads_it(tmp_path: Path, people: Any) -> None:
    write(tmp_path / "out.mcap", people)
    expected = people.frame(np.random.default_rng(0), 0)
    with (tmp_path / "out.mcap").open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[DecoderFactory()])
        decoded = [(c.topic, m) for _, c, _, m in reader.iter_decoded_messages()]
        summary = reader.get_summary()
    assert summary is not None
    hashes = {c.topic: c.metadata["topic_type_hash"] for c in summary.channels.values()}
    assert hashes["/humans"] == codec.definition(codec.HUMAN_ARRAY).digest
    last = decoded[-1][1]
    assert last.model == "model"
    assert last.image_width == expected.width
    assert len(last.humans) == 3
    assert len(last.humans[2].joints) == 435


def test_the_metadata_says_what_is_inside(tmp_path: Path, people: Any) -> None:
    write(tmp_path / "out.mcap", people)
    with (tmp_path / "out.mcap").open("rb") as file:
        (record,) = make_reader(file).iter_metadata()
    content = YAML(typ="safe").load(record.metadata["serialized_metadata"])
    assert content["message_count"] == 5
    assert content["starting_time"] == {"nanoseconds_since_epoch": 5}
    assert content["duration"] == {"nanoseconds": 8}
    counts = {
        t["topic_metadata"]["name"]: t["message_count"]
        for t in content["topics_with_message_count"]
    }
    assert counts == {"/humans": 4, "/body_model": 1}


def test_the_same_bytes_twice_under_any_name(tmp_path: Path, people: Any) -> None:
    write(tmp_path / "a.mcap", people)
    write(tmp_path / "b.mcap", people)
    assert (tmp_path / "a.mcap").read_bytes() == (tmp_path / "b.mcap").read_bytes()


@pytest.mark.parametrize("there", [True, False])
def test_a_failure_leaves_things_as_they_were(tmp_path: Path, people: Any, there: bool) -> None:
    path = tmp_path / "out.mcap"
    if there:
        path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="stop"):
        write(path, people, RuntimeError("stop"))
    assert [p.name for p in tmp_path.iterdir()] == (["out.mcap"] if there else [])
    assert not there or path.read_bytes() == b"old"


def test_nothing_appears_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.mcap"
    with BagWriter(path) as writer:
        writer.add_topic("/a", "std_msgs/msg/String")
        assert not path.exists()
    assert path.exists()


def test_topics_of_another_bag_keep_what_they_were(tmp_path: Path, bags: Any) -> None:
    folder = bags.write_bag(tmp_path / "in", bags.recording(2), plugin="sqlite3")
    with Bag(folder, Problems()) as bag, BagWriter(tmp_path / "out.mcap") as writer:
        connections = {t.name: writer.copy_topic(t) for t in bag.topics}
        for m in bag.messages(set(connections)):
            writer.write(connections[m.topic.name], m.stamp, m.data)
        before = {t.name: (t.type, t.definition, t.digest) for t in bag.topics}
    with Bag(tmp_path / "out.mcap", Problems()) as bag:
        assert {t.name: (t.type, t.definition, t.digest) for t in bag.topics} == before
        found = [
            (m.topic.name, m.topic.type, m.stamp, bytes(m.data)) for m in bag.messages(set(before))
        ]
    assert found == bags.recording(2)


def test_a_topic_has_one_type(tmp_path: Path) -> None:
    with (
        pytest.raises(PearError, match="two types on topic /a"),
        BagWriter(tmp_path / "out.mcap") as writer,
    ):
        first = writer.add_topic("/a", "std_msgs/msg/String")
        assert writer.add_topic("/a", "std_msgs/msg/String") is first
        writer.add_topic("/a", "std_msgs/msg/Header")


def test_only_mcap_files_are_written(tmp_path: Path) -> None:
    with pytest.raises(PearError, match=r"ending in \.mcap"):
        BagWriter(tmp_path / "out.db3")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PearError, match="file"), BagWriter(tmp_path / "file" / "out.mcap"):
        pass
