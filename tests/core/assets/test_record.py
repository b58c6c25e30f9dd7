"""The record of an import."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pear_core.assets import record


def test_written_is_read(tmp_path: Path) -> None:
    assert record.read(tmp_path) is None
    entries = {"b": record.Entry("1", 2, "x/y", "3", 4), "a": record.Entry("5", 6, "z", "7", 8)}
    record.write(tmp_path, entries)
    assert record.read(tmp_path) == entries
    assert "non-commercial" in (tmp_path / "imported.json").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", "null", '{"format": "other", "files": {}}', '{"format": "pear-assets-1"}',
        '{"format": "pear-assets-1", "files": 3}', '{"format": "pear-assets-1", "files": {"a": {}}}',
        '{"format": "pear-assets-1", "files": {"a": 1}}', "\ud800",
    ],
)  # fmt: skip
def test_any_damage_is_an_import_of_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "imported.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert record.read(tmp_path) == {}


def test_hashes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(data)
    assert record.sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()
