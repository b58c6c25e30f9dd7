"""One waiting item: the newest wins, the others are counted."""

from __future__ import annotations

import threading

from pear_ros.live.slot import Newest


def test_the_newest_wins_and_the_rest_is_counted() -> None:
    slot: Newest[int] = Newest()
    for item in (1, 2, 3):
        slot.put(item)
    assert slot.waiting
    assert slot.take(0.0) == 3
    assert slot.take(0.0) is None
    assert (slot.received, slot.replaced, slot.taken) == (3, 2, 1)


def test_everything_that_came_is_taken_replaced_or_waits() -> None:
    slot: Newest[int] = Newest()
    taken: list[int] = []

    def work() -> None:
        while not slot.closed:
            item = slot.take(0.2)
            if item is not None:
                taken.append(item)

    worker = threading.Thread(target=work)
    worker.start()
    for item in range(5000):
        slot.put(item)
    while slot.waiting:
        pass
    slot.close()
    worker.join()
    assert taken == sorted(set(taken)) and taken[-1] == 4999
    assert len(taken) + slot.replaced == 5000


def test_closing_wakes_the_taker_and_refuses_more() -> None:
    slot: Newest[int] = Newest()
    found: list[int | None] = []
    taker = threading.Thread(target=lambda: found.append(slot.take(60.0)))
    taker.start()
    slot.close()
    taker.join(10.0)
    assert found == [None]
    slot.put(1)
    assert slot.take(0.0) is None and slot.received == 0


def test_every_arrival_is_told() -> None:
    times: list[int] = []
    slot: Newest[int] = Newest(times.append)
    slot.put(1)
    slot.put(2)
    assert len(times) == 2 and 0 < times[0] <= times[1]


def test_who_puts_lets_a_waiting_taker_begin() -> None:
    """And does not wait where nobody is waiting."""
    slot: Newest[int] = Newest()
    begun: list[int | None] = []
    taker = threading.Thread(target=lambda: begun.append(slot.take(60.0)))
    taker.start()
    while slot._taker is None:
        pass
    slot.put(7)
    assert slot.taken == 1
    taker.join(10.0)
    assert begun == [7]
    slot.put(8)
    assert slot.waiting
