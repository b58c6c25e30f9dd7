"""Opened files: keys, checked arrays, and one clear error for everything that is wrong."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pear_core.assets import source as module
from pear_core.assets.fields import Field, floats, indices
from pear_core.assets.source import ONLY, open_source
from pear_core.body.files import BodyFileError

SIZES = {"V": 4}
ARRAY = np.arange(12.0).reshape(4, 3)


class Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_npz_members_are_read_as_numpy_reads_them(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", a=ARRAY, b=ARRAY.T, c=ARRAY.astype(">f4"), n=np.array([2, 0]))
    source = open_source(path)
    assert source.keys == ("a", "b", "c", "n")
    np.testing.assert_array_equal(source.array("a", floats("V", 3), SIZES), ARRAY)
    np.testing.assert_array_equal(source.array("b", floats(3, "V"), SIZES), ARRAY.T)
    c = source.array("c", floats("V", 3), SIZES)
    assert c.dtype == np.dtype("=f4") and c.dtype.isnative
    np.testing.assert_array_equal(c, ARRAY)
    assert source.array("n", indices(None, limit="V"), SIZES).tolist() == [2, 0]


def test_object_members_are_left_or_read_without_code(
    tmp_path: Path, sentinel: Callable[[], bool]
) -> None:
    names = np.array({"pelvis": 0}, dtype=object)
    numbers = np.array([1, 2], dtype=object)
    evil = np.array([Touch(tmp_path / "sentinel")], dtype=object)
    source = open_source(npz(tmp_path / "a.npz", a=ARRAY, names=names, numbers=numbers, evil=evil))
    np.testing.assert_array_equal(source.array("a", floats("V", 3), SIZES), ARRAY)
    assert source.array("numbers", indices(2), SIZES).tolist() == [1, 2]
    with pytest.raises(BodyFileError, match=r"a\.npz: key 'evil': refuses '(posix|nt)\.system'"):
        source.array("evil", floats(1), SIZES)
    with pytest.raises(BodyFileError, match="key 'names': a dict"):
        source.array("names", floats(1), SIZES)
    assert not sentinel()


def test_npy_files_hold_an_array_or_a_dictionary(
    tmp_path: Path, sentinel: Callable[[], bool]
) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    source = open_source(tmp_path / "a.npy")
    assert source.keys == (ONLY,)
    np.testing.assert_array_equal(source.array(ONLY, floats("V", 3), SIZES), ARRAY)
    np.save(tmp_path / "d.npy", np.array({"a": ARRAY}, dtype=object))
    np.testing.assert_array_equal(
        open_source(tmp_path / "d.npy").array("a", floats("V", 3), SIZES), ARRAY
    )
    np.save(tmp_path / "e.npy", np.array({"a": Touch(tmp_path / "sentinel")}, dtype=object))
    with pytest.raises(BodyFileError, match=r"system"):
        open_source(tmp_path / "e.npy")
    assert not sentinel()


def test_pickles_hold_a_dictionary_or_an_array(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": ARRAY, "b": 3}, 2))
    assert open_source(tmp_path / "a.pkl").keys == ("a", "b")
    (tmp_path / "b.pkl").write_bytes(pickle.dumps(ARRAY, 2))
    source = open_source(tmp_path / "b.pkl")
    np.testing.assert_array_equal(source.array(ONLY, floats("V", 3), SIZES), ARRAY)


def test_a_leading_one_and_whole_floats(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", a=ARRAY[None], n=np.array([3.0, 1.0]))
    assert open_source(path).array("a", floats("V", 3), SIZES).shape == (4, 3)
    n = open_source(path).array("n", indices(2, limit="V"), SIZES)
    assert n.dtype == np.int64 and n.tolist() == [3, 1]


@pytest.mark.parametrize(
    "value, field, expected, found",
    [
        (ARRAY, floats("V", 4), "floats of shape (4, 4)", "float64 of shape (4, 3)"),
        (ARRAY, floats("V", (5, 6)), "floats of shape (4, 5 or 6)", "float64 of shape (4, 3)"),
        (ARRAY, floats(None), "floats of shape (any,)", "float64 of shape (4, 3)"),
        (ARRAY > 0, floats("V", 3), "floats of shape (4, 3)", "bool of shape (4, 3)"),
        (ARRAY + 0.5, indices("V", 3), "indices of shape (4, 3)", "float64 of shape (4, 3)"),
        (ARRAY, indices("V", 3, limit="V"), "indices in 0..3 (V)", "0.0..11.0"),
        (np.array([-1]), indices(1, limit="V"), "indices in 0..3 (V)", "-1..-1"),
        (np.full((4, 3), np.nan), floats("V", 3), "finite numbers", "NaN or infinity"),
        (np.full((4, 3), np.inf), indices("V", 3), "indices of shape (4, 3)", "float64 of shape"),
        (np.array(["a"]), floats(1), "floats of shape (1,)", "<U1 of shape (1,)"),
    ],
)
def test_wrong_arrays_say_expected_and_found(
    tmp_path: Path, value: Any, field: Field, expected: str, found: str
) -> None:
    source = open_source(npz(tmp_path / "wrong.npz", key=value))
    with pytest.raises(BodyFileError) as error:
        source.array("key", field, SIZES)
    for part in ("wrong.npz", "key 'key'", f"expected {expected}", f"found {found}"):
        assert part in str(error.value)


def test_missing_keys_say_what_there_is(tmp_path: Path) -> None:
    source = open_source(npz(tmp_path / "a.npz", a=ARRAY, b=ARRAY))
    with pytest.raises(BodyFileError, match=r"key 'c' is missing; expected 'c'.*found keys a, b"):
        source.array("c", floats("V", 3), SIZES)


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (b"\x78\x9c\x01\x02\x03", "0x78"),
        (b"\x93NUMPY\x03\x00\x10\x00\x00\x00{'a': 1}        ", "version (3, 0)"),
        (b"\x93NUMPY\x01\x00", "cannot read file"),
        (b"PK\x03\x04 no zip", "an npz archive that is cut off or damaged"),
    ],
)
def test_what_is_no_data_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "file.pkl").write_bytes(content)
    with pytest.raises(BodyFileError) as error:
        open_source(tmp_path / "file.pkl")
    assert "file.pkl" in str(error.value) and says in str(error.value)


def header(text: str) -> bytes:
    body = text.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': __import__('os').system('touch x'), 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (10**9, 10**9)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (7,)}",
        "{'descr': '|V8', 'fortran_order': False, 'shape': (1,)}",
        "((((((((((",
    ],
)
def test_hostile_npy_headers(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.npy").write_bytes(header(text) + bytes(48))
    with pytest.raises(BodyFileError):
        open_source(tmp_path / "a.npy")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMBER", 1000)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(10_000))
    with pytest.raises(BodyFileError, match="unpacks to 10000 bytes"):
        open_source(tmp_path / "a.npz").array("a", floats(1), SIZES)


def test_other_zip_archives(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with pytest.raises(BodyFileError, match="no npz file"):
        open_source(tmp_path / "a.npz")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BodyFileError, match=r"nowhere\.npz: cannot read file: No such file"):
        open_source(tmp_path / "nowhere.npz")


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(["npz", "npy", "pkl"]),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=5),
    st.integers(0, 300) | st.just(0),
)
def test_any_change_of_bytes_is_read_or_one_error(
    tmp_path: Path, ending: str, edits: list[tuple[int, int]], cut: int
) -> None:
    stream = io.BytesIO()
    content = {"a": ARRAY, "o": np.array({"x": 1}, dtype=object)}
    if ending == "npz":
        np.savez(stream, **content)
    elif ending == "npy":
        np.save(stream, np.array(content, dtype=object))
    else:
        pickle.dump(content, stream)
    data = bytearray(stream.getvalue())
    for at, byte in edits:
        data[at % len(data)] = byte
    path = tmp_path / f"a.{ending}"
    path.unlink(missing_ok=True)
    path.write_bytes(data[: len(data) - cut])
    try:
        source = open_source(path)
        for key in source.keys:
            source.array(key, floats("V", 3), SIZES)
    except BodyFileError as error:
        assert path.name in str(error)
