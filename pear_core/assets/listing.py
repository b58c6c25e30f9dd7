"""What of the known files is there, what is missing, and what that prevents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pear_core.assets import record
from pear_core.assets.found import find
from pear_core.assets.known import KNOWN, KnownFile

State = Literal["ready", "to import", "changed", "missing"]


@dataclass(frozen=True)
class Listed:
    """One known file: ready to be loaded, to import first, changed since its import, or missing."""

    known: KnownFile
    state: State
    path: Path | None = None


def list_folder(folder: str | Path) -> tuple[Listed, ...]:
    """The state of every known file in `folder`: a body folder or one that is to be imported.

    A folder that is not there has none of them.
    """
    folder = Path(folder).resolve()
    entries = record.read(folder)
    found = find(folder)
    listed = []
    for known in KNOWN:
        path = folder / known.output
        entry = (entries or {}).get(known.output)
        if path.is_file() and (entries is not None or _is_body(folder)):
            unchanged = entry is None or path.stat().st_size == entry.size
            listed.append(Listed(known, "ready" if unchanged else "changed", path))
        elif sources := found.best(known):
            listed.append(Listed(known, "to import", sources[0]))
        else:
            listed.append(Listed(known, "missing"))
    return tuple(listed)


def complete(listed: tuple[Listed, ...]) -> bool:
    """Whether EHM-s can be built from the folder."""
    return all(one.state == "ready" for one in listed if one.known.required)


def _is_body(folder: Path) -> bool:
    """A body folder that was not imported, as the free body: its FLAME is no pickle."""
    return (folder / "FLAME.npz").is_file()
