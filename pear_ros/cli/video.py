"""`pear video`: people in a video."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pear_ros.cli import options

if TYPE_CHECKING:
    from pear_ros.types import Frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="IN", help="a video that FFmpeg can decode")
    parser.add_argument(
        "--out",
        required=True,
        metavar="OUT.mp4",
        help="overlay video (.mp4, .webm, .avi, .mkv, .mov)",
    )
    parser.add_argument(
        "--people",
        action="append",
        default=[],
        metavar="FILE.json|FILE.npz",
        help="also write all parameters of all frames (may be given twice)",
    )
    parser.add_argument("--report", metavar="FILE.html", help="also write a report")
    parser.add_argument("--count", type=options.positive_int, metavar="N", help="at most N frames")
    options.add_camera(parser)
    options.add_model(parser)
    options.add_smoothing(parser)
    options.add_drawing(parser)
    options.add_common(parser)


def run(arguments: argparse.Namespace) -> int:
    """Overlay video, parameters and report of a video."""
    from pear_ros.cli import results
    from pear_ros.cli.load import load
    from pear_ros.cli.outcome import Outcome, percentages
    from pear_ros.cli.pictures import video_frames, video_info
    from pear_ros.cli.progress import progress
    from pear_ros.cli.recorder import Recorder, check_names
    from pear_ros.output.report import InputResult, Report, write_report

    out, people = Path(arguments.out), [Path(p) for p in arguments.people]
    check_names(out, people)
    info = video_info(arguments.video)
    loaded = load(arguments)
    outcome = Outcome("video", loaded.problems)
    spent: dict[str, float] = {"decode": 0.0}
    recorder = Recorder(
        loaded,
        results.style(arguments),
        out,
        info.rate,
        arguments.panel,
        people,
        bool(arguments.report),
    )
    start = time.perf_counter()
    notes: tuple[str, ...] = ()
    with recorder, progress("frames", arguments.quiet) as done:
        frames = _timed(video_frames(arguments.video, arguments.camera, loaded.problems), spent)
        for frame in frames:
            humans = loaded.pipeline.process(frame)
            for name, seconds in results.stages(humans).items():
                spent[name] = spent.get(name, 0.0) + seconds
            drawing = time.perf_counter()
            recorder.see(frame, humans)
            spent["overlay"] = spent.get("overlay", 0.0) + time.perf_counter() - drawing
            notes = notes or results.notes(humans)
            done(recorder.seen, info.frames or None)
            if recorder.seen == arguments.count:
                break
    wall = time.perf_counter() - start
    files = [out, *people]
    per_frame = {name: seconds / recorder.seen for name, seconds in spent.items()}
    mean = recorder.people / recorder.seen
    summary = (
        f"{results.count(recorder.seen, 'frame', 'frames')}, {mean:.2f} people per frame, "
        f"{recorder.seen / wall:.1f} frames/s with the overlay"
    )
    if arguments.report:
        result = InputResult(
            arguments.video,
            "video",
            recorder.seen,
            mean,
            wall,
            per_frame,
            recorder.pictures(),
            files=tuple(map(str, files)),
            notes=notes,
        )
        page = Report(
            "pear video", summary, loaded.ran(), (result,), loaded.problems, recorder.bodies()
        )
        write_report(arguments.report, page)
        files.insert(0, Path(arguments.report))
    outcome.files += files
    outcome.lines += [summary, f"per frame: {percentages(per_frame)}"]
    outcome.facts = {
        "engine": loaded.ran(),
        "source": arguments.video,
        "frames": recorder.seen,
        "people": recorder.people,
        "seconds": wall,
        "stages": per_frame,
    }
    return outcome.finish(arguments)


def _timed(frames: Iterator[Frame], spent: dict[str, float]) -> Iterator[Frame]:
    """The same frames; adds the time that decoding took."""
    while True:
        start = time.perf_counter()
        frame = next(frames, None)
        spent["decode"] += time.perf_counter() - start
        if frame is None:
            return
        yield frame
