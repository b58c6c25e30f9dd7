"""Left/right counterparts of a body's named expressions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pear_core.layout import NUM_EXPRESSION


def mirrored_names(names: list[str]) -> NDArray[np.int64]:
    """For each name the index of the one with Left and Right swapped; itself where there is
    none.
    """
    index = {name: i for i, name in enumerate(names)}
    out = []
    for name in names:
        swapped = name.replace("Left", "\0").replace("Right", "Left").replace("\0", "Right")
        out.append(index.get(swapped, index[name]))
    return np.array(out, dtype=np.int64)


def expression_mirror(body: Path) -> NDArray[np.int64]:
    """(50,) map for the body folder's expressions.json; identity where there is no such file."""
    out = np.arange(NUM_EXPRESSION)
    path = body / "expressions.json"
    if path.exists():
        names = [entry["name"] for entry in json.loads(path.read_text())][:NUM_EXPRESSION]
        out[: len(names)] = mirrored_names(names)
    return out
