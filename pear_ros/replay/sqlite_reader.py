"""rosbag2's sqlite3 files to messages, also where the file was cut off or never checkpointed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, suppress
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
        self._stack = ExitStack()
        self.damage = _cut_off(path)
        whole = self._whole_pages(path) if self.damage else path
        try:
            self._db = self._stack.enter_context(closing(self._connected(whole)))
            self._by_id = self._read_topics()
        except sqlite3.DatabaseError as error:
            self.close()
            raise PearError("not a rosbag2 database", where=self.where, found=str(error)) from None
        if not self._by_id:
            self.close()
            raise PearError("no topic can be read", where=self.where, found="an empty bag")

    def _connected(self, path: Path) -> sqlite3.Connection:
        """A log that was never written back (the recorder was killed) belongs to the bag."""
        log, shared = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
        if log.is_file() and log.stat().st_size:
            if not shared.exists():
                # SQLite needs this file to read the log, and leaves it there.
                self._stack.callback(shared.unlink, missing_ok=True)
            try:
                return _connect(path, "mode=ro")
            except sqlite3.OperationalError as error:
                self.damage = self.damage or f"{log.name} cannot be read: {error}"
        # As the file lies, which also works in folders that cannot be written to.
        return _connect(path, "mode=ro&immutable=1")

    def _whole_pages(self, path: Path) -> Path:
        """A copy without the last, incomplete page, whose lost part SQLite would take for zeros."""
        size = path.stat().st_size
        rest = size % _page_size(path)
        if not rest:
            return path
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="pear-bag-"))
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        os.truncate(copy, size - rest)
        return copy

    @property
    def topics(self) -> list[Topic]:
        return list(self._by_id.values())

    def messages(self, names: Collection[str], report: Report) -> Iterator[RawMessage]:
        """Messages of the named topics in order of log time.

        Where the database is damaged, what can be found of it follows in order of recording.
        """
        wanted = {number for number, topic in self._by_id.items() if topic.name in names}
        marks = ",".join("?" * len(wanted))
        last = (-1, -1)
        if not self.damage:
            query = (
                f"SELECT timestamp, id, topic_id, data FROM messages WHERE topic_id IN ({marks})"
                " ORDER BY timestamp, id"
            )
            try:
                for row in self._db.execute(query, sorted(wanted)):
                    last = row[:2]
                    yield RawMessage(self._by_id[row[2]], row[0], memoryview(row[3]))
                return
            except (sqlite3.DatabaseError, TypeError) as error:
                self.damage = f"bag is damaged: {error}"
        report("truncated", f"{self.damage}; what can be found of it is read")
        for number in self._numbers():
            row = self._row(number)
            if row is not None and row[2] in wanted and row[:2] > last:
                yield RawMessage(self._by_id[row[2]], row[0], memoryview(row[3]))

    def _numbers(self) -> list[int]:
        """Ids of the messages before the first damaged page of the table and behind the last."""
        found: set[int] = set()
        for order in ("ASC", "DESC"):
            with suppress(sqlite3.DatabaseError):
                query = f"SELECT id FROM messages NOT INDEXED ORDER BY id {order}"
                for (number,) in self._db.execute(query):
                    if number in found:
                        break
                    found.add(number)
        return sorted(found)

    def _row(self, number: int) -> tuple[int, int, int, bytes] | None:
        query = "SELECT timestamp, id, topic_id, data FROM messages NOT INDEXED WHERE id = ?"
        try:
            row = self._db.execute(query, (number,)).fetchone()
        except sqlite3.DatabaseError:
            return None
        kinds = (int, int, int, bytes)
        sound = row is not None and all(map(isinstance, row, kinds))
        return row if sound else None

    def close(self) -> None:
        self._stack.close()

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


def _page_size(path: Path) -> int:
    with path.open("rb") as file:
        (size,) = struct.unpack_from(">H", file.read(18).ljust(18, b"\0"), 16)
    # 1 stands for 65536, which does not fit; 0 is no database, which SQLite itself will say.
    return {0: 4096, 1: 65536}.get(size, int(size))


def _cut_off(path: Path) -> str:
    """What is missing at the end of the file according to its header, empty where nothing is."""
    with path.open("rb") as file:
        (pages,) = struct.unpack_from(">I", file.read(32).ljust(32, b"\0"), 28)
    expected, size = _page_size(path) * pages, path.stat().st_size
    return "" if size >= expected else f"bag is cut off: {size} of {expected} bytes are there"


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"file:{quote(str(path.resolve()))}?{mode}", uri=True)
    # Makes SQLite accept a file that is shorter than its header says, as a cut-off one is.
    db.execute("PRAGMA writable_schema=ON")
    return db
