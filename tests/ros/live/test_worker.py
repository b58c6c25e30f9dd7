"""The working thread: order, what is left out, who fails and what then."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from pear_ros.live.slot import Newest
from pear_ros.live.worker import GIVE_UP, Done, Waiting, Worker
from pear_ros.problems import PearError, Problems
from pear_ros.types import Frame, HumanFrame, Intrinsics

MS = 1_000_000
IMAGE = np.zeros((4, 6, 3), np.uint8)


@dataclass(frozen=True)
class Picture:
    stamp: int
    broken: bool = False
    received: int = 1

    def frame(self) -> Frame:
        if self.broken:
            raise PearError("no picture", where="/image")
        return Frame(IMAGE, self.stamp, source="/image")


class Pipeline:
    """Remembers what it saw; fails where it is told to."""

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self.resets = 0
        self.failing = False

    def process(self, frame: Frame) -> HumanFrame:
        if self.failing:
            raise RuntimeError("no memory")
        self.stamps.append(frame.stamp)
        k = Intrinsics(1, 1, 0, 0, 6, 4)
        return HumanFrame(frame.stamp, frame.frame_id, 6, 4, k, True, ())

    def reset(self) -> None:
        self.resets += 1


class Bench:
    """A worker that is fed one picture at a time."""

    def __init__(self) -> None:
        self.slot: Newest[Waiting] = Newest()
        self.pipeline, self.problems = Pipeline(), Problems()
        self.done: list[Done] = []
        self.failures: list[str] = []
        self.spoiled: list[int] = []
        sinks = [self._spoil, self.done.append]
        self.worker = Worker(self.slot, self.pipeline, sinks, self.problems, self.failures.append)
        self.worker.start()

    def _spoil(self, done: Done) -> None:
        if done.result.stamp in self.spoiled:
            raise OSError("disk full")

    def feed(self, *pictures: Picture) -> None:
        for picture in pictures:
            before = self.worker.finished
            self.slot.put(picture)
            deadline = threading.Event()
            for _ in range(2000):
                if self.worker.finished > before:
                    break
                deadline.wait(0.005)
            assert self.worker.finished > before


@pytest.fixture
def bench():  # type: ignore[no-untyped-def]
    bench = Bench()
    yield bench
    assert bench.worker.stop()


def test_results_reach_the_sinks_in_order(bench: Bench) -> None:
    bench.feed(*(Picture(i * 33 * MS) for i in range(1, 5)))
    assert [d.result.stamp for d in bench.done] == [33 * MS, 66 * MS, 99 * MS, 132 * MS]
    assert all(d.received == 1 and d.begun <= d.finished for d in bench.done)
    assert not bench.problems.counts


def test_broken_late_and_doubled_pictures_are_counted_and_left_out(bench: Bench) -> None:
    bench.feed(
        Picture(1000 * MS), Picture(0, broken=True), Picture(1000 * MS), Picture(900 * MS),
        Picture(1033 * MS),
    )  # fmt: skip
    assert bench.pipeline.stamps == [1000 * MS, 1033 * MS]
    assert bench.problems.counts == {"message": 1, "duplicate": 1, "late": 1}
    assert bench.pipeline.resets == 0


def test_time_that_starts_over_forgets_everybody_and_goes_on(bench: Bench) -> None:
    bench.feed(Picture(5000 * MS), Picture(100 * MS), Picture(133 * MS))
    assert bench.pipeline.stamps == [5000 * MS, 100 * MS, 133 * MS]
    assert bench.problems.counts == {"clock": 1} and bench.pipeline.resets == 1


def test_a_sink_that_fails_stops_nobody_else(bench: Bench) -> None:
    bench.spoiled.append(33 * MS)
    bench.feed(Picture(33 * MS), Picture(66 * MS))
    assert [d.result.stamp for d in bench.done] == [33 * MS, 66 * MS]
    assert bench.problems.counts == {"output": 1}
    assert "disk full" in bench.problems.examples["output"][0].reason


def test_a_failing_engine_is_survived_a_few_times_and_then_given_up(bench: Bench) -> None:
    bench.pipeline.failing = True
    bench.feed(*(Picture(i * MS) for i in range(1, GIVE_UP)))
    bench.pipeline.failing = False
    bench.feed(Picture(50 * MS))
    assert bench.failures == [] and len(bench.done) == 1
    bench.pipeline.failing = True
    bench.feed(*(Picture((100 + i) * MS) for i in range(GIVE_UP)))
    assert len(bench.failures) == 1 and "RuntimeError: no memory" in bench.failures[0]
    assert bench.slot.closed and bench.problems.counts["engine"] == 2 * GIVE_UP - 1


def test_a_reset_from_another_thread_happens_before_the_next_picture(bench: Bench) -> None:
    bench.feed(Picture(1 * MS))
    bench.worker.reset()
    assert bench.pipeline.resets == 0
    bench.feed(Picture(2 * MS))
    assert bench.pipeline.resets == 1
