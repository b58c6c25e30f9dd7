"""Arrays in pickles and joblib files, against numpy and joblib themselves."""

from __future__ import annotations

import pickle
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.assets.arrays import as_array
from pear_core.assets.inert import DTYPE, JOBLIB_ARRAY, Call, Refused
from pear_core.assets.numpy_state import array_from, bytes_of, dtype_of, joblib_array, shape_of
from pear_core.assets.unpickler import loads

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u1", "?", ">f8", ">i4", "S5", "U3"]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(DTYPES),
    st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from("CF"),
    st.integers(0, 5),
    st.integers(0, 2**32 - 1),
)
def test_arrays_equal_what_pickle_reads(
    kind: str, shape: list[int], order: Any, protocol: int, seed: int
) -> None:
    numbers = np.random.default_rng(seed).integers(0, 100, shape)
    array = np.asarray(numbers.astype(kind), order=order)
    read = as_array(loads(pickle.dumps(array, protocol)))
    assert read.dtype == array.dtype and read.shape == array.shape
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_arrays_of_python_2(legacy: ModuleType, protocol: int) -> None:
    array = np.random.default_rng(0).normal(0, 1, (3, 4))
    data = legacy.python2({"a": array, "scalar": np.float64(1.25), "n": np.int32(-7)}, protocol)
    assert b"numpy.core.multiarray" in data and b"_core" not in data
    read = loads(data)
    np.testing.assert_array_equal(as_array(read["a"]), array)
    assert as_array(read["scalar"]) == 1.25 and as_array(read["n"]) == -7


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("aligned", [True, False])
def test_joblib_arrays_follow_their_wrapper(
    downloads: ModuleType, protocol: int, aligned: bool
) -> None:
    content = {"matrix": np.arange(12.0).reshape(3, 4), "other": np.arange(5, dtype="i4")}
    read = loads(downloads.joblib_bytes(content, protocol, aligned))
    for key, array in content.items():
        np.testing.assert_array_equal(read[key], array)
        assert read[key].dtype == array.dtype


def test_joblib_itself_agrees(tmp_path: Any) -> None:
    joblib = pytest.importorskip("joblib")
    content = {"matrix": np.random.default_rng(0).normal(0, 1, (5, 7)), "n": 3, "name": "x"}
    content["fortran"] = np.asfortranarray(content["matrix"])
    for protocol in (2, 3, 4, 5):
        joblib.dump(content, tmp_path / "a.pkl", protocol=protocol)
        read = loads((tmp_path / "a.pkl").read_bytes())
        assert read["n"] == 3 and read["name"] == "x"
        np.testing.assert_array_equal(read["matrix"], content["matrix"])
        np.testing.assert_array_equal(read["fortran"], content["matrix"])
    joblib.dump(content, tmp_path / "c.pkl", compress=3)
    with pytest.raises(Refused, match="0x78"):
        loads((tmp_path / "c.pkl").read_bytes())


def test_a_joblib_array_that_is_cut_off(downloads: ModuleType) -> None:
    data = downloads.joblib_bytes({"matrix": np.zeros((50, 50))})
    with pytest.raises(Refused, match=r"20000 bytes expected, \d+ there"):
        loads(data[:10000])


def described(code: Any, *state: Any) -> Call:
    return Call(DTYPE, (code, False, True), state or None)


@pytest.mark.parametrize(
    "value",
    [
        described("V8"), described("f16"), described("M8[s]"), described("f8,f8"), described(8),
        described("S0"), described("f8", 3, "<", None, ("x",), {}, 8, 1, 0), described("f8", 3, 5),
        Call(DTYPE), Call("numpy.ndarray", ("f8",)), "f8", None,
    ],
)  # fmt: skip
def test_only_plain_dtypes(value: Any) -> None:
    with pytest.raises(Refused):
        dtype_of(value)


def test_byte_orders() -> None:
    assert dtype_of(described("f8", 3, ">", None, None, None, -1, -1, 0)) == np.dtype(">f8")
    assert dtype_of(described("<i4")) == np.dtype("<i4")
    assert dtype_of(described(b"b1", 3, b"|", None, None, None)) == np.dtype(bool)
    assert dtype_of(described("O8", 3, "|", None, None, None)) == np.dtype(object)


@pytest.mark.parametrize("value", [None, (-1,), (1 << 41,), ("3",), (True,), (1,) * 9, 2.5])
def test_impossible_shapes(value: Any) -> None:
    with pytest.raises(Refused):
        shape_of(value)


def test_sizes_must_fit_the_bytes() -> None:
    with pytest.raises(Refused, match="24 bytes instead of 8000000000000000"):
        array_from((10**15,), np.dtype("f8"), False, bytes(24))
    with pytest.raises(Refused, match="without its 4 objects"):
        array_from((2, 2), np.dtype(object), False, [1])
    with pytest.raises(Refused):
        bytes_of("\u20ac")
    with pytest.raises(Refused):
        bytes_of(Call("_codecs.encode", ("ab", "utf-16")))


def test_raw_objects_are_refused() -> None:
    state = {"dtype": described("O"), "shape": (2,), "order": "C"}
    with pytest.raises(Refused, match="objects"):
        joblib_array(Call(JOBLIB_ARRAY, (), state), bytes(100), 0)
