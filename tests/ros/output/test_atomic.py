"""Files are complete or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from pear_ros.output.atomic import atomic_path, write_bytes
from pear_ros.problems import PearError


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_appears_at_the_end_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b.mp4"
    write_bytes(target, b"old")
    with atomic_path(target) as part:
        part.write_bytes(b"new")
        assert part.suffix == ".mp4"
        assert part.parent == target.parent
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert names(target.parent) == ["b.mp4"]


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "b.npz"
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["b.npz"]


def test_what_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PearError, match="cannot make the folder"):
        write_bytes(tmp_path / "file" / "x.json", b"")
    with pytest.raises(PearError, match="found a folder"):
        write_bytes(tmp_path, b"")
    with pytest.raises(PearError, match=r"x\.json: cannot write"), atomic_path(tmp_path / "x.json"):
        pass
    assert names(tmp_path) == ["file"]
