"""sqlite3 bags of rosbags: whole, of older schemas, cut off, damaged, not checkpointed."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pear_ros.problems import PearError
from pear_ros.replay.sqlite_reader import SqliteReader

TOPICS = ("/camera/image_raw", "/camera/camera_info", "/notes")


def read(path: Path, names: tuple[str, ...] = TOPICS) -> tuple[list[Any], list[str]]:
    reports: list[str] = []
    reader = SqliteReader(path)
    messages = reader.messages(names, lambda kind, reason: reports.append(f"{kind}: {reason}"))
    found = [(m.topic.name, m.topic.type, m.stamp, bytes(m.data)) for m in messages]
    reader.close()
    return found, reports


@pytest.fixture
def database(tmp_path: Path, bags: Any) -> Path:
    return bags.write_bag(tmp_path / "bag", bags.recording(), plugin="sqlite3") / "bag.db3"  # type: ignore[no-any-return]


def test_whole_files(database: Path, bags: Any) -> None:
    assert read(database) == (bags.recording(), [])
    assert read(database, ("/notes",)) == (bags.recording()[2::3], [])


def test_topics_carry_definition_hash_and_qos(database: Path) -> None:
    reader = SqliteReader(database)
    image = next(t for t in reader.topics if t.name == "/camera/image_raw")
    assert "uint8[] data" in image.definition
    assert image.digest.startswith("RIHS01_d31d41a9")
    assert image.encoding == "ros2msg"
    reader.close()


def test_old_bags_have_neither(database: Path, bags: Any) -> None:
    """The schema of Foxy: no definitions, no hashes."""
    with sqlite3.connect(database) as db:
        db.execute("DROP TABLE message_definitions")
        db.execute("ALTER TABLE topics DROP COLUMN type_description_hash")
        db.execute("ALTER TABLE topics DROP COLUMN offered_qos_profiles")
    db.close()
    assert read(database) == (bags.recording(), [])


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 0.97])
def test_cut_off_files_are_read_up_to_the_cut(tmp_path: Path, bags: Any, share: float) -> None:
    expected = bags.recording(60)
    database = bags.write_bag(tmp_path / "bag", expected, plugin="sqlite3") / "bag.db3"
    data = database.read_bytes()
    database.write_bytes(data[: int(len(data) * share)])
    found, reports = read(database)
    assert found == expected[: len(found)]
    assert len(found) >= int(len(expected) * (share - 0.25))
    assert len(found) < len(expected)
    assert reports and "cut off" in reports[0]


def test_damage_in_the_middle_is_reported(database: Path) -> None:
    data = bytearray(database.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xff" * 4096
    database.write_bytes(data)
    found, reports = read(database)
    assert 5 < len(found) <= 36
    assert len(found) == 36 or reports


def test_a_log_that_was_never_written_back_belongs_to_the_bag(
    tmp_path: Path, database: Path, bags: Any
) -> None:
    """A recorder that is killed leaves its last messages in the write-ahead log."""
    db = sqlite3.connect(database)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("INSERT INTO messages SELECT NULL, topic_id, 9000000000, data FROM messages LIMIT 1")
    db.commit()
    killed = tmp_path / "killed"
    killed.mkdir()
    for file in database.parent.glob("bag.db3*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, killed / file.name)
    db.close()
    assert (killed / "bag.db3-wal").stat().st_size
    found, _ = read(killed / "bag.db3")
    assert len(found) == len(bags.recording()) + 1
    assert found[-1][2] == 9_000_000_000
    assert {p.name for p in killed.iterdir()} == {"bag.db3", "bag.db3-wal"}


def test_the_file_is_never_written_to(database: Path) -> None:
    before = {p.name: p.read_bytes() for p in database.parent.iterdir()}
    read(database)
    assert {p.name: p.read_bytes() for p in database.parent.iterdir()} == before


def test_other_databases_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db3"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE people (name TEXT)")
    db.close()
    with pytest.raises(PearError, match="not a rosbag2 database"):
        SqliteReader(path)
    path.write_bytes(b"")
    with pytest.raises(PearError, match="empty"):
        SqliteReader(path)
    path.write_bytes(b"SQLite format 3\x00" + b"\x07" * 200)
    with pytest.raises(PearError, match="not a rosbag2 database"):
        SqliteReader(path)


def test_an_empty_bag_is_refused(tmp_path: Path, database: Path) -> None:
    with sqlite3.connect(database) as db:
        db.execute("DELETE FROM topics")
    db.close()
    with pytest.raises(PearError, match="no topic"):
        SqliteReader(database)
