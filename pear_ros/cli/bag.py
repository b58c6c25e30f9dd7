"""`pear bag`: a bag from pictures or a video, as a camera driver would have recorded it."""

from __future__ import annotations

import argparse
from pathlib import Path

from pear_ros.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT.mcap", help="bag to write")
    parser.add_argument(
        "inputs", nargs="+", metavar="FILE", help="pictures, folders of pictures, or one video"
    )
    parser.add_argument(
        "--rate",
        type=options.positive,
        metavar="HZ",
        help="pictures per second (default: the video's own; 10 for pictures)",
    )
    parser.add_argument(
        "--compressed",
        type=_quality,
        nargs="?",
        const=90,
        metavar="QUALITY",
        help="write JPEG of this quality, 1..100 (default 90), instead of raw pictures",
    )
    parser.add_argument(
        "--topic", default="/camera/image_raw", metavar="NAME", help="default %(default)s"
    )
    parser.add_argument(
        "--frame-id", default="camera_optical_frame", metavar="NAME", help="default %(default)s"
    )
    parser.add_argument(
        "--camera-info",
        type=_calibration,
        metavar="FX,FY,CX,CY,WIDTH,HEIGHT",
        help="calibration in pixels; written as CameraInfo, scaled to the pictures",
    )
    parser.add_argument(
        "--count", type=options.positive_int, metavar="N", help="at most N pictures"
    )
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the bag."""
    from pear_ros.cli.outcome import Outcome
    from pear_ros.cli.progress import progress
    from pear_ros.cli.results import count
    from pear_ros.problems import Problems
    from pear_ros.replay.makebag import MakeBagOptions, make_bag
    from pear_ros.types import Intrinsics

    problems = Problems()
    outcome = Outcome("bag", problems)
    k = arguments.camera_info
    wanted = MakeBagOptions(
        topic=arguments.topic,
        frame_id=arguments.frame_id,
        jpeg=arguments.compressed,
        rate=arguments.rate,
        intrinsics=None if k is None else Intrinsics(*k),
        count=arguments.count,
    )
    with progress("pictures", arguments.quiet) as done:
        made = make_bag([Path(p) for p in arguments.inputs], arguments.out, wanted, problems, done)
    outcome.lines.append(f"{count(made.frames, 'picture', 'pictures')} on {', '.join(made.topics)}")
    outcome.files.append(Path(arguments.out))
    outcome.facts = {"frames": made.frames, "failed": made.failed, "topics": list(made.topics)}
    return outcome.finish(arguments)


def _quality(text: str) -> int:
    value = options.positive_int(text)
    if value > 100:
        raise argparse.ArgumentTypeError(f"expected 1 to 100, found {text!r}")
    return value


def _calibration(text: str) -> tuple[float, ...]:
    parts = text.split(",")
    if len(parts) != 6:
        raise argparse.ArgumentTypeError(f"expected FX,FY,CX,CY,WIDTH,HEIGHT, found {text!r}")
    size = tuple(options.positive_int(part) for part in parts[4:])
    return (*options.camera(",".join(parts[:4])), *size)
