"""How a sub-command ends: what was written, what was survived, as text for people or JSON for
machines.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pear_ros.problems import Problems

_LISTED = 8


@dataclass
class Outcome:
    """Collected while a sub-command runs.

    facts: anything for the JSON output, by name. lines: what people should read. files: to look at,
    in order. errors: inputs that failed while others went on.
    """

    command: str
    problems: Problems
    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def finish(self, arguments: argparse.Namespace) -> int:
        """Print everything and return the exit code (0, or 1 after errors or strict warnings)."""
        failed = bool(self.errors) or (arguments.strict and len(self.problems) > 0)
        if arguments.json:
            print(json.dumps(self.as_object(failed), indent=1, allow_nan=False))
        else:
            for line in self.lines:
                print(line)
            self._name_files()
        sys.stdout.flush()
        for text in warnings(self.problems):
            print(text, file=sys.stderr)
        for error in self.errors:
            print(f"pear: error: {error}", file=sys.stderr)
        if arguments.strict and len(self.problems):
            print(f"pear: error: {len(self.problems)} warnings (--strict)", file=sys.stderr)
        return 1 if failed else 0

    def as_object(self, failed: bool) -> dict[str, Any]:
        """The JSON output."""
        return {
            "command": self.command,
            "ok": not failed,
            **self.facts,
            "files": [str(f) for f in self.files],
            "warnings": {
                kind: {
                    "count": count,
                    "examples": [str(p) for p in self.problems.examples.get(kind, [])],
                }
                for kind, count in sorted(self.problems.counts.items())
            },
            "errors": self.errors,
        }

    def _name_files(self) -> None:
        if not self.files:
            return
        print("Look at:")
        for path in self.files[:_LISTED]:
            print(f"  {path}")
        if len(self.files) > _LISTED:
            print(f"  and {len(self.files) - _LISTED} more in {self.files[-1].parent}")


def warnings(problems: Problems) -> list[str]:
    """One line per kind of survived fault, with its first example."""
    texts = []
    for kind, count in sorted(problems.counts.items()):
        first = problems.examples.get(kind, [])
        example = f": {first[0]}" if first else ""
        more = f" (and {count - 1} more)" if count > 1 else ""
        texts.append(f"pear: warning: {kind}{example}{more}")
    return texts


def percentages(stages: Mapping[str, float]) -> str:
    """The split of a frame's time as text, e.g. "network 26.1 ms (81 %), detect ..."; largest
    first.
    """
    total = sum(stages.values()) or 1.0
    parts = [
        f"{name} {1000 * seconds:.1f} ms ({100 * seconds / total:.0f} %)"
        for name, seconds in sorted(stages.items(), key=lambda item: -item[1])
        if seconds > 0
    ]
    return ", ".join(parts)
