"""`pear doctor`: what is installed and usable here, and the traps this place has."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 1 where pear does not run at all."""
    from pear_ros import assets
    from pear_ros.cli.findings import Verdict, findings
    from pear_ros.cli.surroundings import gather

    around = gather()
    found = findings(around, len(assets.bundles()))
    broken = any(f.verdict is Verdict.BROKEN for f in found)
    if arguments.json:
        rows = [asdict(f) | {"verdict": f.verdict.value} for f in found]
        print(json.dumps({"ok": not broken, "findings": rows, "facts": asdict(around)}, indent=1))
        return int(broken)
    for finding in found:
        print(f"{finding.verdict.value:>6}  {finding.about:<12} {finding.text}")
        if finding.remedy:
            print(f"{'':>21}-> {finding.remedy}")
    traps = sum(f.verdict is Verdict.TRAP for f in found)
    print("pear does not run here" if broken else f"pear runs here; {traps} traps named above")
    return int(broken)
