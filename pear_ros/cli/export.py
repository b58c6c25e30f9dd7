"""`pear export`: a trained checkpoint to the bundle that engines run, proven. Needs torch."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", help="model.safetensors of a training run")
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="bundle folder; its name becomes the model's"
    )
    parser.add_argument(
        "--body", default="free_body", metavar="NAME|DIR", help="body model (default %(default)s)"
    )
    parser.add_argument(
        "--json", action="store_true", help="what was written as JSON on standard output"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the bundle and compare every engine with torch; beyond the limits nothing is kept."""
    import json
    import sys

    from pear_ros.assets import body_dir
    from pear_ros.cli.parity import REPORT, SAMPLE, check, shipped_crops
    from pear_ros.problems import PearError

    def say(text: str) -> None:
        print(text, file=sys.stderr if arguments.json else sys.stdout)

    body = body_dir(arguments.body)
    try:
        from pear_core.export.bundle import export_bundle
    except ModuleNotFoundError as error:
        raise PearError(
            f"export needs the Python package {error.name}",
            expected="pip install 'pear-ros[export]'",
        ) from None
    try:
        folder = export_bundle(
            arguments.checkpoint,
            body,
            arguments.out,
            check(body, say),
            sample=shipped_crops()[SAMPLE],
        )
    except (ValueError, OSError) as error:
        raise PearError("cannot export", where=arguments.checkpoint, found=str(error)) from None
    files = sorted(Path(folder).iterdir())
    if arguments.json:
        parity = json.loads((Path(folder) / REPORT).read_text())
        record = {"command": "export", "ok": True, "files": [str(f) for f in files]}
        print(json.dumps(record | {"parity": parity}, indent=1))
    else:
        print("Look at:")
        print("\n".join(f"  {f.stat().st_size / 1e6:9.3f} MB  {f}" for f in files))
    return 0
