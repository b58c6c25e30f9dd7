"""Which of two results is faster, and whether that can be said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pear_ros.bench.compare import compare, differences, table
from pear_ros.problems import PearError


def test_ratio_and_verdict(result: Any) -> None:
    # Middle halves are the median +- 0.1 ms.
    before = {("e", "network", 1): 9.0, ("e", "joints", 1): 0.50, ("e", "mesh", 1): 2.0}
    after = {("e", "mesh", 1): 2.15, ("e", "network", 1): 6.0, ("e", "joints", 1): 1.0}
    network, joints, mesh = compare(result(before), result(after))
    assert (network.name, network.first_ms, network.second_ms) == ("network x1", 9.0, 6.0)
    assert network.ratio == pytest.approx(1.5) and network.verdict == "B is 1.50 x faster"
    assert joints.ratio == pytest.approx(0.5) and joints.verdict == "A is 2.00 x faster"
    # 1.9..2.1 and 2.05..2.25 overlap.
    assert not mesh.beyond_spread and mesh.verdict == "no difference beyond the spread"
    assert "B is 1.50 x faster" in table([network, joints, mesh]).splitlines()[1]


def test_engines_of_other_names_are_compared_if_they_are_the_only_ones(result: Any) -> None:
    (found,) = compare(result({("bf16", "network", 1): 4.0}), result({("int8", "network", 1): 2.0}))
    assert found.ratio == pytest.approx(2.0)
    two = result({("int8", "network", 1): 2.0, ("f32", "network", 1): 8.0})
    with pytest.raises(PearError, match=r"no engine in common; expected bf16; found int8, f32"):
        compare(result({("bf16", "network", 1): 4.0}), two)


def test_rows_are_matched_by_engine_and_people(result: Any) -> None:
    first = result({("a", "network", 1): 4.0, ("b", "network", 1): 6.0, ("a", "network", 2): 7.0})
    second = result({("b", "network", 1): 3.0, ("a", "network", 1): 8.0, ("a", "network", 4): 1.0})
    found = {row.name: row.ratio for row in compare(first, second)}
    assert found == {"a network x1": pytest.approx(0.5), "b network x1": pytest.approx(2.0)}


def test_nothing_in_common(result: Any) -> None:
    with pytest.raises(PearError, match="no row in common"):
        compare(result({("a", "network", 1): 4.0}), result({("a", "mesh", 1): 4.0}))


def test_unfair_comparisons_are_named(result: Any) -> None:
    rows = {("a", "network", 1): 4.0}
    first = replace(result(rows), notes=())
    second = result(rows, machine={"processor": "Q", "cores": "2"}, notes=("it was busy",))
    assert differences(first, second) == ["processor: P and Q", "B: it was busy"]
    assert differences(first, first) == []
