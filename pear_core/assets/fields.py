"""What an array in a model file must look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Dim = int | str | None | tuple[int, ...]
"""A size: a number, a name in Sizes, anything (None), or one of several numbers."""
Sizes = Mapping[str, int]
PUBLISHED: Sizes = {
    "SMPL-X vertices": 10475, "SMPL-X faces": 20908, "FLAME vertices": 5023, "FLAME faces": 9976,
    "MANO vertices": 778, "SMPL vertices": 6890, "SMPL faces": 13776,
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """An array: floats, or indices below the size named by `limit` (any whole numbers without).

    shape: its sizes; a leading axis of length one in front of them is dropped.
    """

    kind: Literal["floats", "indices"]
    shape: tuple[Dim, ...]
    limit: str = ""
    required: bool = True

    def fits(self, shape: tuple[int, ...], sizes: Sizes) -> bool:
        expected = self.sizes(sizes)
        return len(shape) == len(expected) and all(
            dim is None or size in (dim if isinstance(dim, tuple) else (dim,))
            for size, dim in zip(shape, expected, strict=True)
        )

    def sizes(self, sizes: Sizes) -> tuple[int | tuple[int, ...] | None, ...]:
        return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in self.shape)

    def says(self, sizes: Sizes) -> str:
        """Expected kind and shape, as in "floats of shape (5023, 3, 400 or 350)"."""
        words = [
            "any" if dim is None else " or ".join(map(str, np.atleast_1d(dim)))
            for dim in self.sizes(sizes)
        ]
        return f"{self.kind} of shape ({', '.join(words)}{',' * (len(words) == 1)})"


def floats(*shape: Dim, required: bool = True) -> Field:
    return Field("floats", shape, required=required)


def indices(*shape: Dim, limit: str = "", required: bool = True) -> Field:
    return Field("indices", shape, limit, required)
