"""Which known files lie in a folder tree."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pear_core.assets.known import KNOWN, UNUSED, KnownFile

RECORD = "imported.json"
"""Written into every folder of imported files: its presence tells a result from a source."""


@dataclass(frozen=True)
class Found:
    """Files by kind, best name first (those of the best name may be several), and files that are
    left alone with the reason.
    """

    files: dict[str, tuple[Path, ...]]
    unused: tuple[tuple[Path, str], ...]

    def best(self, known: KnownFile) -> tuple[Path, ...]:
        """The files under the best name that was found; more than one is ambiguous."""
        paths = self.files.get(known.output, ())
        return tuple(path for path in paths if path.name.lower() == paths[0].name.lower())


def find(folder: Path, known_files: Iterable[KnownFile] = KNOWN) -> Found:
    """Known files anywhere below `folder`, by name (upper and lower case are the same).

    Hidden folders and folders of imported files (but `folder` itself) are not entered.
    """
    known_files = tuple(known_files)
    rank = {
        name.lower(): (known.output, i)
        for known in known_files
        for i, name in enumerate(known.names)
    }
    reasons = {name.lower(): reason for name, reason in UNUSED.items()}
    files: dict[str, list[tuple[int, Path]]] = {}
    unused: list[tuple[Path, str]] = []
    for place, folders, names in os.walk(folder):
        here = Path(place)
        if here != folder and RECORD in names:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower() in rank:
                output, i = rank[name.lower()]
                files.setdefault(output, []).append((i, here / name))
            elif name.lower() in reasons:
                unused.append((here / name, reasons[name.lower()]))
    ordered = {output: sorted(paths, key=lambda pair: pair[0]) for output, paths in files.items()}
    return Found(
        {output: tuple(path for _, path in paths) for output, paths in ordered.items()},
        tuple(unused),
    )
