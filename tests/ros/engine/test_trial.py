"""Measured once, remembered while nothing changes, and never trusted when damaged."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from pear_ros.engine import trial
from pear_ros.engine.bundle import open_bundle
from pear_ros.engine.trial import by_time, memory_key, ordered, recall, remember, told
from pear_ros.problems import PearError

A, B, C = ("openvino", "int8"), ("openvino", "f32"), ("onnxruntime", "f32")


class Slow:
    """An engine that takes its time; the clock of the test, not the computer's."""

    def __init__(self, clock: list[float], seconds: float) -> None:
        self._clock, self._seconds, self.calls = clock, seconds, 0

    def regress(self, picture: Any, crops: Any) -> None:
        assert picture.shape == (256, 256, 3) and len(crops) == 1
        self.calls += 1
        # The first calls are slow: preparation, which is not counted.
        self._clock[0] += self._seconds * (10 if self.calls == 1 else 1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(trial, "time", type("Time", (), {"perf_counter": lambda: now[0]}))
    return now


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def opener(clock: list[float], seconds: dict[Any, float], asked: list[Any]) -> Any:
    def opened(candidate: Any) -> Any:
        asked.append(candidate)
        if candidate not in seconds:
            raise PearError("cannot")
        return Slow(clock, seconds[candidate])

    return opened


def test_the_fastest_is_found_and_remembered(
    tiny_model: Any, home: Path, clock: list[float]
) -> None:
    bundle, asked = open_bundle(tiny_model.bundle), []
    opened = opener(clock, {A: 0.030, B: 0.050, C: 0.020}, asked)
    assert ordered(bundle, [A, B, C], None, opened) == [C, A, B]
    assert asked == [A, B, C]
    # From memory now, also in another order.
    assert ordered(bundle, [C, B, A], None, opened) == [C, A, B] and len(asked) == 3
    assert told(bundle, [A, B, C], None) == (
        "onnxruntime f32 20.0 ms, openvino int8 30.0 ms, openvino f32 50.0 ms"
    )
    assert told(bundle, [A, B, C], 3) == told(bundle, [A], None) == ""
    # Another number of threads, or other candidates, are another question.
    assert ordered(bundle, [A, B, C], 1, opened)[0] == C and len(asked) == 6
    assert ordered(bundle, [A, B], None, opened) == [A, B] and len(asked) == 8
    stored = json.loads((home / "pear" / "engines" / "choices.json").read_text())
    assert len(stored) == 3 and ["onnxruntime", "f32", 0.02] in next(iter(stored.values()))


def test_what_cannot_be_opened_comes_last(tiny_model: Any, home: Path, clock: list[float]) -> None:
    bundle, asked = open_bundle(tiny_model.bundle), []
    assert ordered(bundle, [A, B, C], None, opener(clock, {C: 0.02, B: 0.1}, asked)) == [C, B, A]
    assert ordered(bundle, [A, B], 7, opener(clock, {}, asked)) == [A, B]


def test_large_models_are_measured_one_after_the_other(
    tiny_model: Any, home: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[int] = []

    class Counted(Slow):
        def __init__(self, seconds: float) -> None:
            super().__init__(clock, seconds)
            alive.append(1)
            assert sum(alive) == 1

        def __del__(self) -> None:
            alive.append(-1)

    bundle = open_bundle(tiny_model.bundle)
    assert not trial.large(bundle)
    monkeypatch.setattr(trial, "LARGE", 1000)
    assert trial.large(bundle)
    times = {A: 0.030, B: 0.050, C: 0.020}
    assert ordered(bundle, [A, B, C], None, lambda c: Counted(times[c])) == [C, A, B]


def test_one_candidate_is_no_question(tiny_model: Any, home: Path, clock: list[float]) -> None:
    asked: list[Any] = []
    assert ordered(open_bundle(tiny_model.bundle), [B], None, opener(clock, {}, asked)) == [B]
    assert asked == [] and not list(home.rglob("choices.json"))


def test_nothing_is_measured_that_cannot_be_remembered(
    tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    asked: list[Any] = []
    found = ordered(open_bundle(tiny_model.bundle), [A, B], None, opener(clock, {B: 1.0}, asked))
    assert found == [A, B] and asked == []


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({A: 0.010, B: 0.030, C: 0.020}, [A, C, B]),
        # Within a tenth the exact one wins, then the order given.
        ({A: 0.0100, B: 0.0109, C: 0.0105}, [B, C, A]),
        ({A: 0.0100, B: 0.0120, C: 0.0109}, [C, A, B]),
        ({B: 5.0}, [B, A, C]),
    ],
)
def test_order(seconds: dict[Any, float], expected: list[Any]) -> None:
    assert by_time([A, B, C], seconds) == expected


def test_a_choice_depends_on_the_graphs_versions_and_processor(
    tiny_model: Any, lowered_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = open_bundle(tiny_model.bundle)
    keys = {memory_key(bundle, [A, B], None), memory_key(open_bundle(lowered_bundle), [A, B], None)}
    monkeypatch.setattr(trial, "_versions", lambda: {"openvino": "3000.1"})
    keys.add(memory_key(bundle, [A, B], None))
    monkeypatch.setattr(trial, "_processor", lambda: "another")
    keys.add(memory_key(bundle, [A, B], None))
    assert len(keys) == 4
    assert trial._processor() == "another"


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "3", '{"k": 3}', '{"k": null}', '{"k": [["openvino", "f32"]]}',
        '{"k": [["openvino", "f32", "x"]]}', '{"k": [["openvino", "f32", -1.0]]}',
        '{"k": [["tensorrt", "f16", 0.1]]}', '{"k": []}', '{"k": [3]}',
        '{"k": [["openvino", "f32", NaN]]}',
    ],
)  # fmt: skip
def test_damaged_memory_is_measured_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "choices.json"
    path.write_text(text)
    assert recall(path, "k", [A, B, C]) is None
    remember(path, "k", {B: 0.1, A: 0.05})
    assert recall(path, "k", [A, B]) == [A, B]


def test_old_choices_make_room(tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    for i in range(trial.KEPT + 4):
        remember(path, f"k{i}", {B: 0.1})
    assert recall(path, "k3", [B]) is None and recall(path, "k4", [B]) == [B]


def test_the_real_clock_moves_forward(tiny_model: Any, home: Path) -> None:
    """With a real engine: every time is positive and what a call may take."""
    from pear_ros.engine import onnxruntime

    bundle = open_bundle(tiny_model.bundle)
    start = time.perf_counter()
    found = trial.measure([C], lambda c: onnxruntime.open_engine(bundle, c[1], 1))
    assert 0 < found[C] < time.perf_counter() - start
