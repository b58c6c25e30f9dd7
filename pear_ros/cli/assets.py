"""`pear assets`: licensed model files, imported once, and what is there and what is missing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pear_core.assets.importing import Report
    from pear_core.assets.known import KnownFile
    from pear_core.assets.listing import Listed

DEFAULT_FOLDER = "body"
_NEVER_WRITTEN = "pear never writes to DIR."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="what", required=True
    )
    text = "find, check and convert SMPL-X, FLAME and what goes with them, all files or none"
    take = commands.add_parser("import", help=text, description=f"{text}. {_NEVER_WRITTEN}")
    take.add_argument("folder", metavar="DIR", help="searched with everything below it")
    take.add_argument(
        "--out", default=DEFAULT_FOLDER, metavar="DIR", help="body folder (default %(default)s)"
    )
    text = "known files: there or missing, what is not possible without, where to obtain"
    show = commands.add_parser("list", help=text, description=text)
    show.add_argument(
        "folder", nargs="?", default=DEFAULT_FOLDER, metavar="DIR",
        help="a body folder, or one to import from (default %(default)s)",
    )  # fmt: skip
    for sub in (take, show):
        sub.add_argument("--json", action="store_true", help="as JSON on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Import or list."""
    return _import(arguments) if arguments.what == "import" else _list(arguments)


def _import(arguments: argparse.Namespace) -> int:
    from pear_core.assets.importing import ImportFailed, import_folder
    from pear_ros.cli.progress import progress
    from pear_ros.problems import PearError

    try:
        with progress("importing", quiet=arguments.json) as done:
            report = import_folder(arguments.folder, arguments.out, progress=done)
    except ImportFailed as error:
        raise PearError(f"nothing was imported: {error}") from None
    if arguments.json:
        _print_json({"command": "assets import", "ok": True, **_report(report)})
    else:
        print("\n".join(_import_lines(report)))
    return 0


def _report(report: Report) -> dict[str, Any]:
    return {
        "folder": str(report.folder),
        "complete": report.complete,
        "imported": [
            {
                "file": one.output, "source": str(one.source), "bytes": one.size,
                "sha256": one.sha256, "reused": one.reused, "left_out": list(one.unread),
            }
            for one in report.imported
        ],
        "kept": list(report.kept),
        "unused": [{"file": str(path), "reason": reason} for path, reason in report.unused],
        "missing": [
            {"file": known.output, "required": known.required, "prevents": known.prevents,
             "obtain": known.origin, "names": list(known.names)}
            for known in report.missing
        ],
    }  # fmt: skip


def _import_lines(report: Report) -> list[str]:
    lines = []
    for one in report.imported:
        state = "as before" if one.reused else f"{one.size / 1e6:.2f} MB"
        lines.append(f"  {one.output:<34} {state:>10}  {one.source}")
        if one.unread:
            lines.append(f"  {'':<45}  left out: {', '.join(one.unread)}")
    lines += [f"  {name:<34} {'kept':>10}" for name in report.kept]
    lines += [f"  not used: {path} ({reason})" for path, reason in report.unused]
    for known in report.missing:
        lines += _missing_lines(known)
    if report.complete:
        lines.append(f"complete: --body {report.folder}")
    else:
        lines.append(f"not complete: {report.folder} holds no whole body yet, add what is missing")
    return lines


def _list(arguments: argparse.Namespace) -> int:
    from pear_core.assets.known import LICENCE
    from pear_core.assets.listing import complete, list_folder

    listed = list_folder(arguments.folder)
    folder = Path(arguments.folder).resolve()
    if arguments.json:
        files = [
            {
                "file": one.known.output, "what": one.known.what, "state": one.state,
                "path": str(one.path) if one.path else None, "required": one.known.required,
                "prevents": one.known.prevents, "obtain": one.known.origin,
                "names": list(one.known.names),
            }
            for one in listed
        ]  # fmt: skip
        content = {"folder": str(folder), "complete": complete(listed), "files": files}
        _print_json({"command": "assets list", "ok": True, **content, "licence": LICENCE})
        return 0
    print(f"{folder}{'' if folder.is_dir() else ' (not there)'}")
    for one in listed:
        print("\n".join(_listed_lines(one, folder)))
    if complete(listed):
        print("complete: a whole body")
    elif any(one.state == "to import" for one in listed):
        print(f"next: pear assets import {arguments.folder} --out DIR")
    print(LICENCE)
    return 0


def _listed_lines(one: Listed, folder: Path) -> list[str]:
    if one.state == "missing":
        return _missing_lines(one.known)
    place = (
        f"  from {one.path.relative_to(folder)}" if one.state == "to import" and one.path else ""
    )
    again = "  (another size than when it was imported)" if one.state == "changed" else ""
    return [f"  {one.known.output:<34} {one.state:>10}  {one.known.what}{place}{again}"]


def _missing_lines(known: KnownFile) -> list[str]:
    need = "" if known.required else " (optional)"
    return [
        f"  {known.output:<34} {'missing':>10}  {known.what}{need}",
        f"  {'':<45}  prevents: {known.prevents}",
        f"  {'':<45}  obtain: {known.names[0]}, {known.origin}",
    ]


def _print_json(content: dict[str, Any]) -> None:
    import json

    print(json.dumps(content, indent=1))
