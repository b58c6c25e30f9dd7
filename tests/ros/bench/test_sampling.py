"""Turns, warm-up and what counts, on a clock that the test moves."""

from __future__ import annotations

import pytest

from pear_ros.bench.sampling import FEWEST_CALLS, FEWEST_SLOW_CALLS, block, interleaved


class Clock:
    """A clock that only calls move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def call(self, name: str, *seconds: float):
        """A function that takes these seconds in turn, the last of them for ever."""
        left = list(seconds)

        def run() -> None:
            self.log.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return run

    def __call__(self) -> float:
        return self.now


def test_a_block_runs_until_its_time_is_over() -> None:
    clock = Clock()
    durations = block(clock.call("a", 0.5, 0.25), clock)(1.0)
    assert durations == [0.5, 0.25, 0.25]
    assert block(clock.call("b", 7.0), clock)(1.0) == [7.0]


def test_rows_take_turns_and_the_first_call_of_a_turn_does_not_count() -> None:
    clock = Clock()
    # 1/64 s: exact in binary; a turn of 0.1 s is 7 calls of it, or 2 of 1/16 s.
    rows = {
        name: block(clock.call(name, seconds), clock)
        for name, seconds in (("quick", 1 / 64), ("slower", 1 / 16))
    }
    found = interleaved(rows, 0.5)
    assert set(found["quick"].seconds) == {1 / 64} and set(found["slower"].seconds) == {1 / 16}
    assert sum(found["quick"].seconds) >= 0.5 and len(found["slower"].seconds) >= FEWEST_CALLS
    # Two turns warm each up: the second is not faster than the first.
    assert (found["quick"].warm_up, found["slower"].warm_up) == (14, 4)
    measured = clock.log[18:]
    turns = "".join(name[0] for name in measured)
    assert turns.startswith("q" * 7 + "ss" + "q" * 7 + "ss")
    # 6 of 7 calls count: 0.5 s are 32 calls, so 6 turns; of two calls one counts: 8 turns.
    assert len(found["quick"].seconds) == 36 and len(found["slower"].seconds) == 8
    assert turns.count("q") == 42 and turns.count("s") == 16


def test_a_row_that_gets_faster_is_warmed_up_until_it_does_not() -> None:
    clock = Clock()
    # Every turn is one call; the fifth is the first that is not faster than the one before.
    run = block(clock.call("a", 8.0, 4.0, 2.0, 1.0, 1.0, 1.0), clock)
    found = interleaved({"a": run}, 0.5)["a"]
    assert found.warm_up == 5 and found.steady
    assert set(found.seconds) == {1.0}


def test_a_row_that_never_settles_is_measured_and_says_so() -> None:
    clock = Clock()
    run = block(clock.call("a", *(2.0 * 0.9**i for i in range(60))), clock)
    found = interleaved({"a": run}, 0.5)["a"]
    assert not found.steady and len(found.seconds) >= FEWEST_SLOW_CALLS


@pytest.mark.parametrize(("duration", "calls"), [(1.0, FEWEST_SLOW_CALLS), (0.125, FEWEST_CALLS)])
def test_slow_rows_are_not_called_often(duration: float, calls: int) -> None:
    clock = Clock()
    found = interleaved({"a": block(clock.call("a", duration), clock)}, 0.25)["a"]
    # A second is more than 5 times the quarter asked for; an eighth is not, until the eighth call.
    assert len(found.seconds) == calls


def test_progress_goes_from_nothing_to_all() -> None:
    clock = Clock()
    rows = {name: block(clock.call(name, 0.25), clock) for name in "abc"}
    said: list[tuple[int, int]] = []
    interleaved(rows, 0.5, lambda done, total: said.append((done, total)))
    assert said[:3] == [(0, 6), (1, 6), (2, 6)] and said[-1] == (6, 6)
    assert said == sorted(said)
