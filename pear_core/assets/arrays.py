"""Arrays from what a pickle says: numpy, chumpy, scipy.sparse and torch objects, none imported."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.assets.inert import (
    CHUMPY,
    CSC,
    CSR,
    FROM_BUFFER,
    ORDERED_DICT,
    RECONSTRUCT,
    SCALAR,
    TENSOR,
    Call,
    Refused,
)
from pear_core.assets.numpy_state import array_from, bytes_of, dtype_of, shape_of
from pear_core.assets.torch_storage import tensor_array

MAX_DEPTH = 8
"""chumpy expressions nest (a selection of a reshaped selection); none in a file goes deeper."""
MAX_DENSE = 1 << 27
"""Numbers of a sparse matrix written out: 1 GB."""
_CH, _SELECT, _RESHAPE, _TRANSPOSE = CHUMPY


def as_array(value: Any) -> NDArray[Any]:
    """The array that a value of an unpickled file stands for; sparse matrices become dense.

    Plain numbers and flat lists of numbers count as arrays. Raises Refused for anything else.
    """
    return _array(value, MAX_DEPTH)


def as_mapping(value: Any) -> dict[str, Any] | None:
    """A dictionary with words as keys, also from an OrderedDict or a 0-d object array, or None."""
    if isinstance(value, Call) and value.name in RECONSTRUCT:
        value = _reconstructed(value)
    if isinstance(value, np.ndarray) and value.dtype.hasobject and value.size == 1:
        value = value.reshape(1)[0]
    if isinstance(value, Call) and value.name == ORDERED_DICT:
        value = value.items
    if not isinstance(value, dict):
        return None
    words = {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in value.items()}
    return {key: item for key, item in words.items() if isinstance(key, str)}


def describe(value: Any) -> str:
    """What a value is, in a few words for an error."""
    if isinstance(value, Call):
        return f"a {value.name}"
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    if isinstance(value, (dict, list, tuple, str, bytes)):
        return f"a {type(value).__name__} of length {len(value)}"
    return f"a {type(value).__name__}"


def _array(value: Any, depth: int) -> NDArray[Any]:
    if depth < 0:
        raise Refused(f"chumpy expressions nested deeper than {MAX_DEPTH}")
    if isinstance(value, np.ndarray):
        return _of_objects(value, depth) if value.dtype.hasobject else value
    if _numbers([value]):
        return np.asarray(value)
    if isinstance(value, list) and _numbers(value):
        return np.asarray(value)
    if not isinstance(value, Call):
        raise Refused(f"{describe(value)} instead of an array")
    if value.name in RECONSTRUCT:
        array = _reconstructed(value)
        return _of_objects(array, depth) if array.dtype.hasobject else array
    if value.name in SCALAR and len(value.args) == 2:
        return array_from((), dtype_of(value.args[0]), False, value.args[1])
    if value.name in FROM_BUFFER and len(value.args) == 4:
        raw, dtype, shape, order = value.args
        raw = bytes(raw) if isinstance(raw, bytearray) else raw
        return array_from(shape_of(shape), dtype_of(dtype), order == "F", bytes_of(raw))
    if value.name in CHUMPY:
        return _chumpy(value, depth)
    if value.name in (*CSC, *CSR):
        return _dense(value, depth)
    if value.name == TENSOR:
        return tensor_array(value)
    raise Refused(f"{describe(value)} instead of an array")


def _numbers(items: list[Any]) -> bool:
    return all(type(item) in (bool, int, float) for item in items)


def _of_objects(array: NDArray[Any], depth: int) -> NDArray[Any]:
    """An array of objects that are numbers, or the one array that an array of one object holds."""
    items = list(array.flat)
    if len(items) == 1 and not _numbers(items):
        return _array(items[0], depth - 1)
    if not _numbers(items):
        raise Refused(f"an array {array.shape} of objects that are no numbers")
    return np.array(items).reshape(array.shape)


def _reconstructed(call: Call) -> NDArray[Any]:
    state = call.state
    if isinstance(state, tuple) and len(state) == 5:  # a version number first, since numpy 1.0
        state = state[1:]
    if not isinstance(state, tuple) or len(state) != 4:
        raise Refused("a numpy array without its content")
    shape, dtype, fortran, raw = state
    return array_from(shape_of(shape), dtype_of(dtype), bool(fortran), raw)


def _chumpy(call: Call, depth: int) -> NDArray[Any]:
    """The value of the few chumpy expressions that model files contain (`Ch.r` there)."""
    says = call.attributes()
    inner = says.get("x" if call.name == _CH else "a")
    if inner is None:
        raise Refused(f"{call.name} without its array")
    array = _array(inner, depth - 1)
    if call.name == _SELECT:
        index = _array(says.get("idxs"), depth - 1)
        if index.dtype.kind not in "iu":
            raise Refused("chumpy.reordering.Select without indices")
        if index.size and not -array.size <= index.min() <= index.max() < array.size:
            raise Refused("chumpy.reordering.Select beyond its array")
        array = array.ravel()[index]
        return _reshaped(array, says.get("preferred_shape", array.shape))
    if call.name == _RESHAPE:
        return _reshaped(array, says.get("newshape"))
    if call.name == _TRANSPOSE:
        axes = says.get("axes")
        if axes is not None and sorted(shape_of(axes)) != list(range(array.ndim)):
            raise Refused("chumpy.reordering.transpose with other axes than its array has")
        return array.transpose(axes)
    return array


def _reshaped(array: NDArray[Any], sizes: Any) -> NDArray[Any]:
    if isinstance(sizes, Call):
        sizes = tuple(as_array(sizes).tolist())
    sizes = (sizes,) if type(sizes) is int else tuple(sizes or ())
    known = shape_of(tuple(size for size in sizes if size != -1))
    free = len(sizes) - len(known)
    total = math.prod(known)
    if free > 1 or (array.size != total if not free else not total or array.size % total):
        raise Refused(f"a chumpy array of {array.size} numbers as {sizes}")
    return array.reshape(sizes)


def _dense(call: Call, depth: int) -> NDArray[Any]:
    """A compressed sparse matrix written out (duplicates add up, as in scipy)."""
    says = call.attributes()
    shape = shape_of(says.get("_shape", says.get("shape")))
    if len(shape) != 2 or math.prod(shape) > MAX_DENSE:
        raise Refused(f"a sparse matrix of shape {shape}")
    data, indices, starts = (
        _array(says.get(key), depth - 1) for key in ("data", "indices", "indptr")
    )
    rows, columns = shape if call.name in CSR else shape[::-1]
    fits = starts.shape == (rows + 1,) and data.shape == indices.shape and data.ndim == 1
    fits = fits and indices.dtype.kind in "iu" and starts.dtype.kind in "iu"
    fits = fits and data.dtype.kind in "biuf"
    bounds = starts.astype(np.int64) if fits else np.zeros(1, np.int64)
    counts = bounds[1:] - bounds[:-1]
    if not fits or counts.min(initial=0) < 0 or counts.sum() != len(data) or bounds[0] != 0:
        raise Refused(f"a sparse matrix of shape {shape} whose parts do not fit together")
    if len(data) and not 0 <= indices.min() <= indices.max() < columns:
        raise Refused(f"a sparse matrix of shape {shape} with numbers outside of it")
    dense = np.zeros((rows, columns), data.dtype)
    np.add.at(dense, (np.repeat(np.arange(rows), counts), indices), data)
    return dense if call.name in CSR else dense.T
