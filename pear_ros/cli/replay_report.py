"""What a replay tells people: its summary, errors against ground truth, the report page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pear_ros.cli.load import Loaded
from pear_ros.cli.recorder import Recorder
from pear_ros.cli.results import count
from pear_ros.messages import codec
from pear_ros.output.report import InputResult, Report, Table, write_report
from pear_ros.problems import PearError, Problems
from pear_ros.replay.bag import Bag
from pear_ros.replay.replay import ReplaySummary
from pear_ros.replay.truth import Seen, TruthErrors, people

_WALL, _DRAWING = "wall", "observe"
"""Entries of ReplaySummary.seconds that are no stage of the replay itself."""


def stages(summary: ReplaySummary) -> dict[str, float]:
    """Seconds per picture of each stage, drawing left out."""
    return {
        name: seconds / summary.frames
        for name, seconds in summary.seconds.items()
        if name not in (_WALL, _DRAWING)
    }


def working_seconds(summary: ReplaySummary) -> float:
    """Wall time of the replay without the time that overlays and reports took."""
    return summary.seconds[_WALL] - summary.seconds.get(_DRAWING, 0.0)


def summary_line(summary: ReplaySummary) -> str:
    """The replay in one line; overlays and reports do not count into its rate."""
    drawing = 1e3 * summary.seconds.get(_DRAWING, 0.0) / summary.frames
    drawn = f" (overlay {drawing:.1f} ms per picture on top)" if drawing >= 1 else ""
    seconds = working_seconds(summary)
    rate = summary.frames / seconds if seconds > 0 else 0.0
    return (
        f"{count(summary.frames, 'picture', 'pictures')} of {summary.topic}, "
        f"{summary.people / summary.frames:.2f} people per picture, "
        f"{count(summary.tracks, 'track', 'tracks')}, {rate:.1f} frames/s{drawn}"
    )


def read_truth(bag: str, topic: str) -> dict[int, tuple[Seen, ...]]:
    """People by stamp of a HumanArray topic. Raises PearError if there is no such topic."""
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


def write(
    path: str,
    loaded: Loaded,
    recorder: Recorder,
    summary: ReplaySummary,
    errors: TruthErrors | None,
    files: Sequence[Path],
) -> None:
    """The report page of a replay. Raises PearError."""
    counts: Mapping[str, int] = summary.messages
    tables = [Table("Messages written", ("topic", "count"), tuple(sorted(counts.items())))]
    if errors is not None:
        tables.insert(0, error_table(errors))
    result = InputResult(
        name=summary.bag,
        kind=f"bag, {summary.topic}",
        frames=summary.frames,
        people=summary.people / summary.frames,
        seconds=working_seconds(summary),
        stages=stages(summary),
        pictures=recorder.pictures(),
        tables=tuple(tables),
        files=tuple(map(str, files)),
    )
    line, bodies = summary_line(summary), recorder.bodies()
    page = Report("pear replay", line, loaded.ran(), (result,), loaded.problems, bodies)
    write_report(path, page)
