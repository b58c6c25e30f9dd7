"""What goes wrong: one clear error, or a counted warning.

`PearError` ends what the user asked for. `Problems` collects what was survived (a broken picture in a bag) by kind,
so that nothing is lost silently and `--strict` can turn it into a failure.
"""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass

UNREADABLE: tuple[type[Exception], ...] = (
    OSError, ValueError, EOFError, KeyError, RuntimeError, SyntaxError, TypeError, MemoryError,
    OverflowError, IndexError, AttributeError, tokenize.TokenError, zipfile.BadZipFile,
    zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What numpy raises when it reads an npy or npz file that is damaged."""


class PearError(Exception):
    """Bad input, said once and clearly: what is wrong, where, what was expected and what was found."""

    def __init__(self, what: str, *, where: str = "", expected: str = "", found: str = "") -> None:
        self.what, self.where, self.expected, self.found = what, where, expected, found
        parts = [f"{where}: {what}" if where else what]
        if expected:
            parts.append(f"expected {expected}")
        if found:
            parts.append(f"found {found}")
        super().__init__("; ".join(parts))


@dataclass(frozen=True)
class Problem:
    """One survived fault: kind is a short stable word ("encoding", "truncated", "calibration", ...)."""

    kind: str
    topic: str
    stamp: int
    reason: str

    def __str__(self) -> str:
        at = f" at {self.stamp / 1e9:.3f} s" if self.stamp else ""
        return f"{self.topic}{at}: {self.reason}"


class Problems:
    """Counts survived faults and keeps the first few of each kind for the report."""

    def __init__(self, keep: int = 5) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[Problem]] = {}
        self._keep = keep

    def add(self, kind: str, topic: str, stamp: int, reason: str) -> None:
        self.counts[kind] += 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < self._keep:
            kept.append(Problem(kind, topic, stamp, reason))

    def __len__(self) -> int:
        return self.counts.total()
