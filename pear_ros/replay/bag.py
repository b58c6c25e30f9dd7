"""A rosbag2 bag of any kind: an .mcap or .db3 file, or a folder of them with or without
metadata.yaml.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from pear_ros.problems import PearError, Problems
from pear_ros.replay.mcap_reader import McapReader
from pear_ros.replay.sqlite_reader import SqliteReader
from pear_ros.replay.storage import RawMessage, Report, Storage, Topic

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

READERS: dict[str, type[McapReader] | type[SqliteReader]] = {
    ".mcap": McapReader,
    ".db3": SqliteReader,
}
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class Bag:
    """An open bag; use it in a `with` statement.

    topics: all of them, in the order of the bag. Files of a folder that cannot be opened are
    counted as problems; where none can, the first reason is raised as PearError.
    """

    def __init__(self, path: Path | str, problems: Problems) -> None:
        self.path = Path(path)
        self._problems = problems
        self._stack = ExitStack()
        self._counts: dict[str, int] = {}
        self._storages: list[Storage] = []
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        self.topics = self._merge_topics()

    def _open(self) -> None:
        failures: list[tuple[Path, PearError]] = []
        for file in self._files():
            try:
                storage = _open_file(self._unpacked(file))
            except PearError as error:
                failures.append((file, error))
            except OSError as error:
                failures.append((file, PearError(f"cannot be read: {error}", where=str(file))))
            else:
                self._storages.append(storage)
                self._stack.callback(storage.close)
        if not self._storages:
            if failures:
                raise failures[0][1]
            raise PearError("no bag file here", where=str(self.path), expected=" or ".join(READERS))
        for file, failure in failures:
            self._problems.add("truncated", str(file), 0, failure.what)

    def messages(self, names: Collection[str]) -> Iterator[RawMessage]:
        """Messages of the named topics in order of log time, file after file; damage is counted."""
        topics = {(topic.name, topic.type): topic for topic in self.topics}
        for storage in self._storages:
            report = self._report(storage)
            for message in storage.messages(names, report):
                topic = topics[message.topic.name, message.topic.type]
                data = message.data
                # CDR begins with 00, so these are messages that were compressed one by one.
                if data[:4] == ZSTD_MAGIC:
                    try:
                        data = memoryview(zstd.decompress(data))
                    except zstd.ZstdError as error:
                        self._problems.add("truncated", topic.name, message.stamp, str(error))
                        continue
                yield RawMessage(topic, message.stamp, data)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Bag:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _report(self, storage: Storage) -> Report:
        return lambda kind, reason: self._problems.add(kind, storage.where, 0, reason)

    def _files(self) -> list[Path]:
        if not self.path.exists():
            raise PearError("no such bag", where=str(self.path))
        if self.path.is_file():
            return [self.path]
        try:
            information = _read_metadata(self.path / "metadata.yaml")
        except PearError as error:
            # A recorder that was killed leaves none, or an empty one.
            found = sorted(p for p in self.path.iterdir() if _kind(p) in READERS)
            if found:
                self._problems.add("truncated", str(self.path), 0, str(error))
            return found
        self._counts = _message_counts(information)
        return [self.path / Path(str(name)).name for name in information["relative_file_paths"]]

    def _unpacked(self, file: Path) -> Path:
        if file.suffix != ".zstd":
            return file
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="pear-bag-")))
        target = folder / file.stem
        try:
            with zstd.open(file, "rb") as packed, target.open("wb") as out:
                shutil.copyfileobj(packed, out)
        except (zstd.ZstdError, EOFError) as error:
            if not target.stat().st_size:
                raise PearError(
                    "file cannot be unpacked", where=str(file), found=str(error)
                ) from None
            self._problems.add("truncated", str(file), 0, f"compressed file is cut off: {error}")
        return target

    def _merge_topics(self) -> list[Topic]:
        merged: dict[tuple[str, str], Topic] = {}
        for storage in self._storages:
            for topic in storage.topics:
                known = merged.setdefault((topic.name, topic.type), topic)
                if known is not topic:
                    counts = (known.count, topic.count)
                    total = None if None in counts else sum(c for c in counts if c is not None)
                    merged[topic.name, topic.type] = replace(
                        known,
                        count=total,
                        definition=known.definition or topic.definition,
                        encoding=known.encoding or topic.encoding,
                        digest=known.digest or topic.digest,
                    )
        return [
            replace(t, count=self._counts.get(t.name)) if t.count is None else t
            for t in merged.values()
        ]


def _kind(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix == ".zstd" else path.suffix


def _open_file(path: Path) -> Storage:
    if not path.is_file():
        raise PearError("bag file is missing", where=str(path))
    with path.open("rb") as file:
        head = file.read(16)
    # The content decides: files are renamed more often than rewritten.
    if head.startswith(b"\x89MCAP"):
        return McapReader(path)
    if head.startswith(b"SQLite format 3\x00"):
        return SqliteReader(path)
    reader = READERS.get(path.suffix)
    if reader is not None and not head:
        raise PearError("empty bag file", where=str(path))
    expected = "an MCAP file, an sqlite3 database of rosbag2, or a folder of them"
    raise PearError(
        "not a bag", where=str(path), expected=expected, found=head[:8].hex(" ") or "nothing"
    )


def _read_metadata(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        information = content["rosbag2_bagfile_information"]
        if not isinstance(information["relative_file_paths"], list):
            raise TypeError("relative_file_paths is no list")
    except (OSError, UnicodeDecodeError, YAMLError, KeyError, TypeError) as error:
        raise PearError("metadata cannot be read", where=str(path), found=str(error)) from None
    return dict(information)


def _message_counts(information: Mapping[str, Any]) -> dict[str, int]:
    """Messages by topic as metadata.yaml says, as far as it does."""
    counts: dict[str, int] = {}
    entries = information.get("topics_with_message_count")
    for entry in entries if isinstance(entries, list) else []:
        with suppress(KeyError, TypeError, ValueError):
            counts[str(entry["topic_metadata"]["name"])] = int(entry["message_count"])
    return counts
