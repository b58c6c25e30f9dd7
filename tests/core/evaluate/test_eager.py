"""The stop-watch that `pear bench` asks for eager torch's times."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import torch

from pear_core.evaluate import eager
from pear_core.model import checkpoint


def test_calls_are_timed_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 0.5, 0.75, 1.25])
    monkeypatch.setattr(eager.time, "perf_counter", lambda: next(now))
    assert eager.timed(lambda: None, 1.0) == [0.5, 0.25, 0.5]


def test_questions_are_answered_in_order(tiny_model: Any) -> None:
    model, _ = checkpoint.load(tiny_model.checkpoint)
    seen: list[tuple[int, ...]] = []
    model.eval().register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
    questions = io.StringIO('{"people": 2, "seconds": 0}\n{"people": 1, "seconds": 1e-9}\n')
    answers = io.StringIO()
    eager.serve(model, questions, answers)
    lines = [json.loads(line)["seconds"] for line in answers.getvalue().splitlines()]
    assert [len(line) for line in lines] == [1, 1] and min(min(line) for line in lines) > 0
    assert seen == [(2, 3, 256, 192), (1, 3, 256, 192)]


def test_as_a_program(tiny_model: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"people": 1, "seconds": 0}\n'))
    before = torch.get_num_threads()
    try:
        assert eager.main([str(tiny_model.checkpoint), "--threads", "1"]) == 0
    finally:
        torch.set_num_threads(before)
    facts, answer = map(json.loads, capsys.readouterr().out.splitlines())
    assert facts == {"torch": torch.__version__, "threads": 1} and len(answer["seconds"]) == 1
