"""rosbag2's sqlite3 files to messages, also where the file was cut off or never checkpointed."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pear_ros.problems import PearError
from pear_ros.replay.storage import RawMessage, Report, Topic


class SqliteReader:
    """An open .db3 file, never written to. Raises: PearError where it is no bag."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self.damage = ""
        if path.stat().st_size == 0:
            raise PearError("empty bag file", where=self.where)
        self._db = _connect(path)
        try:
            self._by_id = self._read_topics()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise PearError("not a rosbag2 database", where=self.where, found=str(error)) from None
        if not self._by_id:
            self._db.close()
            raise PearError("no topic can be read", where=self.where, found="an empty bag")
        self.damage = _cut_off(path)

    @property
    def topics(self) -> list[Topic]:
        return list(self._by_id.values())

    def messages(self, names: Collection[str], report: Report) -> Iterator[RawMessage]:
        """Messages of the named topics in order of log time; in order of recording if damaged."""
        wanted = [number for number, topic in self._by_id.items() if topic.name in names]
        marks = ",".join("?" * len(wanted))
        # The time index of a damaged file may point anywhere; the table itself is read up to the damage.
        table, order = ("messages NOT INDEXED", "id") if self.damage else ("messages", "timestamp, id")
        query = f"SELECT topic_id, timestamp, data FROM {table} WHERE topic_id IN ({marks}) ORDER BY {order}"
        try:
            for number, stamp, data in self._db.execute(query, wanted):
                if isinstance(stamp, int) and isinstance(data, bytes):
                    yield RawMessage(self._by_id[number], stamp, memoryview(data))
        except (sqlite3.DatabaseError, OverflowError) as error:
            report("truncated", f"database is damaged or cut off: {error}; what lies before is read")
        else:
            if self.damage:
                report("truncated", f"{self.damage}; what can be read is read")

    def close(self) -> None:
        self._db.close()

    def _read_topics(self) -> dict[int, Topic]:
        definitions: dict[str, tuple[str, str]] = {}
        if self._columns("message_definitions"):
            rows = self._db.execute(
                "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
            )
            definitions = {name: (encoding, text) for name, encoding, text in rows}
        columns = self._columns("topics")
        names = ("id", "name", "type", "serialization_format")
        if not columns.issuperset(names):
            raise sqlite3.DatabaseError("no table of topics")
        extra = [c for c in ("offered_qos_profiles", "type_description_hash") if c in columns]
        topics: dict[int, Topic] = {}
        query = f"SELECT {','.join((*names, *extra))} FROM topics ORDER BY id"
        for number, name, kind, serialization, *rest in self._db.execute(query):
            more: dict[str, Any] = dict(zip(extra, rest, strict=True))
            encoding, text = definitions.get(kind, ("", ""))
            topics[number] = Topic(
                name=name,
                type=kind,
                definition=text,
                encoding=encoding,
                digest=more.get("type_description_hash") or "",
                qos=more.get("offered_qos_profiles") or "",
                serialization=serialization,
            )
        return topics

    def _columns(self, table: str) -> set[str]:
        return {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}


def _cut_off(path: Path) -> str:
    """What is missing at the end of the file according to its header, empty where nothing is."""
    with path.open("rb") as file:
        head = file.read(100)
    (page_size,) = struct.unpack_from(">H", head, 16)
    (pages,) = struct.unpack_from(">I", head, 28)
    expected = (65536 if page_size == 1 else page_size) * pages
    size = path.stat().st_size
    return "" if size >= expected else f"bag is cut off: {size} of {expected} bytes are there"


def _connect(path: Path) -> sqlite3.Connection:
    # A log that was never checkpointed belongs to the bag; without one the file is read as it lies,
    # which also works in folders that cannot be written to.
    wal = path.with_name(path.name + "-wal")
    mode = "mode=ro" if wal.is_file() and wal.stat().st_size else "mode=ro&immutable=1"
    db = sqlite3.connect(f"file:{quote(str(path.resolve()))}?{mode}", uri=True)
    # Makes SQLite accept a file that is shorter than its header says, as a cut-off one is.
    db.execute("PRAGMA writable_schema=ON")
    return db
