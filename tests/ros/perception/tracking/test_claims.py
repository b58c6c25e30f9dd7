"""Whose body it is, where several people come into question, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pear_ros.perception import boxes
from pear_ros.perception.tracking import appearance, claims, memory
from pear_ros.perception.tracking.memory import Sights
from pear_ros.perception.tracking.tracks import Track
from pear_ros.perception.tracking.trail import Trail
from pear_ros.types import Box, TrackState

FRAME = 40_000_000


def body(x: float) -> np.ndarray:
    """22 joints of somebody 100 pixels high around x."""
    points = np.random.default_rng(0).uniform(-1, 1, (22, 2)) * (15, 50)
    points[:2] = (-15, -50), (15, 50)
    return points + (x, 100.0)


def seen(*people: tuple[float, int]) -> Sights:
    """Bodies by place and look."""
    points = np.array([body(x) for x, _ in people]).reshape(-1, 22, 2)
    count = len(people)
    colour = np.zeros((count, appearance.SIZE), np.float32)
    for k, (_, look) in enumerate(people):
        colour[k, np.arange(6) * appearance.BINS + look] = 1.0
    return Sights(
        points, np.full(count, 100.0), np.zeros((count, 22, 3)), np.zeros(count),
        np.zeros((count, memory.SHAPES)), colour, memory.clear_of_others(boxes.spans(points)),
    )  # fmt: skip


def track(number: int, x: float, look: int, velocity: float = 0.0, hidden: bool = False) -> Track:
    """Somebody seen well until stamp 0, moving by pixels a second."""
    sights = seen((x, look))
    known = memory.begun(sights, 0, 0)
    for _ in range(3):
        known = memory.learned(known, sights, 0, 0, True, False, (velocity, 0.0))
    box = Box(x - 15, 50, x + 15, 150)
    ends = ((x - 0.2 * velocity, 100.0), (x, 100.0))
    return Track(
        number, TrackState.TRACKED, box, 5, 0, box, Trail((-200_000_000, 0), ends), box,
        hidden=hidden, body=box, memory=known,
    )  # fmt: skip


def test_everybody_gets_the_own_body_where_places_say_so() -> None:
    people = [track(0, 100, 1), track(1, 200, 1)]
    assert claims.settled(people, seen((201, 1), (99, 1)), [{1}, {0}], FRAME) == {0: 1, 1: 0}


def test_changed_crops_are_put_right() -> None:
    """Each crop was drawn to the other person: the bodies are where and how they were."""
    people = [track(0, 100, 1), track(1, 200, 4)]
    assert claims.settled(people, seen((199, 4), (101, 1)), [{0}, {1}], FRAME) == {0: 1, 1: 0}


def test_a_strange_body_in_the_own_place_is_accepted_where_nobody_else_claims_it() -> None:
    """A jump of pose, place and colours at once: the light went out and the frame rate is poor."""
    people = [track(0, 100, 1)]
    assert claims.settled(people, seen((160, 4)), [{0}], FRAME) == {0: 0}
    # Nobody's place: then it is a stranger.
    assert claims.settled(people, seen((160, 4)), [{None}], FRAME) == {}


def test_who_was_hidden_is_known_by_the_clothes() -> None:
    away = track(0, 100, 1, velocity=100.0, hidden=True)
    after = 15 * FRAME
    expected = 100 + claims.way(away, after)[0]
    assert claims.settled([away], seen((expected, 1)), [{None}], after) == {0: 0}
    assert claims.settled([away], seen((expected, 4)), [{None}], after) == {}
    # Whoever stopped instead of going on is found as well.
    assert claims.settled([away], seen((100, 1)), [{None}], after) == {0: 0}


def test_the_way_of_the_unseen_is_the_walk_that_dies_away() -> None:
    away = track(0, 100, 1, velocity=100.0, hidden=True)
    x, y = claims.way(away, 15 * FRAME)
    assert x == pytest.approx(100 * 0.6, rel=0.06) and x < 60 and y == 0.0


def test_one_body_in_two_places_is_whose_looks_it_has() -> None:
    """Both crops showed the same body, half way between two people."""
    for look, owner in ((1, 0), (4, 1)):
        people = [track(0, 100, 1), track(1, 116, 4)]
        assert claims.settled(people, seen((108, look)), [{0, 1}], FRAME) == {0: owner}


def test_the_hidden_do_not_take_a_body_from_who_has_it() -> None:
    """Dressed alike, at one place: the one who was followed keeps it."""
    people = [replace(track(0, 100, 1), hidden=True), track(1, 103, 1)]
    assert claims.settled(people, seen((101, 1)), [{0, 1}], FRAME) == {0: 1}


def followed(person: Track, x: float) -> Track:
    """The same, to whom a body was given at 0.7 s that others overlapped."""
    assert person.memory is not None
    covered = replace(seen((x, 1)), clear=np.zeros(1, bool))
    known = memory.learned(person.memory, covered, 0, 700_000_000, False, False, (0.0, 0.0))
    return replace(person, memory=known)


def met(hidden: bool) -> list[Track]:
    """Two alike who walked towards each other. Since then the second has been followed where the
    first should have gone, and the first was out of sight, or followed where the second should."""
    first, second = track(0, 100, 1, 200), track(1, 200, 1, -200)
    first = replace(first, hidden=True) if hidden else followed(first, 58)
    return [first, followed(second, 242)]


def test_people_who_come_apart_are_told_by_what_was_known_before_they_met() -> None:
    later = 750_000_000
    bodies = seen((250, 1), (50, 1))
    assert claims.settled(met(hidden=True), bodies, [{1}, {0}], later) == {0: 0, 1: 1}
    # Where both were seen all the time, whoever was followed to a place is there.
    assert claims.settled(met(hidden=False), bodies, [{1}, {0}], later) == {0: 1, 1: 0}
    # As long as they overlap, it is not decided anew.
    near = seen((110, 1), (103, 1))
    assert claims.settled(met(hidden=True), near, [{1}, {0}], later).get(0) != 0


def test_clothes_tell_who_turned_back() -> None:
    """Both stand where the other would have gone, and face the other way."""
    people = met(hidden=True)
    assert people[1].memory is not None
    blue = seen((200, 4))
    people[1] = replace(people[1], memory=replace(people[1].memory, colour=blue.colour[0]))
    bodies = seen((250, 4), (50, 1))
    assert claims.settled(people, bodies, [{0, 1}, {None}], 750_000_000) == {0: 1, 1: 0}


def test_nobody_and_nothing() -> None:
    assert claims.settled([], seen((1, 1)), [set()], FRAME) == {}
    assert claims.settled([track(0, 100, 1)], seen(), [], FRAME) == {}
