"""`pear models`: what is installed, where, and whether it is intact."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--verify",
        action="store_true",
        help="check the SHA-256 of every file; exit code 1 if one differs",
    )
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")


def run(arguments: argparse.Namespace) -> int:
    """List models, bodies and detectors."""
    from pear_ros import assets

    entries = [describe(folder, "model", arguments.verify) for folder in assets.bundles()]
    entries += [
        describe(folder, "body", arguments.verify, _body_record(folder))
        for folder in assets.bodies()
    ]
    entries += [
        describe(folder, "detector", arguments.verify, "provenance.json")
        for folder in assets.detectors()
    ]
    broken = any(entry["broken"] for entry in entries)
    if arguments.json:
        searched = [str(folder) for folder in assets.search_path()]
        print(
            json.dumps(
                {"command": "models", "ok": not broken, "installed": entries, "searched": searched},
                indent=1,
            )
        )
    else:
        for entry in entries:
            print("\n".join(_lines(entry)))
        if not entries:
            print("nothing is installed; looked in")
            print("\n".join(f"  {folder}" for folder in assets.search_path()))
    return 1 if broken else 0


def _body_record(folder: Path) -> str:
    """Imported bodies (`pear assets import`) have a record of their own."""
    imported = "imported.json"
    return imported if (folder / imported).is_file() else "manifest.json"


def describe(
    folder: Path, kind: str, verify: bool, record: str = "manifest.json"
) -> dict[str, Any]:
    """One installed model: identity, files with size and hash, and what is wrong with it.

    record: the file in the folder that lists the others with their SHA-256.
    """
    broken: list[str] = []
    manifest: dict[str, Any] = {}
    try:
        content = json.loads((folder / record).read_bytes())
        manifest = content if isinstance(content, dict) else {}
    except (OSError, ValueError) as error:
        broken.append(f"{record}: {error}")
    listed = manifest.get("files")
    files = {}
    for name, entry in listed.items() if isinstance(listed, dict) else ():
        expected = entry.get("sha256", "") if isinstance(entry, dict) else str(entry)
        path = folder / name
        files[name] = {"size": path.stat().st_size if path.is_file() else None, "sha256": expected}
        if not path.is_file():
            broken.append(f"{name}: missing")
        elif verify and _sha256(path) != expected:
            broken.append(f"{name}: another content than recorded")
    identity = manifest.get("identity")
    return {
        "name": folder.name,
        "kind": kind,
        "folder": str(folder),
        "identity": identity if isinstance(identity, dict) else {},
        "files": files,
        "verified": verify,
        "broken": broken,
    }


def _sha256(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _lines(entry: dict[str, Any]) -> list[str]:
    total = sum(f["size"] or 0 for f in entry["files"].values())
    state = "broken" if entry["broken"] else "intact" if entry["verified"] else "not verified"
    lines = [
        f"{entry['name']}  ({entry['kind']}, {total / 1e6:.1f} MB, {state})  {entry['folder']}"
    ]
    shown = ("preset", "body", "step", "weights_sha256", "body_sha256")
    lines += [
        f"    {key}: {entry['identity'][key]}"
        for key in shown
        if entry["identity"].get(key) not in (None, "")
    ]
    for name, file in entry["files"].items():
        size = "missing" if file["size"] is None else f"{file['size'] / 1e6:.2f} MB"
        lines.append(f"    {name:<28} {size:>10}  {file['sha256'][:16]}")
    return lines + [f"    BROKEN {text}" for text in entry["broken"]]
