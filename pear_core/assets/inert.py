"""What a pickle says, as data: names and calls that are recorded and never executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Refused(ValueError):
    """A pickle that is damaged, or asks for something that model files have no need of."""


@dataclass(frozen=True)
class Global:
    """A class or function that a pickle names: "module.name"."""

    name: str


@dataclass(eq=False)
class Call:
    """An object that a pickle would make by calling `name` with `args`; `state` is what it would
    be given afterwards, `items` what would be put in.
    """

    name: str
    args: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)

    def attributes(self) -> Mapping[Any, Any]:
        """The state as attributes. Raises Refused where it is none."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2:  # (__dict__, slots)
            state = {**(state[0] or {}), **(state[1] or {})} if _dicts(state) else None
        if not isinstance(state, dict):
            raise Refused(f"{self.name} without attributes")
        return state


def _dicts(state: tuple[Any, ...]) -> bool:
    return all(part is None or isinstance(part, dict) for part in state)


RECONSTRUCTORS = ("copy_reg._reconstructor", "copyreg._reconstructor")
OBJECTS = ("__builtin__.object", "builtins.object")
EMPTY_BYTES = ("__builtin__.bytes", "builtins.bytes")
SETS = ("__builtin__.set", "builtins.set")
ENCODE = "_codecs.encode"
ORDERED_DICT = "collections.OrderedDict"
NDARRAY, DTYPE = "numpy.ndarray", "numpy.dtype"
RECONSTRUCT = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
SCALAR = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
FROM_BUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")
JOBLIB_ARRAY = "joblib.numpy_pickle.NumpyArrayWrapper"
CHUMPY = tuple(f"chumpy.{name}" for name in (
    "ch.Ch", "reordering.Select", "reordering.Reshape", "reordering.transpose"
))  # fmt: skip
CSC, CSR = (
    tuple(
        f"scipy.sparse.{module}.{form}_{kind}"
        for module in (form, f"_{form}")
        for kind in ("matrix", "array")
    )
    for form in ("csc", "csr")
)
TENSOR, STORAGE_BYTES = "torch._utils._rebuild_tensor_v2", "torch.storage._load_from_bytes"
STORAGES: Mapping[str, str] = {
    "torch.DoubleStorage": "<f8", "torch.FloatStorage": "<f4", "torch.HalfStorage": "<f2",
    "torch.LongStorage": "<i8", "torch.IntStorage": "<i4", "torch.ShortStorage": "<i2",
    "torch.CharStorage": "<i1", "torch.ByteStorage": "<u1", "torch.BoolStorage": "|b1",
}  # fmt: skip

ALLOWED: frozenset[str] = frozenset((
    *RECONSTRUCTORS, *OBJECTS, *EMPTY_BYTES, *SETS, ENCODE, ORDERED_DICT, NDARRAY, DTYPE,
    *RECONSTRUCT, *SCALAR, *FROM_BUFFER, JOBLIB_ARRAY, *CHUMPY, *CSC, *CSR, TENSOR, STORAGE_BYTES,
    *STORAGES,
))  # fmt: skip
"""Every name that a pickle may mention; anything else ends the reading."""
