"""The picture of a report is well-formed and shows its numbers."""

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

from pear_core.export.parity import LIMITS, Deviation, ParityReport
from pear_core.export.plot import parity_svg

DEVIATION = Deviation("mm", 0.2, 0.5, 1.0, 3, "vertex <7>")


def made(engine: str, mm: tuple[float, ...]) -> ParityReport:
    return ParityReport(
        engine=engine, precision="bf16", crops=len(mm), rotations=DEVIATION, joints=DEVIATION,
        vertices=DEVIATION, keypoints=DEVIATION, camera=DEVIATION,
        degrees_per_joint={"pelvis": 0.01, "left_knee": 0.1, "head": 0.001},
        limits=LIMITS["bf16"], crop_mm=mm,
    )  # fmt: skip


def test_curves_rise_and_bars_are_logarithmic() -> None:
    svg = parity_svg([made("one & two", (0.5, 0.1, 0.2)), made("b", (1.0, 0.3))], "a < b")
    root = ElementTree.fromstring(svg)
    words = [e.text for e in root.iter() if e.tag.endswith("text")]
    assert "a < b" in words and any("one & two bf16: mean vertex 0.2 mm" in str(w) for w in words)
    curves = [e.attrib["points"] for e in root.iter() if e.tag.endswith("polyline")]
    assert len(curves) == 2
    heights = [float(point.split(",")[1]) for point in curves[0].split()]
    # Downwards in pixels is upwards in error: best crop first.
    assert heights == sorted(heights, reverse=True) and len(heights) == 3
    # The worst joint comes first; a tenth of the error is a third of the length over three decades.
    assert words.index("left_knee") < words.index("pelvis") < words.index("head")
    bars = [float(w) for w in re.findall(r'width="([\d.]+)" height="4"', svg)]
    assert bars[0] == bars[1] and bars[0] / bars[2] == 2.0 and bars[4] == 0.0


def test_failures_are_said_and_odd_numbers_do_no_harm() -> None:
    bad = made("a", (math.inf, 0.0, 1e-9))
    bad = replace(bad, vertices=replace(DEVIATION, mean=math.inf), degrees_per_joint={"head": 0.0})
    svg = parity_svg([bad], "t")
    assert "FAILS: mean_vertex_mm inf exceeds 3" in svg
    ElementTree.fromstring(svg)
    assert "nan" not in svg
