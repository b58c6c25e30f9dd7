"""Tensors inside pickles (DECA's landmark embedding has some), without torch.

A pickled tensor is a call with a storage, and the storage a byte string in torch's first file
format: five pickles (magic number, version, system, storage, keys), then count and raw numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.assets.inert import STORAGE_BYTES, STORAGES, Call, Global, Refused
from pear_core.assets.numpy_state import bytes_of, shape_of
from pear_core.assets.unpickler import load_at

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
MAX_NUMBERS = 1 << 26
"""A strided view can be larger than its storage: no landmark table is larger than this."""


def tensor_array(call: Call) -> NDArray[Any]:
    """The numbers of a `torch._utils._rebuild_tensor_v2` call. Raises Refused."""
    if len(call.args) < 4:
        raise Refused("a torch tensor without storage, offset, sizes and strides")
    flat = _storage(call.args[0])
    offset, shape, strides = shape_of(call.args[1])[0], shape_of(call.args[2]), call.args[3]
    strides = shape_of(strides)
    if len(shape) != len(strides) or math.prod(shape) > MAX_NUMBERS:
        raise Refused(f"a torch tensor of sizes {shape} and strides {strides}")
    if not math.prod(shape):
        return np.empty(shape, flat.dtype)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if last >= len(flat):
        raise Refused(f"a torch tensor that reaches number {last} of {len(flat)}")
    index = np.full(shape, offset, np.int64)
    for axis, (n, step) in enumerate(zip(shape, strides, strict=True)):
        index += (np.arange(n) * step).reshape((-1,) + (1,) * (len(shape) - axis - 1))
    return flat[index]


def _storage(value: Any) -> NDArray[Any]:
    if not isinstance(value, Call) or value.name != STORAGE_BYTES or len(value.args) != 1:
        raise Refused("a torch tensor without its storage")
    data = bytes_of(value.args[0])
    magic, at = load_at(data, 0)
    version, at = load_at(data, at)
    if magic != _MAGIC or version != _VERSION:
        raise Refused("a torch storage of another format")
    system, at = load_at(data, at)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refused("a torch storage of a big-endian machine")
    storage, at = load_at(data, at, _described)
    keys, at = load_at(data, at)
    if not isinstance(storage, _Described) or keys != [storage.key]:
        raise Refused("a torch storage that is not one storage")
    count = int.from_bytes(data[at : at + 8], "little")
    dtype = np.dtype(STORAGES[storage.kind])
    if len(data) - at - 8 != count * dtype.itemsize:
        raise Refused(
            f"a torch storage of {count} {dtype} with {len(data) - at - 8} bytes instead of "
            f"{count * dtype.itemsize}"
        )
    return np.frombuffer(data, dtype, count, at + 8) if count else np.empty(0, dtype)


class _Described:
    """What a storage's persistent id says: ("storage", type, key, place, count, ...)."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind, self.key = kind, key


def _described(identity: Any) -> _Described:
    if isinstance(identity, tuple) and len(identity) >= 3 and identity[0] == "storage":
        kind, key = identity[1:3]
        if isinstance(kind, Global) and kind.name in STORAGES and isinstance(key, str):
            return _Described(kind.name, key)
    raise Refused("refuses a persistent id that is no torch storage")
