"""Cached files are whole or absent, the user's alone, and never too many."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pear_ros.engine import cache


def test_folder_follows_xdg_and_is_private(tmp_path: Path) -> None:
    folder = cache.cache_folder("engines", {"XDG_CACHE_HOME": str(tmp_path)})
    assert folder == tmp_path / "pear" / "engines"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache.cache_folder("engines", {"XDG_CACHE_HOME": str(tmp_path)}) == folder


def test_relative_and_missing_settings_mean_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for environment in ({}, {"XDG_CACHE_HOME": "relative"}):
        assert cache.cache_folder("x", environment) == tmp_path / ".cache" / "pear" / "x"


def test_no_folder_where_none_can_be_or_others_may_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cache.cache_folder("x", {"XDG_CACHE_HOME": str(tmp_path / "file")}) is None
    folder = cache.cache_folder("x", {"XDG_CACHE_HOME": str(tmp_path)})
    assert folder is not None
    folder.chmod(0o777)
    assert cache.cache_folder("x", {"XDG_CACHE_HOME": str(tmp_path)}) is None


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    for payload in (b"", b"x" * 100_000):
        cache.write(tmp_path / "a.blob", payload)
        assert cache.read(tmp_path / "a.blob") == payload
    assert [p.name for p in tmp_path.iterdir()] == ["a.blob"]
    assert cache.read(tmp_path / "b.blob") is None


@pytest.mark.parametrize("keep", [0, 5, 31, 40, 99])
def test_damage_is_noticed_and_removed(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.blob"
    cache.write(path, b"0123456789" * 10)
    data = path.read_bytes()
    path.write_bytes(data[:keep])
    assert cache.read(path) is None and not path.exists()
    path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    assert cache.read(path) is None and not path.exists()


def test_the_ones_unused_for_longest_go(tmp_path: Path) -> None:
    for i in range(cache.KEPT + 3):
        cache.write(tmp_path / f"{i:02d}.blob", b"x")
        os.utime(tmp_path / f"{i:02d}.blob", (1000 + i, 1000 + i))
        if i == 5:
            (tmp_path / "choices.json").write_text("{}")
    left = sorted(p.name for p in tmp_path.glob("*.blob"))
    assert left == [f"{i:02d}.blob" for i in range(3, cache.KEPT + 3)]
    assert (tmp_path / "choices.json").exists()


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    cache.write(tmp_path / "gone" / "a.blob", b"x")
    cache.write_text(tmp_path / "gone" / "a.json", "{}")
    assert not (tmp_path / "gone").exists()
