"""`pear convert`: checkpoints of others into ours, and back. Needs torch."""

from __future__ import annotations

import argparse
from typing import Any

OPTIONS = {
    "heads": "heads",
    "decoder_heads": "decoder-heads",
    "mean_parameters": "mean-params",
    "ignore": "ignore",
    "model": "model",
}
"""Argument of pear_core.model.convert.convert -> option; --to published has none of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", help="published pear_model.pt, a ViTPose or HMR2 file, or our .safetensors"
    )
    parser.add_argument(
        "--to",
        required=True,
        choices=("safetensors", "published"),
        help="safetensors: our own form; published: ours back under the published key names",
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="file to write")
    parser.add_argument(
        "--heads", type=int, metavar="N", help="attention heads of a backbone of unpublished size"
    )
    parser.add_argument(
        "--decoder-heads", type=int, metavar="N", help="attention heads of such a decoder"
    )
    parser.add_argument(
        "--mean-params",
        metavar="FILE",
        help="smpl_mean_params.npz, for a published file without its mean pose",
    )
    parser.add_argument(
        "--ignore",
        nargs="+",
        default=[],
        metavar="KEY",
        help="unknown keys that may be left out; any other unknown key is an error",
    )
    parser.add_argument(
        "--model", metavar="PRESET", help="what a ViTPose or HMR2 file shall start, e.g. vit_h"
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Convert, and say what became of every key."""
    import json

    from pear_ros.problems import PearError

    try:
        from pear_core.model.convert import convert, convert_back
    except ModuleNotFoundError as error:
        raise PearError(
            f"convert needs the Python package {error.name}",
            expected="pip install 'pear-ros[export]'",
        ) from None
    given = _given(arguments)
    try:
        if arguments.to == "published":
            if given:
                options = ", ".join(sorted("--" + OPTIONS[name] for name in given))
                raise PearError(f"{options} belong to --to safetensors", where="convert")
            report = convert_back(arguments.checkpoint, arguments.out)
        else:
            report = convert(arguments.checkpoint, arguments.out, **given)
    except (ValueError, OSError) as error:
        raise PearError("cannot convert", found=str(error)) from None
    record: dict[str, Any] = {"command": "convert", "ok": True, "out": arguments.out}
    record |= report.to_dict()
    print(json.dumps(record, indent=1) if arguments.json else "\n".join(_lines(record)))
    return 0


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Options that were used, as `convert` names them."""
    values = {
        name: getattr(arguments, option.replace("-", "_")) for name, option in OPTIONS.items()
    }
    return {name: value for name, value in values.items() if value not in (None, [])}


def _lines(record: dict[str, Any]) -> list[str]:
    lines = [f"{len(record['used'])} keys used"]
    for kind in ("unused", "missing"):
        grouped: dict[str, list[str]] = {}
        for key, why in record[kind].items():
            grouped.setdefault(why, []).append(key)
        lines.append(f"{len(record[kind])} keys {kind}")
        for why, keys in grouped.items():
            shown = ", ".join(keys[:4]) + (f", ... ({len(keys)})" if len(keys) > 4 else "")
            lines.append(f"  {shown}: {why}")
    return [*lines, f"Look at: {record['out']}"]
