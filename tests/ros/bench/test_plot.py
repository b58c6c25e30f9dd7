"""The picture and the table of a result."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pear_ros.bench.plot import drawing, svg, write_plot
from pear_ros.bench.table import table
from pear_ros.palette import PALETTE
from pear_ros.problems import PearError

ROWS = {("a <b>", "network", 1): 10.0, ("a <b>", "mesh", 1): 1.0, ("c", "network", 1): 100.0}


def test_bars_are_logarithmic(result: Any) -> None:
    shapes, width, height = drawing(result(ROWS))
    bars = [s for s in shapes if s.height == 14 and s.colour in PALETTE and not s.text]
    lengths = [bar.width for bar in bars]
    # The axis begins at 0.1 ms, so 10, 1 and 100 ms are 2, 1 and 3 decades.
    assert np.diff([lengths[1], lengths[0], lengths[2]]) == pytest.approx([lengths[1], lengths[1]])
    assert bars[0].colour != bars[2].colour
    assert max(bar.x + bar.width for bar in bars) < width
    assert all(0 <= s.y <= height for s in shapes)


def test_svg_is_whole_and_escaped(result: Any) -> None:
    made = result(ROWS)
    made = replace(made, rows=(replace(made.rows[0], reference_ms=50.0), *made.rows[1:]))
    root = ElementTree.fromstring(svg(*drawing(made)))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a <b>", "c", "network x1", "mesh x1", "eager torch, float32"} <= set(texts)


def test_png_shows_the_same_bars(result: Any, tmp_path: Path) -> None:
    made = result(ROWS)
    write_plot(tmp_path / "p.png", made)
    shapes, width, height = drawing(made)
    image = cv2.imread(str(tmp_path / "p.png"))
    assert image.shape == (height, width, 3)
    bar = next(s for s in shapes if s.height == 14 and s.colour in PALETTE and not s.text)
    inside = image[round(bar.y + 3), round(bar.x + bar.width / 4), ::-1]
    assert tuple(inside.tolist()) == bar.colour


def test_other_kinds_are_refused(result: Any, tmp_path: Path) -> None:
    with pytest.raises(PearError, match=r"expected .svg or .png; found .pdf"):
        write_plot(tmp_path / "p.pdf", result(ROWS))
    assert list(tmp_path.iterdir()) == []


def test_table(result: Any) -> None:
    made = result({("e", "network", 4): 20.0})
    made = replace(made, rows=(replace(made.rows[0], reference_ms=70.0),))
    lines = table(made).splitlines()
    assert lines[0] == "e"
    assert lines[2].split() == [
        "network", "x4", "20.0", "30.0", "40.0", "10.0", "5.000", "100", "70.0", "3.5", "x",
    ]  # fmt: skip
    assert "% of the measured matrix peak" in lines[3]
