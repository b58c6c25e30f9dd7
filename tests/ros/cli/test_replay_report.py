"""Numbers that a replay reports."""

from __future__ import annotations

import pytest

from pear_ros.cli.replay_report import (
    error_table,
    error_text,
    stages,
    summary_line,
    working_seconds,
)
from pear_ros.replay.replay import ReplaySummary
from pear_ros.replay.truth import TruthErrors


def summary(drawing: float) -> ReplaySummary:
    seconds = {
        "decode": 0.4,
        "network": 1.4,
        "write": 0.2,
        "observe": drawing,
        "wall": 2.0 + drawing,
    }
    return ReplaySummary("in", "out", "/cam", None, 50, 0, 75, 2, 0, 9, seconds, {"/humans": 50})


@pytest.mark.parametrize(
    ("drawing", "added"), [(0.0, ""), (0.01, ""), (3.0, " (overlay 60.0 ms per picture on top)")]
)
def test_drawing_does_not_count_into_the_rate(drawing: float, added: str) -> None:
    made = summary(drawing)
    line = "50 pictures of /cam, 1.50 people per picture, 2 tracks, 25.0 frames/s"
    assert summary_line(made) == line + added
    assert working_seconds(made) == pytest.approx(2.0)
    assert stages(made) == pytest.approx({"decode": 0.008, "network": 0.028, "write": 0.004})


def test_errors_as_text_and_table() -> None:
    values = {
        name: float(i) + 0.25
        for i, name in enumerate(
            ("mpjpe", "pa_mpjpe", "hand_pa_mpjpe", "keypoint_px", "position_mm")
        )
    }
    counts = {
        name: 10 + i
        for i, name in enumerate(("frames", "people", "matched", "missed", "extra", "id_switches"))
    }
    errors = TruthErrors(**counts, **values)
    text = error_text(errors)
    assert "MPJPE 0.2 mm, PA-MPJPE 1.2 mm, hands 2.2 mm, key points 3.2 px" in text
    assert text.endswith("13 missed, 14 extra of 11 people")
    rows = {row[0]: row[1:] for row in error_table(errors).rows}
    assert rows["position"] == (4.25, "mm")
    assert rows["people matched"] == (12, "of 11")
    assert len(rows) == 9
