"""python -m pear_core.export CHECKPOINT --body DIR --out DIR"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pear_core.export.bundle import export_bundle


def main(arguments: list[str] | None = None) -> int:
    """Exports a bundle and lists its files; 1 and one line on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m pear_core.export", description=export_bundle.__doc__
    )
    parser.add_argument("checkpoint", type=Path, help="model.safetensors of a training run")
    parser.add_argument("--body", type=Path, required=True, help="folder of the body model's files")
    parser.add_argument(
        "--out", type=Path, required=True, help="bundle folder; its name becomes the model's"
    )
    options = parser.parse_args(arguments)
    try:
        folder = export_bundle(options.checkpoint, options.body, options.out)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size / 1e6:9.3f} MB  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
