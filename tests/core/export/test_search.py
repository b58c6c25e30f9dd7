"""The search keeps what hurts, lowers what pays, and never ends above the limit."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pear_core.export.search import ENOUGH, TINY, WORTH, Found, filled, label, search, work

Errors = dict[str, float]


def independent(errors: Errors, factor: float = 1.0):  # type: ignore[no-untyped-def]
    """A score whose modules add up as squares, times a factor where several are lowered."""
    calls: list[frozenset[str]] = []

    def score(kept: frozenset[str]) -> float:
        calls.append(kept)
        lowered = [error for name, error in errors.items() if name not in kept]
        total = math.sqrt(sum(e * e for e in lowered))
        return total * (factor if len(lowered) > 1 else 1.0)

    return score, calls


def test_one_measurement_where_everything_is_good_enough() -> None:
    score, calls = independent({"a": 0.1, "b": 0.2, "c": 9.0})
    found = search({"a": 0.5, "b": 0.499, "c": TINY / 2}, score, score)
    # What is not worth it is kept without being measured.
    assert found.kept == {"c"} and len(calls) == 1 and found.alone == {}
    assert found.share == pytest.approx(math.sqrt(0.05))
    assert found.lowered_work == pytest.approx(0.999)


def test_the_fragile_module_is_kept() -> None:
    errors = {"stem": 5.0, "one": 0.2, "two": 0.3, "three": 0.1}
    score, _ = independent(errors)
    found = search(dict.fromkeys(errors, 0.25), score, score)
    assert found.kept == {"stem"} and found.alone == pytest.approx(errors)
    assert found.lowered_work == pytest.approx(0.75)


def test_much_work_for_little_error_comes_first() -> None:
    errors = {"large": 0.5, "small": 0.5}
    score, _ = independent(errors)
    found = search({"large": 0.9, "small": 0.1}, score, score)
    assert found.kept == {"small"} and found.share == pytest.approx(0.5)


def test_errors_that_add_up_worse_than_squares_are_noticed() -> None:
    errors = {name: 0.1 for name in "abcdefgh"} | {"x": 7.0}
    score, _ = independent(errors, factor=4.0)
    found = search(dict.fromkeys(errors, 1 / 9), score, score)
    assert found.share <= ENOUGH and 1 <= 9 - len(found.kept) < 8


def test_good_groups_cost_one_measurement_and_bad_ones_are_opened() -> None:
    errors = {f"good.{i}": 0.05 for i in range(9)} | {f"bad.{i}": 0.02 for i in range(9)}
    errors["bad.4"] = 3.0
    score, _ = independent(errors)
    quick, calls = independent(errors)
    found = search(dict.fromkeys(errors, 1 / 18), score, quick)
    assert found.kept == {"bad.4"}
    # Both groups; three pieces of three; the three of the piece with the bad one.
    assert len(calls) == 2 + 3 + 3
    assert found.alone == pytest.approx({
        "good.0 to good.8": 0.15, "bad.0 to bad.2": math.sqrt(3) * 0.02, "bad.3": 0.02,
        "bad.4": 3.0, "bad.5": 0.02, "bad.6 to bad.8": math.sqrt(3) * 0.02,
    })  # fmt: skip
    assert label(("a.0", "a.1", "a.2")) == "a.0 to a.2" and label(("a.0",)) == "a.0"


def test_a_good_part_that_the_rest_leaves_no_room_for_is_opened() -> None:
    errors = {"first.0": 0.55, "second.0": 0.3, "second.1": 0.15, "bad.0": 9.0}
    score, _ = independent(errors)
    shares = {"first.0": 0.7, "second.0": 0.05, "second.1": 0.05, "bad.0": 0.2}
    found = search(shares, score, score)
    # 0.55 and 0.335 are too much together; 0.55 and 0.15 are not.
    assert found.kept == {"bad.0", "second.0"}
    assert found.alone == pytest.approx(errors)
    assert found.share == pytest.approx(math.hypot(0.55, 0.15))


def test_what_gains_little_is_not_taken_to_pieces() -> None:
    errors = {"large": 0.1, "small.0": 5.0, "small.1": 0.1}
    score, _ = independent(errors)
    quick, calls = independent(errors)
    shares = {"large": 1 - WORTH * 0.9, "small.0": WORTH * 0.5, "small.1": WORTH * 0.4}
    found = search(shares, score, quick)
    assert found.kept == {"small.0", "small.1"} and len(calls) == 2


def tiny_between() -> tuple[dict[str, float], Found]:
    names = ["a.one", "a.tiny", "a.two", "a.slight", "a.three", "b.small", "b.four", "b.last"]
    few = {"a.tiny", "a.slight", "b.small", "b.last"}
    shares = {name: TINY / 2 if name in few else 0.249 for name in names}
    return shares, Found(frozenset(few | {"a.three"}), {}, 0.3, 0.75)


def test_tiny_modules_follow_those_around_them() -> None:
    shares, found = tiny_between()
    asked: list[frozenset[str]] = []

    def score(kept: frozenset[str]) -> float:
        asked.append(kept)
        return ENOUGH

    # "slight" has a kept one after it, and nothing of its group stands before "small".
    done = filled(shares, found, score)
    assert asked == [done.kept] and done.kept == {"a.slight", "a.three", "b.small"}
    assert done.share == ENOUGH and done.lowered_work == pytest.approx(0.75 + TINY)
    assert filled(shares, found, lambda _: ENOUGH + 0.01) == found
    assert filled({"a": 0.5, "b": 0.5}, Found(frozenset("a"), {}, 0.1, 0.5), score).kept == {"a"}


@given(
    st.dictionaries(
        st.sampled_from([*"abcd", *(f"e.{i}" for i in range(9))]), st.floats(0.0, 50.0), min_size=1
    ),
    st.floats(1.0, 20.0),
    st.randoms(use_true_random=False),
)
def test_it_never_ends_above_the_limit(errors: Errors, factor: float, random: object) -> None:
    score, _ = independent(errors, factor)
    shares = {name: (number + 1) / 100 for number, name in enumerate(errors)}
    found = search(shares, score, score)
    assert found.share <= ENOUGH
    assert found.share == score(found.kept) and found.kept <= set(errors)
    assert found.lowered_work == pytest.approx(
        sum(share for name, share in shares.items() if name not in found.kept)
    )


def test_nothing_is_lowered_where_nothing_may_be() -> None:
    score, _ = independent({"a": math.inf, "b": math.inf})
    found = search({"a": 0.5, "b": 0.5}, score, score)
    assert found.kept == {"a", "b"} and found.lowered_work == 0.0


def test_work_by_hand() -> None:
    weights = {
        "k": np.zeros((4, 3, 2, 2), np.float32), "w": np.zeros((16, 10), np.float32),
        "g": np.zeros((7, 10), np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["a"], name="stem/Conv", strides=[2, 2]),
        helper.make_node("Reshape", ["a", "s"], ["r"], name="stem/Reshape"),
        helper.make_node("MatMul", ["r", "w"], ["m"], name="middle.0/MatMul"),
        helper.make_node("Gemm", ["m", "g"], ["y"], name="heads.all/Gemm", transB=1),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 7])],
        [numpy_helper.from_array(v, n) for n, v in weights.items()]
        + [numpy_helper.from_array(np.array([-1, 16]), "s")],
    )  # fmt: skip
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    model = ir.serde.deserialize_model(proto)
    x = np.zeros((2, 3, 4, 4), np.float32)
    # 4 x 2 x 2 outputs of 12 factors each; 16 x 10; 10 x 7.
    total = 4 * 4 * 12 + 160 + 70
    expected = {"stem": 192 / total, "middle.0": 160 / total, "heads.all": 70 / total}
    assert work(model, x) == pytest.approx(expected)
    some = work(model, x, frozenset({"MatMul"}))
    assert some == pytest.approx({"stem": 0.0, "middle.0": 160 / total, "heads.all": 0.0})
