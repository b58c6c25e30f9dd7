"""`pear replay`: a bag of camera pictures in, a bag of humans out."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pear_ros.cli import options

if TYPE_CHECKING:
    from pear_ros.replay.replay import ReplayOptions
    from pear_ros.types import FloatArray, Frame, HumanFrame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", metavar="IN", help="rosbag2: .mcap or .db3 file, or a folder")
    parser.add_argument("--out", required=True, metavar="OUT.mcap", help="bag with the people")
    parser.add_argument("--topic", metavar="NAME", help="pictures (default: the most likely topic)")
    parser.add_argument(
        "--info-topic", metavar="NAME", help="CameraInfo (default: the one beside the pictures)"
    )
    parser.add_argument(
        "--mesh", action="store_true", help="write HumanMesh messages (all vertices)"
    )
    parser.add_argument(
        "--markers",
        choices=("lod", "full", "skeleton", "off"),
        default="lod",
        help="mesh inside the MarkerArray (default %(default)s)",
    )
    parser.add_argument(
        "--pass",
        dest="passed",
        action="extend",
        nargs="+",
        default=[],
        metavar="TOPIC",
        help="topics to copy unchanged; '*' for all",
    )
    parser.add_argument(
        "--measured",
        action="store_true",
        help="write measured times into the messages (then two runs differ)",
    )
    parser.add_argument(
        "--first", type=options.not_negative_int, default=0, metavar="N", help="pictures to skip"
    )
    parser.add_argument(
        "--count", type=options.positive_int, metavar="N", help="pictures to process at most"
    )
    parser.add_argument("--overlay", metavar="OUT.mp4", help="also write an overlay video")
    parser.add_argument(
        "--people",
        action="append",
        default=[],
        metavar="FILE.json|FILE.npz",
        help="also write all parameters of all frames (may be given twice)",
    )
    parser.add_argument("--report", metavar="FILE.html", help="also write a report")
    parser.add_argument(
        "--truth", metavar="TOPIC", help="HumanArray topic of the bag with the truth: print errors"
    )
    options.add_model(parser)
    options.add_smoothing(parser)
    options.add_drawing(parser)
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Bag, overlay, parameters and report of a bag."""
    from pear_ros.cli import replay_report, results
    from pear_ros.cli.load import load
    from pear_ros.cli.outcome import Outcome, percentages
    from pear_ros.cli.progress import progress
    from pear_ros.cli.recorder import Recorder, check_names
    from pear_ros.replay.replay import replay
    from pear_ros.replay.truth import Seen, compare

    video = Path(arguments.overlay) if arguments.overlay else None
    people = [Path(p) for p in arguments.people]
    check_names(video, people)
    truth = replay_report.read_truth(arguments.bag, arguments.truth) if arguments.truth else {}
    loaded = load(arguments)
    outcome = Outcome("replay", loaded.problems)
    found: dict[int, tuple[Seen, ...]] = {}
    style, pictures = results.style(arguments), bool(arguments.report)
    recorder = Recorder(loaded, style, video, None, arguments.panel, people, pictures)

    def observe(frame: Frame, humans: HumanFrame, vertices: FloatArray | None) -> None:
        recorder.see(frame, humans, vertices)
        if truth:
            found[humans.stamp] = tuple(
                Seen(h.joints, h.keypoints, h.track_id) for h in humans.humans
            )

    wanted = replay_options(arguments)
    with recorder, progress("pictures", arguments.quiet) as done:
        summary = replay(
            arguments.bag, arguments.out, loaded.pipeline, loaded.engine, wanted,
            loaded.problems, done, observe,
        )  # fmt: skip
    if arguments.first or arguments.count:
        # People in pictures that nobody asked for are not missed.
        span = range(summary.first_stamp, summary.last_stamp + 1)
        truth = {stamp: seen for stamp, seen in truth.items() if stamp in span}
    errors = compare(truth, found) if truth else None
    outcome.files += [Path(arguments.out), *([video] if video else []), *people]
    outcome.lines += [
        replay_report.summary_line(summary),
        f"per picture: {percentages(replay_report.stages(summary))}",
    ]
    if errors is not None:
        outcome.lines.append(f"against {arguments.truth}: {replay_report.error_text(errors)}")
    outcome.facts = {
        "engine": loaded.ran(),
        **asdict(summary),
        "frames_per_second": summary.frames / replay_report.working_seconds(summary),
        "errors_against_truth": None,
    }
    if errors is not None:
        known = {name: None if math.isnan(v) else v for name, v in asdict(errors).items()}
        outcome.facts["errors_against_truth"] = known
    if arguments.report:
        replay_report.write(
            arguments.report, loaded, recorder, summary, errors, list(outcome.files)
        )
        outcome.files.insert(0, Path(arguments.report))
    return outcome.finish(arguments)


def replay_options(arguments: argparse.Namespace) -> ReplayOptions:
    """What the options ask of the replay."""
    from pear_ros.replay.replay import MarkerMesh, ReplayOptions

    markers = {
        "lod": MarkerMesh.LOD,
        "full": MarkerMesh.FULL,
        "skeleton": MarkerMesh.NONE,
        "off": None,
    }
    return ReplayOptions(
        topic=arguments.topic,
        info_topic=arguments.info_topic,
        passed=tuple(arguments.passed),
        meshes=arguments.mesh,
        markers=markers[arguments.markers],
        measured=arguments.measured,
        first=arguments.first,
        count=arguments.count,
    )
