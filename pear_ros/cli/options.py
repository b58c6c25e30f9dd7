"""Options that several sub-commands share, and their checks (no heavy imports)."""

from __future__ import annotations

import argparse

from pear_ros.assets import DEFAULT_MODEL


def add_model(parser: argparse.ArgumentParser) -> None:
    """Which model, on what, and how people are found."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|DIR",
        help="model bundle (default %(default)s)",
    )
    group.add_argument(
        "--engine",
        default="auto",
        choices=(
            "auto", "tensorrt", "onnxruntime_cuda", "onnxruntime_tensorrt", "openvino",
            "onnxruntime",
        ),
        help="what runs it (default: the fastest that is installed)",
    )
    group.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "f32", "f16", "bf16", "int8", "w8"),
        help="of the network (default: the fastest within the parity limits)",
    )
    group.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="CPU threads (default: the engine's choice)",
    )
    group.add_argument(
        "--detector",
        default="auto",
        metavar="auto|builtin|whole|FILE.onnx",
        help="finds people: the built-in one, the whole picture as one person, or your own",
    )
    group.add_argument(
        "--boxes",
        metavar="FILE.json",
        help="boxes from outside instead of a detector: "
        "[[x0, y0, x1, y1], ...] or an object of such lists by picture name or stamp",
    )


def add_smoothing(parser: argparse.ArgumentParser) -> None:
    """For inputs whose pictures follow one another."""
    parser.add_argument(
        "--no-smoothing",
        dest="smoothing",
        action="store_false",
        help="people as regressed from each picture alone",
    )


def add_drawing(parser: argparse.ArgumentParser) -> None:
    """What overlays show."""
    group = parser.add_argument_group("overlay")
    group.add_argument(
        "--panel", action="store_true", help="photo, overlay and side view next to one another"
    )
    group.add_argument("--skeleton", action="store_true", help="draw joints and bones")
    group.add_argument("--draw-boxes", action="store_true", help="draw the boxes")
    group.add_argument("--no-labels", action="store_true", help="leave out ids and distances")
    group.add_argument(
        "--opacity",
        type=fraction,
        default=0.88,
        metavar="0..1",
        help="of the mesh (default %(default)s)",
    )


def add_camera(parser: argparse.ArgumentParser) -> None:
    """Calibration for inputs that bring none."""
    parser.add_argument(
        "--camera",
        type=camera,
        metavar="FX,FY,CX,CY",
        help="calibration in pixels; without it a field of view is assumed",
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """How the command reports."""
    group = parser.add_argument_group("reporting")
    group.add_argument("--strict", action="store_true", help="warnings are failures: exit code 1")
    group.add_argument(
        "--json", action="store_true", help="what happened as JSON on standard output"
    )
    group.add_argument("--quiet", "-q", action="store_true", help="no progress")


def positive_int(text: str) -> int:
    value = _number(text)
    if value != int(value) or value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(value)


def not_negative_int(text: str) -> int:
    value = _number(text)
    if value != int(value) or value < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 up, found {text!r}")
    return int(value)


def positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return value


def fraction(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, found {text!r}")
    return value


def camera(text: str) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy."""
    parts = text.split(",")
    if len(parts) != 4:
        raise argparse.ArgumentTypeError(f"expected four numbers FX,FY,CX,CY, found {text!r}")
    fx, fy, cx, cy = (_number(p) for p in parts)
    if fx <= 0 or fy <= 0:
        raise argparse.ArgumentTypeError(f"focal lengths must be above 0, found {text!r}")
    return fx, fy, cx, cy


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e12:
        raise argparse.ArgumentTypeError(f"expected a number, found {text!r}")
    return value
