"""Fill the figures in README and docs from JSON files: python tools/figures.py [--check]

A figure stands between <!--f FILE KEY[.KEY...] FORMAT--> and <!--/f-->; FILE is relative to the repository. With
--check nothing is written and a stale figure is an error.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FIGURE = re.compile(r"(<!--f (\S+) (\S+) ([^\s-]+)-->)(.*?)(<!--/f-->)", re.S)


def value(file: str, keys: str) -> object:
    found: object = json.loads((ROOT / file).read_text())
    for key in keys.split("."):
        found = found[int(key)] if isinstance(found, list) else found[key]  # type: ignore[index]
    return found


def filled(text: str) -> str:
    """The text with every figure written anew."""
    return FIGURE.sub(lambda m: f"{m[1]}{value(m[2], m[3]):{m[4]}}{m[6]}", text)


def pages() -> list[Path]:
    return sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def main() -> int:
    stale = 0
    for page in pages():
        text = page.read_text()
        new = filled(text)
        if new == text:
            continue
        if "--check" in sys.argv:
            print(f"{page.relative_to(ROOT)}: stale figures; run tools/figures.py")
            stale += 1
        else:
            page.write_text(new)
            print(f"{page.relative_to(ROOT)}: figures updated")
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
