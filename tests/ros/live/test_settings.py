"""The one table: checks, YAML, docs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pear_ros.live.settings import BY_NAME, TABLE, Parameter, Settings, as_markdown, as_yaml
from pear_ros.problems import PearError

ROOT = Path(__file__).parents[3]


def test_every_setting_has_a_row_with_a_reason_and_its_default_within_its_own_range() -> None:
    assert [row.name for row in TABLE] == [f.name for f in fields(Settings)]
    for row in TABLE:
        assert len(row.why) > 10 and row.why.endswith(".")
        assert row.checked(row.default) == row.default
        assert (row.low is None) == (row.high is None)
        assert row.low is not None or row.kind in (bool, str), f"{row.name} has no range"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("prediction_timeout", -0.1, "0.0 to 10.0 s"),
        ("prediction_timeout", float("nan"), "nan"),
        ("prediction_timeout", "1", "a float"),
        ("max_people", 2.0, "an int"),
        ("max_people", True, "an int"),
        ("max_people", 33, "1 to 32"),
        ("smoothing", 1, "a bool"),
        ("marker_mesh", "coarse", "none or lod or full"),
        ("model", None, "a str"),
        ("stature", 0.5, "0.8 m and more"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(name: str, value: object, words: str) -> None:
    with pytest.raises(PearError) as caught:
        Settings().changed({name: value})
    assert name in str(caught.value)
    assert words.replace("an int", "a int") in str(caught.value)


def test_unknown_names_are_errors() -> None:
    with pytest.raises(PearError, match=r"smoooth.*unknown setting"):
        Settings.of({"smoooth": True})


def test_a_whole_number_is_a_fine_float_and_nothing_else_changes() -> None:
    changed = Settings().changed({"prediction_timeout": 2})
    assert changed.prediction_timeout == 2.0 and type(changed.prediction_timeout) is float
    assert Settings().changed({}) == Settings()


def test_the_yaml_holds_every_default_in_its_type() -> None:
    content = YAML(typ="safe").load(as_yaml("/**"))["/**"]["ros__parameters"]
    assert content == {row.name: row.default for row in TABLE}
    assert all(type(content[row.name]) is row.kind for row in TABLE)


def test_the_shipped_files_are_the_table() -> None:
    assert (ROOT / "config" / "pear.yaml").read_text() == as_yaml()
    assert (ROOT / "docs" / "parameters.md").read_text() == as_markdown()


def test_what_is_read_at_configuration_is_marked() -> None:
    static = {row.name for row in TABLE if not row.dynamic}
    assert {"model", "engine", "precision", "threads", "detector"} <= static
    assert {"smoothing", "prediction_timeout", "marker_mesh"} & static == set()
    assert isinstance(BY_NAME["model"], Parameter)


def test_untouched_smoothing_is_the_measured_one() -> None:
    from pear_ros.live.pipelines import smoothing
    from pear_ros.perception.smoothing.smooth import SmoothOptions

    assert smoothing(Settings()) == SmoothOptions()
    assert smoothing(Settings(smoothing=False)) is None
    changed = smoothing(Settings().changed({"smoothing_cutoff": 0.5, "smoothing_face": 1.0}))
    assert changed == SmoothOptions(cutoff=0.5, face=1.0)
