"""The tracker where people hide each other, come back, or are mistaken for one another."""

from __future__ import annotations

from fabricated.walkers import FRAME, SECOND, box_at, room, states, step
from pear_ros.perception.tracking.track import Look, Tracker, TrackerOptions
from pear_ros.types import TrackState


def crossed(front: int | None, looks: tuple[int, int], frames: int = 76) -> list[list]:
    """Two people swap sides in three seconds; what `room` told of each frame."""
    tracker = Tracker(TrackerOptions(search=0.35, check=0.35))
    told = []
    for i in range(frames):
        x = 120 + 400 * i / 75
        people = {looks[0]: box_at(x, height=220), looks[1]: box_at(640 - x, 205)}
        told.append(room(tracker, i * FRAME, people, front))
    return told


def test_crossing_people_keep_their_ids_where_the_one_behind_cannot_be_seen() -> None:
    told = crossed(front=1, looks=(1, 4))
    assert all({(0, 1), (1, 4)} >= set(frame) for frame in told)
    assert set(told[-1]) == {(0, 1), (1, 4)}
    # About half a second in the middle shows one person only, and the right one.
    assert 10 <= sum(frame == [(0, 1)] for frame in told) <= 25


def test_the_one_behind_is_predicted_at_the_place_of_a_steady_walk() -> None:
    tracker = Tracker(TrackerOptions(search=0.35, check=0.35))
    errors = []
    for i in range(70):
        x = 120 + 400 * i / 75
        room(tracker, i * FRAME, {1: box_at(x), 4: box_at(640 - x)}, front=1)
        for t in tracker.tracks:
            if t.hidden:
                assert t.id == 1 and t.state is TrackState.PREDICTED
                errors.append((t.box.x0 + t.box.x1) / 2 - (640 - x))
    # The walk is 133 pixels a second; its speed is known from before the overlap.
    assert len(errors) > 8 and max(map(abs, errors)) < 15


def test_a_stranger_in_somebodys_place_gets_an_id_of_its_own() -> None:
    tracker = Tracker(TrackerOptions(search=0.0))
    for i in range(10):
        step(tracker, i * FRAME, [box_at(300)], None, {0: 1})
    for i in range(10, 16):
        step(tracker, i * FRAME, [])
    step(tracker, 16 * FRAME, [box_at(300)], {0: box_at(300)}, {0: 4, None: 4})
    assert states(tracker) == {0: TrackState.PREDICTED}
    for i in range(17, 60):
        step(tracker, i * FRAME, [box_at(300)], None, {0: 4, 1: 4, None: 4})
    assert states(tracker) == {1: TrackState.TRACKED}


def test_after_a_gap_only_who_still_fits_is_known_again() -> None:
    for look, expected in ((1, {0: TrackState.TRACKED}), (4, {1: TrackState.NEW})):
        tracker = Tracker()
        for i in range(10):
            step(tracker, i * FRAME, [box_at(300)], None, {0: 1})
        looks = {0: look, None: look}
        assert step(tracker, 5 * SECOND, [box_at(310)], None, looks) is Look.SEARCH
        if look == 4:
            # The detection was asked about for track 0, whose person it is not; then it is new.
            assert [t.id for t in tracker.lost] == [0]
            step(tracker, 5 * SECOND + FRAME * 6, [box_at(310)], None, looks)
        assert states(tracker) == expected


def test_a_third_box_made_of_two_people_has_to_be_said_twice() -> None:
    tracker = Tracker(TrackerOptions(search=0.0))
    pair = [box_at(200), box_at(290)]
    between = box_at(245, width=150)
    for i in range(6):
        step(tracker, i * FRAME, pair)
    step(tracker, 6 * FRAME, [*pair, between], {None: box_at(245, width=150)})
    assert sorted(states(tracker)) == [0, 1]
    step(tracker, 7 * FRAME, pair)
    step(tracker, 8 * FRAME, [*pair, between], {None: box_at(245, width=150)})
    assert sorted(states(tracker)) == [0, 1]
    step(tracker, 9 * FRAME, [*pair, between], {None: box_at(245, width=150)})
    assert sorted(states(tracker)) == [0, 1, 2]


def test_after_somebody_was_lost_the_search_is_eager_for_a_second() -> None:
    tracker = Tracker(TrackerOptions(search=2.0, check=0.5, prediction_timeout=0.3))
    people = [box_at(150), box_at(450)]
    looks = []
    for i in range(100):
        looks.append(step(tracker, i * FRAME, people if i < 30 else people[:1]))
        if tracker.lost:
            lost = i
    after = [i - lost for i, look in enumerate(looks) if look is Look.SEARCH and i > lost]
    # Every fifth frame (0.2 s) in the second after, then not for a while.
    assert [i for i in after if i <= 25] == [i for i in after if i <= 49]
    assert len([i for i in after if i <= 25]) >= 4
