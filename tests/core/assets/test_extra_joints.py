"""The YAML of the surface joints, against PyYAML."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pear_core.anatomy import SURFACE_JOINTS
from pear_core.assets.extra_joints import parse


@pytest.fixture(scope="module")
def text(downloads: ModuleType) -> str:
    return str(downloads.extra_joints(np.random.default_rng(3), 20908))


@pytest.mark.parametrize("flow", [None, True, False])
@pytest.mark.parametrize("ordered", [True, False])
def test_values_equal_what_a_yaml_library_reads(
    text: str, flow: bool | None, ordered: bool
) -> None:
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load(text)
    if not ordered:
        content = dict(reversed(content.items()))
    written = yaml.safe_dump(content, default_flow_style=flow, sort_keys=ordered)
    joints = parse(written)
    assert tuple(joints) == SURFACE_JOINTS
    for name, joint in joints.items():
        assert joint.face == content[name]["face"]
        assert list(joint.bary) == content[name]["bc"]


def test_short_names_comments_and_a_wrapping_key() -> None:
    lines = ["# surface joints", "joints:"]
    for name in SURFACE_JOINTS:
        short = name.replace("left_", "l_").replace("right_", "r_")
        lines.append(f"  {short}: {{'face': 7, bc: [0.25, .5, 2.5e-1]}}  # a triangle")
    assert parse("\n".join(lines))["left_ear"].bary == (0.25, 0.5, 0.25)


@pytest.mark.parametrize(
    "change, says",
    [
        (("left_ear:", "left_ears:"), "joints left_ear are missing"),
        (("left_ear:", "left_eye:"), "joint 'left_eye' a second time"),
        (("head_top:", "face: 3\nhead_top:"), "line 1: 'face' that belongs to no joint"),
        (("head_top:", "3\nhead_top:"), "line 1: a number that belongs to nothing"),
        (("head_top:", "head_top: !!python/object:os.system"), "line 1: cannot read '!!python"),
        (("head_top:", "head_top: &a"), "line 1: cannot read '&a"),
        (("face: ", "face: 0."), "one whole 'face'"),
        (("face: ", "face: 1 "), "one whole 'face'"),
        (("- ", "- 9"), "sum to one"),
        (("- ", "- nan # "), "cannot read 'nan"),
    ],
)
def test_anything_else_is_said(text: str, change: tuple[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("(", r"\(")):
        parse(text.replace(*change, 1))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_an_error_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_long_files_are_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        parse(" " * 100_000)
