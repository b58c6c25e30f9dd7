"""Shards: round trip, completeness, and files that are not shards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pear_core.data.records import SHAPES, Record, RecordError, stack
from pear_core.data.shards import Shards, write_shard


def _record(value: int) -> Record:
    return Record(**{n: np.full(shape, value, dtype) for n, (shape, dtype) in SHAPES.items()})


def test_records_come_back_in_order_across_shards(tmp_path: Path) -> None:
    write_shard(tmp_path / "a", [_record(i) for i in range(3)])
    write_shard(tmp_path / "b", [_record(i) for i in range(3, 5)])
    shards = Shards(tmp_path)
    assert len(shards) == 5
    batch = shards.batch([4, 0, 3, 2])
    assert batch["betas"][:, 7].tolist() == [4, 0, 3, 2]
    assert batch["image"].dtype == np.uint8 and batch["image"].shape == (4, 256, 192, 3)
    assert [len(b["camera"]) for b in shards.in_order(2)] == [2, 2, 1]


def test_refresh_sees_what_was_added(tmp_path: Path) -> None:
    write_shard(tmp_path / "a", [_record(0)])
    shards = Shards(tmp_path)
    write_shard(tmp_path / "b", [_record(1)])
    assert len(shards) == 1
    shards.refresh()
    assert len(shards) == 2


def test_a_shard_is_complete_or_absent(tmp_path: Path) -> None:
    with pytest.raises(RecordError):
        write_shard(tmp_path / "a", [])
    assert list(tmp_path.iterdir()) == []
    write_shard(tmp_path / "a", [_record(0)])
    with pytest.raises(FileExistsError):
        write_shard(tmp_path / "a", [_record(1)])
    assert Shards(tmp_path).batch([0])["camera"][0, 0] == 0


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no shards"):
        Shards(tmp_path)
    write_shard(tmp_path / "a", [_record(0)])
    with pytest.raises(RecordError, match="record 1 of 1"):
        Shards(tmp_path).batch([1])
    np.save(tmp_path / "a" / "camera.npy", np.zeros((1, 4), np.float32))
    with pytest.raises(RecordError, match=r"camera\.npy"):
        Shards(tmp_path)
    np.save(tmp_path / "a" / "camera.npy", np.array([None]), allow_pickle=True)
    with pytest.raises(RecordError, match=r"camera\.npy"):
        Shards(tmp_path)
    (tmp_path / "a" / "shard.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(RecordError, match="other"):
        Shards(tmp_path)


def test_records_check_their_arrays() -> None:
    arrays = _record(0).arrays()
    with pytest.raises(RecordError, match="betas"):
        Record(**(arrays | {"betas": np.zeros(10, np.float32)}))
    with pytest.raises(RecordError, match="image"):
        Record(**(arrays | {"image": np.zeros((256, 192, 3), np.float32)}))
    with pytest.raises(RecordError):
        stack([])
