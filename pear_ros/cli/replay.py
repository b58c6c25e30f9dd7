"""`pear replay`: a bag of camera pictures in, a bag of humans out."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pear_ros.cli import options

if TYPE_CHECKING:
    from pear_ros.cli.load import Loaded
    from pear_ros.cli.recorder import Recorder
    from pear_ros.output.report import Table
    from pear_ros.replay.replay import ReplayOptions, ReplaySummary
    from pear_ros.replay.truth import Seen, TruthErrors

_STAGE_TOTAL = "wall"


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
    parser.add_argument("--first", type=int, default=0, metavar="N", help="pictures to skip")
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
    options.add_drawing(parser)
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Bag, overlay, parameters and report of a bag."""
    from pear_ros.cli import results
    from pear_ros.cli.load import load
    from pear_ros.cli.outcome import Outcome, percentages
    from pear_ros.cli.progress import progress
    from pear_ros.cli.recorder import Recorder, check_names
    from pear_ros.replay.replay import replay
    from pear_ros.replay.truth import Seen, compare

    video = Path(arguments.overlay) if arguments.overlay else None
    people = [Path(p) for p in arguments.people]
    check_names(video, people)
    truth = read_truth(arguments.bag, arguments.truth) if arguments.truth else {}
    loaded = load(arguments)
    outcome = Outcome("replay", loaded.problems)
    found: dict[int, tuple[Seen, ...]] = {}
    recorder = Recorder(
        loaded,
        results.style(arguments),
        video,
        None,
        arguments.panel,
        people,
        bool(arguments.report),
    )

    def observe(frame: object, humans: object, vertices: object) -> None:
        recorder.see(frame, humans, vertices)  # type: ignore[arg-type]
        if truth:
            found[humans.stamp] = tuple(  # type: ignore[attr-defined]
                Seen(h.joints, h.keypoints, h.track_id)
                for h in humans.humans  # type: ignore[attr-defined]
            )

    with recorder, progress("pictures", arguments.quiet) as done:
        summary = replay(
            arguments.bag,
            arguments.out,
            loaded.pipeline,
            loaded.engine,
            replay_options(arguments),
            loaded.problems,
            done,
            observe,
        )
    errors = compare(truth, found) if truth else None
    per_frame = {k: v / summary.frames for k, v in summary.seconds.items() if k != _STAGE_TOTAL}
    outcome.files += [Path(arguments.out), *([video] if video else []), *people]
    line = (
        f"{results.count(summary.frames, 'picture', 'pictures')} of {summary.topic}, "
        f"{summary.people / summary.frames:.2f} people per picture, "
        f"{results.count(summary.tracks, 'track', 'tracks')}, "
        f"{summary.frames_per_second:.1f} frames/s"
    )
    outcome.lines += [line, f"per picture: {percentages(per_frame)}"]
    if errors is not None:
        outcome.lines.append(f"against {arguments.truth}: {error_text(errors)}")
    outcome.facts = {
        "engine": loaded.ran(),
        **asdict(summary),
        "frames_per_second": summary.frames_per_second,
        "errors_against_truth": {k: v if v == v else None for k, v in asdict(errors).items()}
        if errors
        else None,
    }
    if arguments.report:
        _report(arguments, loaded, recorder, summary, errors, line, per_frame, outcome.files)
        outcome.files.insert(0, Path(arguments.report))
    return outcome.finish(arguments)


def replay_options(arguments: argparse.Namespace) -> ReplayOptions:
    """What the options ask of the replay. Raises PearError."""
    from pear_ros.problems import PearError
    from pear_ros.replay.replay import MarkerMesh, ReplayOptions

    if arguments.first < 0:
        raise PearError(
            "pictures to skip", where="--first", expected="0 or more", found=str(arguments.first)
        )
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


def read_truth(bag: str, topic: str) -> dict[int, tuple[Seen, ...]]:
    """People by stamp of a HumanArray topic. Raises PearError if there is no such topic."""
    from pear_ros.messages import codec
    from pear_ros.problems import PearError, Problems
    from pear_ros.replay.bag import Bag
    from pear_ros.replay.truth import people

    name = "/" + topic.strip("/")
    truth = {}
    with Bag(bag, Problems()) as opened:
        kinds = {t.name: t.type for t in opened.topics}
        if kinds.get(name) != codec.HUMAN_ARRAY:
            raise PearError(
                f"no truth on {name}",
                where=bag,
                expected=codec.HUMAN_ARRAY,
                found=kinds.get(name, "no such topic"),
            )
        for raw in opened.messages({name}):
            message = codec.deserialize(raw.data, codec.HUMAN_ARRAY)
            stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
            truth[stamp] = people(message.humans)
    return truth


def error_text(errors: TruthErrors) -> str:
    """Errors against truth in one line."""
    return (
        f"MPJPE {errors.mpjpe:.1f} mm, PA-MPJPE {errors.pa_mpjpe:.1f} mm, "
        f"hands {errors.hand_pa_mpjpe:.1f} mm, key points {errors.keypoint_px:.1f} px, "
        f"{errors.missed} missed, {errors.extra} extra of {errors.people} people"
    )


def error_table(errors: TruthErrors) -> Table:
    """Errors against truth for the report."""
    from pear_ros.output.report import Table

    rows = (
        ("MPJPE (22 joints, pelvis aligned)", errors.mpjpe, "mm"),
        ("PA-MPJPE (22 joints)", errors.pa_mpjpe, "mm"),
        ("PA-MPJPE of the hands", errors.hand_pa_mpjpe, "mm"),
        ("key points", errors.keypoint_px, "px"),
        ("position", errors.position_mm, "mm"),
        ("people matched", errors.matched, f"of {errors.people}"),
        ("people missed", errors.missed, ""),
        ("people too many", errors.extra, ""),
        ("identity switches", errors.id_switches, ""),
    )
    return Table("Errors against ground truth", ("", "mean", "unit"), rows)


def _report(
    arguments: argparse.Namespace,
    loaded: Loaded,
    recorder: Recorder,
    summary: ReplaySummary,
    errors: TruthErrors | None,
    line: str,
    per_frame: dict[str, float],
    files: list[Path],
) -> None:
    from pear_ros.output.report import InputResult, Report, Table, write_report

    tables = [
        Table("Messages written", ("topic", "count"), tuple(sorted(summary.messages.items())))
    ]
    if errors is not None:
        tables.insert(0, error_table(errors))
    result = InputResult(
        arguments.bag,
        f"bag, {summary.topic}",
        summary.frames,
        summary.people / summary.frames,
        summary.seconds[_STAGE_TOTAL],
        per_frame,
        recorder.pictures(),
        tuple(tables),
        tuple(map(str, files)),
    )
    page = Report("pear replay", line, loaded.ran(), (result,), loaded.problems, recorder.bodies())
    write_report(arguments.report, page)
