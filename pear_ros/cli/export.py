"""`pear export`: a trained checkpoint to the bundle that engines run, proven. Needs torch."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

PRECISIONS = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "int8": "int8"}
"""As the command says it -> as bundles and engines do."""
TARGETS = ("onnx", "openvino", "tensorrt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        help="model.safetensors of a training run, or a bundle whose weights to export anew",
    )
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="bundle folder; its name becomes the model's"
    )
    parser.add_argument(
        "--to",
        nargs="+",
        choices=TARGETS,
        default=["openvino"],
        metavar="T",
        help="engines that must run it and agree: onnx is ONNX Runtime, openvino both, tensorrt adds "
        "one fused graph (default openvino)",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=tuple(PRECISIONS),
        default=["fp32"],
        metavar="P",
        help="fp32, fp16, bf16, int8: network graphs beside the float32 one, each within its limits "
        "or the export fails; one of them with --to tensorrt",
    )
    parser.add_argument(
        "--weights",
        choices=("int8",),
        help="another graph with only its weights in INT8: no calibration, half of float16's memory",
    )
    parser.add_argument(
        "--calibration",
        metavar="FILE.npz",
        help="crops of your own that scales and sensitive modules are chosen on "
        "(pear_core.export.crops; default: rendered people)",
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
    import time

    from pear_ros.assets import body_dir
    from pear_ros.cli.parity import REPORT, check
    from pear_ros.problems import PearError

    begin = time.monotonic()

    def say(text: str) -> None:
        """A phase with the seconds so far; a table as it is."""
        stamp = "" if "\n" in text else f"[{time.monotonic() - begin:4.0f} s] "
        print(stamp + text, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    body, weights = body_dir(arguments.body), checkpoint_of(arguments.model)
    try:
        from pear_core.export.bundle import export_bundle
    except ModuleNotFoundError as error:
        raise PearError(
            f"export needs the Python package {error.name}",
            expected="pip install 'pear-ros[export]'",
        ) from None
    try:
        folder = export_bundle(
            weights,
            body,
            arguments.out,
            check(body, say, arguments.to),
            wanted=wanted(arguments, body, say),
            say=say,
        )
    except (ValueError, OSError) as error:
        raise PearError("cannot export", where=str(arguments.model), found=str(error)) from None
    files = sorted(Path(folder).iterdir())
    if arguments.json:
        parity = json.loads((Path(folder) / REPORT).read_text())
        record = {"command": "export", "ok": True, "files": [str(f) for f in files]}
        print(json.dumps(record | {"parity": parity}, indent=1))
    else:
        print("Look at:")
        print("\n".join(f"  {f.stat().st_size / 1e6:9.3f} MB  {f}" for f in files))
    return 0


def checkpoint_of(model: str) -> Path:
    """The weights' file: as given, or of a bundle by name or folder. Raises PearError."""
    from pear_ros.assets import model_dir
    from pear_ros.problems import PearError

    given = Path(model)
    if given.is_file() or given.suffix == ".safetensors":
        return given
    weights = model_dir(model) / "model.safetensors"
    if not weights.is_file():
        raise PearError("the bundle has no weights to export", where=str(weights))
    return weights


def wanted(arguments: argparse.Namespace, body: Path, say: Callable[[str], None]) -> Any:
    """The options as `export_bundle` takes them. Raises PearError."""
    from pear_core.export.bundle import Wanted
    from pear_core.export.crops import load_crops
    from pear_ros.cli.parity import SAMPLE, shipped_crops
    from pear_ros.problems import PearError

    precisions = [PRECISIONS[name] for name in dict.fromkeys(arguments.precision)]
    lower: list[Any] = [name for name in precisions if name != "f32"]
    fused: Any = None
    if "tensorrt" in arguments.to:
        if len(lower) > 1:
            raise PearError(
                "a fused graph has one precision",
                where="export",
                expected="one --precision with --to tensorrt",
                found=" ".join(arguments.precision),
            )
        fused = lower[0] if lower else "f32"
    if arguments.weights:
        lower.append("w8")
    calibration = None
    if arguments.calibration:
        calibration = load_crops(arguments.calibration)
    elif lower:
        say("rendering people to calibrate on")
        calibration = rendered(body)
    return Wanted(tuple(lower), fused, calibration, shipped_crops()[SAMPLE])


def rendered(body: Path) -> Any:
    """Crops to calibrate on. Raises PearError where nothing can be rendered."""
    from pear_ros.problems import PearError

    try:
        from pear_core.export.calibration import rendered_squares

        return rendered_squares(body)
    except (ImportError, ValueError, IndexError, KeyError) as error:
        raise PearError(
            "cannot render people of this body to calibrate on",
            where=str(body),
            expected="pip install 'pear-ros[train]', or --calibration FILE.npz",
            found=f"{type(error).__name__}: {error}",
        ) from None
