"""Bags of every kind that rosbags writes, folders and single files, also in disorder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pear_ros.problems import PearError, Problems
from pear_ros.replay.bag import Bag

TOPICS = {"/camera/image_raw", "/camera/camera_info", "/notes"}


def read(path: Path, problems: Problems | None = None) -> list[Any]:
    with Bag(path, Problems() if problems is None else problems) as bag:
        return [(m.topic.name, m.topic.type, m.stamp, bytes(m.data)) for m in bag.messages(TOPICS)]


@pytest.mark.parametrize("plugin", ["mcap", "sqlite3"])
@pytest.mark.parametrize("version", [8, 9])
@pytest.mark.parametrize("single", [True, False])
def test_folders_and_files(
    tmp_path: Path, bags: Any, plugin: str, version: int, single: bool
) -> None:
    folder = bags.write_bag(tmp_path / "bag", bags.recording(), plugin=plugin, version=version)
    suffix = {"mcap": "mcap", "sqlite3": "db3"}[plugin]
    problems = Problems()
    path = folder / f"bag.{suffix}" if single else folder
    assert read(path, problems) == bags.recording()
    assert not len(problems)
    with Bag(path, problems) as bag:
        counts = {t.count for t in bag.topics}
    # A lone database says nothing about its messages without reading them all.
    assert counts == ({None} if single and plugin == "sqlite3" else {12})


@pytest.mark.parametrize(
    ("plugin", "compression"),
    [
        ("sqlite3", "file"),
        ("sqlite3", "message"),
        ("mcap", "storage"),
        ("mcap", "message"),
        ("mcap", "file"),
    ],
)
def test_compressed_bags(tmp_path: Path, bags: Any, plugin: str, compression: str) -> None:
    messages = bags.recording()
    folder = bags.write_bag(tmp_path / "bag", messages, plugin=plugin, compression=compression)
    problems = Problems()
    assert read(folder, problems) == messages
    assert not len(problems)
    if compression == "message":
        (file,) = (p for p in folder.iterdir() if p.name != "metadata.yaml")
        assert read(file, problems) == messages


def test_a_renamed_file_is_what_it_holds(tmp_path: Path, bags: Any) -> None:
    folder = bags.write_bag(tmp_path / "bag", bags.recording())
    (folder / "bag.mcap").rename(tmp_path / "recording.db3")
    assert read(tmp_path / "recording.db3") == bags.recording()


@pytest.mark.parametrize("metadata", [None, "", "rosbag2_bagfile_information: {version: 9}"])
def test_a_folder_whose_recorder_was_killed(
    tmp_path: Path, bags: Any, metadata: str | None
) -> None:
    folder = bags.write_bag(tmp_path / "bag", bags.recording())
    (folder / "metadata.yaml").unlink()
    if metadata is not None:
        (folder / "metadata.yaml").write_text(metadata)
    problems = Problems()
    assert read(folder, problems) == bags.recording()
    assert problems.counts == {"truncated": 1}


def test_split_bags_follow_one_another_and_a_missing_part_is_counted(
    tmp_path: Path, bags: Any
) -> None:
    messages = bags.recording()
    bags.write_bag(tmp_path / "a", messages[:18])
    second = bags.write_bag(tmp_path / "b", messages[18:])
    folder = tmp_path / "split"
    folder.mkdir()
    (tmp_path / "a" / "a.mcap").rename(folder / "split_0.mcap")
    (second / "b.mcap").rename(folder / "split_1.mcap")
    names = "\n".join(f"  - split_{i}.mcap" for i in range(3))
    (folder / "metadata.yaml").write_text(
        f"rosbag2_bagfile_information:\n  relative_file_paths:\n{names}\n"
    )
    problems = Problems()
    assert read(folder, problems) == messages
    (example,) = problems.examples["truncated"]
    assert example.topic.endswith("split_2.mcap")
    assert "missing" in example.reason
    with Bag(folder, Problems()) as bag:
        assert {t.name: t.count for t in bag.topics} == dict.fromkeys(TOPICS, 12)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such bag"),
        (b"", "empty"),
        (b"hello", "not a bag.*68 65 6c"),
        (b"\x89MCAP0\r\n", "no topic can be read"),
        (b"#ROSBAG V2.0\n", "not a bag"),
    ],
)
def test_files_that_are_no_bags(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "a.mcap"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PearError, match=words) as caught:
        read(path)
    assert "a.mcap" in str(caught.value)


def test_a_folder_without_bags(tmp_path: Path) -> None:
    with pytest.raises(PearError, match="no bag file here"):
        read(tmp_path)


def test_cut_off_bags_are_counted_with_their_reason(tmp_path: Path, bags: Any) -> None:
    file = bags.write_bag(tmp_path / "bag", bags.recording()) / "bag.mcap"
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    problems = Problems()
    found = read(file, problems)
    assert found == bags.recording()[: len(found)]
    assert 6 < len(found) < 36
    assert set(problems.counts) == {"truncated"}
    assert all(p.topic == str(file) for p in problems.examples["truncated"])


def test_messages_outlive_the_bag(tmp_path: Path, bags: Any) -> None:
    file = bags.write_bag(tmp_path / "bag", bags.recording()) / "bag.mcap"
    with Bag(file, Problems()) as bag:
        kept = next(iter(bag.messages({"/notes"})))
    assert bytes(kept.data) == bags.text("note 0")
