"""chumpy, scipy and object arrays, against numpy and scipy."""

from __future__ import annotations

import pickle
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from pear_core.assets.arrays import MAX_DEPTH, as_array, as_mapping, describe
from pear_core.assets.inert import CSC, Call, Refused
from pear_core.assets.unpickler import loads


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_chumpy_expressions_have_the_value_that_chumpy_gives(
    legacy: ModuleType, protocol: int
) -> None:
    array = np.random.default_rng(0).normal(0, 1, (4, 3, 5))
    index = np.arange(array.size).reshape(array.shape)[:, :, :2].ravel()
    with legacy.chumpy() as fake:
        inner = fake.Ch(x=array)
        data = legacy.python2(
            {
                "plain": inner,
                "select": fake.Select(a=inner, idxs=index, preferred_shape=(4, 3, 2)),
                "flat": fake.Select(a=inner, idxs=index),
                "reshape": fake.Reshape(a=inner, newshape=(-1, 5)),
                "transpose": fake.transpose(a=inner, axes=(2, 0, 1)),
                "reverse": fake.transpose(a=inner, axes=None),
                "nested": fake.Ch(x=fake.Ch(x=array)),
            },
            protocol,
        )
    assert "chumpy" not in sys.modules
    read = {key: as_array(value) for key, value in loads(data).items()}
    np.testing.assert_array_equal(read["plain"], array)
    np.testing.assert_array_equal(read["select"], array[:, :, :2])
    np.testing.assert_array_equal(read["flat"], array[:, :, :2].ravel())
    np.testing.assert_array_equal(read["reshape"], array.reshape(12, 5))
    np.testing.assert_array_equal(read["transpose"], np.moveaxis(array, 2, 0))
    np.testing.assert_array_equal(read["reverse"], array.T)
    np.testing.assert_array_equal(read["nested"], array)


def test_other_chumpy_classes_are_refused_by_name(legacy: ModuleType) -> None:
    with legacy.chumpy() as fake:
        data = legacy.python2({"v_template": fake.Concatenate(m0=fake.Ch(x=np.ones(2)))}, 2)
    with pytest.raises(Refused, match=r"chumpy\.reordering\.Concatenate"):
        loads(data)


def call(name: str, **state: Any) -> Call:
    return Call(name, (), state)


@pytest.mark.parametrize(
    "value",
    [
        call("chumpy.ch.Ch"),
        Call("chumpy.ch.Ch", (), [1]),
        call("chumpy.ch.Ch", x=[[1]]),
        call("chumpy.reordering.Select", a=[1, 2], idxs=[2]),
        call("chumpy.reordering.Select", a=[1, 2], idxs=[-3]),
        call("chumpy.reordering.Select", a=[1, 2], idxs=[0.5]),
        call("chumpy.reordering.Select", a=[1, 2], idxs=[0], preferred_shape=(2,)),
        call("chumpy.reordering.Reshape", a=[1, 2], newshape=(-1, -1)),
        call("chumpy.reordering.Reshape", a=[1, 2], newshape=(-1, 0)),
        call("chumpy.reordering.transpose", a=[1, 2], axes=(1,)),
    ],
)
def test_expressions_that_fit_nothing_are_refused(value: Call) -> None:
    with pytest.raises(Refused):
        as_array(value)


def test_endless_expressions_are_refused() -> None:
    value = call("chumpy.ch.Ch")
    value.state["x"] = value
    with pytest.raises(Refused, match=f"deeper than {MAX_DEPTH}"):
        as_array(value)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([sparse.csc_matrix, sparse.csr_matrix, sparse.csc_array, sparse.csr_array]),
    st.integers(0, 5),
    st.integers(1, 6),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
)
def test_sparse_matrices_equal_scipys(
    kind: Any, protocol: int, rows: int, columns: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.normal(0, 1, (rows, columns)) * (rng.random((rows, columns)) < 0.4)
    read = as_array(loads(pickle.dumps(kind(dense), protocol)))
    np.testing.assert_array_equal(read, dense)


def test_sparse_matrices_of_old_scipy(legacy: ModuleType) -> None:
    matrix = sparse.csc_matrix(np.diag([1.0, 2.0, 3.0]))
    data = legacy.python2(matrix, 2)
    assert b"scipy.sparse.csc\n" in data
    np.testing.assert_array_equal(as_array(loads(data)), np.diag([1.0, 2.0, 3.0]))


def test_duplicate_entries_add_up() -> None:
    value = call(CSC[0], _shape=(2, 1), data=[1.0, 2.0, 4.0], indices=[0, 0, 1], indptr=[0, 3])
    np.testing.assert_array_equal(as_array(value), [[3.0], [4.0]])


@pytest.mark.parametrize(
    "change",
    [
        {"_shape": (10**9, 10**9)}, {"_shape": (2,)}, {"indices": [0, 2]}, {"indices": [0, -1]},
        {"indptr": [0, 1]}, {"indptr": [0, 2, 1]}, {"indptr": [1, 2, 2]}, {"data": [1.0]},
        {"data": None}, {"indices": [0.5, 1.0]}, {"_shape": None},
    ],
)  # fmt: skip
def test_sparse_matrices_whose_parts_do_not_fit(change: dict[str, Any]) -> None:
    parts = {"_shape": (2, 2), "data": [1.0, 2.0], "indices": [0, 1], "indptr": [0, 1, 2]}
    np.testing.assert_array_equal(as_array(call(CSC[0], **parts)), np.diag([1.0, 2.0]))
    with pytest.raises(Refused):
        as_array(call(CSC[0], **(parts | change)))


def test_object_arrays_of_numbers_are_arrays() -> None:
    numbers = np.array([[1, 2], [3, 4]], dtype=object)
    np.testing.assert_array_equal(as_array(loads(pickle.dumps(numbers, 4))), [[1, 2], [3, 4]])
    one = np.empty((), object)
    one[()] = np.arange(3.0)
    np.testing.assert_array_equal(as_array(loads(pickle.dumps(one, 2))), [0.0, 1.0, 2.0])
    with pytest.raises(Refused, match="objects"):
        as_array(loads(pickle.dumps(np.array([{}, "a"], dtype=object), 2)))


def test_mappings() -> None:
    from collections import OrderedDict

    one = np.array({"a": 1}, dtype=object)
    assert as_mapping(loads(pickle.dumps(one, 2))) == {"a": 1}
    assert as_mapping(loads(pickle.dumps(OrderedDict(b=2), 2))) == {"b": 2}
    assert as_mapping({b"c": 3, 4: 5}) == {"c": 3}
    assert as_mapping([1]) is None
    assert as_mapping(loads(pickle.dumps(np.arange(3), 2))) is None


@pytest.mark.parametrize("value", ["text", b"bytes", None, {}, [[1]], (1,), Call("x.y")])
def test_what_is_no_array_says_what_it_is(value: Any) -> None:
    with pytest.raises(Refused, match="instead of an array"):
        as_array(value)
    assert describe(value)
