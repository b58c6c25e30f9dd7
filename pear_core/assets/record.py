"""`imported.json`: which file came from which, with the SHA-256 of both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pear_core.assets.found import RECORD
from pear_core.assets.known import LICENCE

FORMAT = "pear-assets-1"
"""Changes with any conversion, so that files of an older one are converted again."""


@dataclass(frozen=True)
class Entry:
    """An imported file (sha256, size in bytes) and its source."""

    sha256: str
    size: int
    source: str
    source_sha256: str
    source_size: int


def read(folder: Path) -> dict[str, Entry] | None:
    """Entries by file name; None where the folder has no record, none where it is damaged."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            return {}
        return {str(name): Entry(**entry) for name, entry in content["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def write(folder: Path, entries: dict[str, Entry]) -> None:
    content = {
        "format": FORMAT,
        "licence": LICENCE,
        "files": {name: asdict(entries[name]) for name in sorted(entries)},
    }
    (folder / RECORD).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
