"""The tracker as a state machine: ids, states by stamps, and when the detector is asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fabricated.walkers import FRAME, SECOND, body_in, box_at, sights_of, states, step
from pear_ros.perception.boxes import as_rows
from pear_ros.perception.tracking.track import Look, Tracker, TrackerOptions
from pear_ros.types import Box, TrackState


def test_a_person_is_new_then_tracked_and_the_detector_rests() -> None:
    tracker = Tracker(TrackerOptions(search=1.0, check=0.4))
    looks = []
    for i in range(26):
        looks.append(step(tracker, i * FRAME, [box_at(300)]))
        assert states(tracker) == {0: TrackState.NEW if i == 0 else TrackState.TRACKED}
    # Frame 1 confirms; then 0.4 s = 10 frames between looks, and a search a second after the first.
    expected = {0: Look.SEARCH, 1: Look.CHECK, 11: Look.CHECK, 21: Look.CHECK, 25: Look.SEARCH}
    assert {i: look for i, look in enumerate(looks) if look is not Look.NONE} == expected


def test_a_single_detection_that_the_next_look_does_not_confirm_ends_with_it() -> None:
    tracker = Tracker(TrackerOptions(hurry=0.1))
    step(tracker, 0, [box_at(300)])
    assert step(tracker, FRAME, []) is Look.CHECK
    assert states(tracker) == {} and [t.id for t in tracker.lost] == [0]


def test_somebody_seen_twice_is_not_ended_by_one_look() -> None:
    tracker = Tracker(TrackerOptions(hurry=0.1))
    for i in range(2):
        step(tracker, i * FRAME, [box_at(300)])
    for i in range(2, 12):
        step(tracker, i * FRAME, [])
    assert states(tracker) == {0: TrackState.PREDICTED}


def test_missed_people_are_predicted_and_lost_after_the_timeout() -> None:
    tracker = Tracker(TrackerOptions(prediction_timeout=1.0, hurry=0.1))
    for i in range(11):
        step(tracker, i * FRAME, [box_at(300)])
    seen = {}
    for i in range(11, 60):
        step(tracker, i * FRAME, [])
        seen[i] = states(tracker)
        if tracker.lost:
            assert [(t.id, t.state) for t in tracker.lost] == [(0, TrackState.LOST)]
            break
    # Looks are 0.36 s apart; then lost when more than one second has gone by.
    first = min(i for i, s in seen.items() if s == {0: TrackState.PREDICTED})
    assert first == 18
    assert i == first + 26
    step(tracker, (i + 1) * FRAME, [])
    assert tracker.lost == ()


def test_somebody_who_comes_back_in_time_keeps_the_id_and_later_gets_a_new_one() -> None:
    tracker = Tracker(TrackerOptions(prediction_timeout=0.5, hurry=0.1))
    stamp = 0
    for found in [[box_at(300)]] * 3 + [[]] * 8 + [[box_at(310)]] * 8:
        step(tracker, stamp, found)
        stamp += FRAME
    assert states(tracker) == {0: TrackState.TRACKED}
    for _ in range(40):
        step(tracker, stamp, [])
        stamp += FRAME
    assert states(tracker) == {}
    for i in range(4):
        step(tracker, stamp + i * FRAME, [box_at(310)])
    assert states(tracker) == {1: TrackState.TRACKED}


def test_two_people_pass_each_other_and_keep_their_ids() -> None:
    """They swap sides in two seconds, one before the other; the boxes overlap on the way."""
    tracker = Tracker(TrackerOptions(search=0.0))
    for i in range(51):
        left, right = box_at(100 + 8 * i, 200), box_at(500 - 8 * i, 230, height=260)
        found = [left, right] if i % 2 else [right, left]
        # Once known, everybody's body is where the person is.
        step(tracker, i * FRAME, found, {0: right, 1: left})
    where = {t.id: (t.body.x0 + t.body.x1) / 2 for t in tracker.tracks if t.body}
    assert where[0] == pytest.approx(100, abs=1) and where[1] == pytest.approx(500, abs=1)
    assert len(where) == 2


def test_a_fast_person_is_followed_where_the_boxes_no_longer_overlap() -> None:
    """Ten frames a second, 60 pixels a frame, boxes 40 wide: only the velocity keeps the id."""
    tracker = Tracker(TrackerOptions(search=0.0))
    for i in range(9):
        width = 200.0 if i < 3 else 40.0
        found = box_at(60 + 60 * i, width=width)
        step(tracker, i * SECOND // 10, [found], {0: found})
    assert states(tracker) == {0: TrackState.TRACKED}


def test_two_tracks_of_one_person_become_one() -> None:
    """The one found later was never seen apart from the other, so it ends; two who were known
    apart may hide each other, so the one waits for its time."""
    tracker = Tracker(TrackerOptions(search=0.0))
    step(tracker, 0, [box_at(200), box_at(300)], {0: box_at(200), None: box_at(202)})
    assert states(tracker) == {0: TrackState.NEW} and tracker.lost == ()
    tracker = Tracker(TrackerOptions(search=0.0, prediction_timeout=0.5))
    pair = [box_at(200), box_at(300)]
    for i in range(3):
        step(tracker, i * FRAME, pair)
    assert sorted(states(tracker)) == [0, 1]
    ended = []
    for i in range(3, 20):
        step(tracker, i * FRAME, [box_at(200)], {0: box_at(200), 1: box_at(202)})
        ended += [(i, t.id) for t in tracker.lost]
        assert states(tracker)[0] is TrackState.TRACKED
        if not ended:
            assert states(tracker)[1] is TrackState.PREDICTED
    # Hidden from frame 3 on, and more than 0.5 s are 13 frames.
    assert ended == [(16, 1)]


def test_track_and_detector_meet_half_way_unless_they_disagree_or_the_detector_binds() -> None:
    for binding, elsewhere, used in (
        (False, 306.0, 303.0),
        (False, 345.0, 345.0),
        (True, 306.0, 306.0),
    ):
        tracker = Tracker(TrackerOptions(search=0.0), binding)
        step(tracker, 0, [box_at(300)])
        tracker.begin(FRAME)
        tracker.search([box_at(elsewhere, score=0.4)])
        (place,) = tracker.places
        np.testing.assert_allclose(as_rows([place.box]), as_rows([box_at(used)]), atol=0.01)
        assert place.owner == 0 and place.found == box_at(elsewhere, score=0.4)
        seen = body_in(place.box)
        tracker.identify(sights_of([seen], [0]), seen[None], 640, 480)
        assert tracker.tracks[0].box.score == 0.4


def test_a_biased_body_is_followed_with_the_detectors_margins() -> None:
    """The body is always seen 20 pixels right of the person and a fifth too small; boxes fit all
    the same.
    """
    tracker = Tracker(TrackerOptions(search=9.0, check=9.0))
    for i in range(30):
        truth = box_at(200 + 3 * i)
        body = box_at(220 + 3 * i, width=64, height=160)
        step(tracker, i * FRAME, [truth], {0: body, None: body})
        if i > 4:
            error = as_rows([tracker.tracks[0].box]) - as_rows([truth])
            assert np.abs(error).max() < 3.0, i


def test_a_body_that_only_echoes_its_crop_stays_where_it_was_found() -> None:
    """A regressor that knows nothing returns the same body for every crop, shrunk and off
    centre.
    """
    tracker = Tracker(TrackerOptions(search=9.0, check=9.0))
    for i in range(60):
        look = tracker.begin(i * FRAME)
        if look is Look.SEARCH:
            tracker.search([box_at(300)])
        elif look is Look.CHECK:
            tracker.check([box_at(300)])
        else:
            tracker.skip()
        box = tracker.places[0].box
        w, h = box.x1 - box.x0, box.y1 - box.y0
        echo = box_at((box.x0 + box.x1) / 2 + 0.1 * w, (box.y0 + box.y1) / 2, 0.8 * w, 0.9 * h)
        seen = body_in(echo)
        tracker.identify(sights_of([seen], [0]), seen[None], 640, 480)
    np.testing.assert_allclose(as_rows([tracker.tracks[0].box]), as_rows([box_at(300)]), atol=0.5)


def test_a_body_elsewhere_than_its_box_calls_for_a_search() -> None:
    tracker = Tracker(TrackerOptions(search=5.0, check=5.0))
    for i in range(5):
        step(tracker, i * FRAME, [box_at(300)])
    step(tracker, 5 * FRAME, [], {0: box_at(390)})
    assert tracker.tracks[0].drifting
    assert step(tracker, 6 * FRAME, [box_at(390)]) is Look.SEARCH
    assert not tracker.tracks[0].drifting


def test_an_empty_room_is_searched_ten_times_a_second() -> None:
    tracker = Tracker(TrackerOptions(hurry=0.1))
    looks = [step(tracker, i * SECOND // 50, []) for i in range(50)]
    assert looks.count(Look.SEARCH) == 10 and looks[0] is Look.SEARCH


def test_stamps_that_jump_back_or_stand_still() -> None:
    tracker = Tracker()
    for i in range(3):
        step(tracker, 10 * SECOND + i * FRAME, [box_at(300)])
    assert step(tracker, 5 * SECOND, [box_at(300)]) is Look.SEARCH
    assert [t.id for t in tracker.lost] == [0]
    assert states(tracker) == {1: TrackState.NEW}
    assert step(tracker, 5 * SECOND, [box_at(300)]) is Look.SEARCH
    assert states(tracker) == {1: TrackState.TRACKED}


def test_a_person_who_leaves_the_picture_ends() -> None:
    tracker = Tracker()
    for i in range(3):
        step(tracker, i * FRAME, [box_at(600)])
    step(tracker, 3 * FRAME, [], {0: box_at(800)})
    assert states(tracker) == {} and [t.id for t in tracker.lost] == [0]


def test_ids_go_on_after_everybody_was_forgotten() -> None:
    tracker = Tracker()
    step(tracker, SECOND, [box_at(100), box_at(400)])
    assert sorted(states(tracker)) == [0, 1]
    tracker.reset()
    assert tracker.tracks == () and tracker.lost == ()
    step(tracker, SECOND, [box_at(100)])
    assert sorted(states(tracker)) == [2]


def test_a_crowd_is_cut_at_the_largest_and_known_people_stay() -> None:
    tracker = Tracker(TrackerOptions(search=0.0, max_people=2))
    small, middle, large = box_at(100, width=40), box_at(300, width=60), box_at(500, width=90)
    step(tracker, 0, [small, middle, large])
    assert tracker.crowded == 1
    assert {round(t.box.x0 + t.box.x1) for t in tracker.tracks} == {600, 1000}
    # A newcomer half as large again does not push out somebody who is known.
    step(tracker, FRAME, [middle, large, box_at(100, width=85)])
    assert {round(t.box.x0 + t.box.x1) for t in tracker.tracks} == {600, 1000}
    step(tracker, 2 * FRAME, [middle, large])
    assert tracker.crowded == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-1, 40),
            st.lists(st.tuples(st.integers(20, 620), st.integers(30, 200)), max_size=4),
        ),
        max_size=25,
    )
)
def test_ids_are_never_reused_and_the_same_input_gives_the_same_output(steps: list) -> None:
    def run() -> list[dict[int, tuple[TrackState, Box]]]:
        tracker, stamp, seen = Tracker(), SECOND, []
        ended: set[int] = set()
        for frames, people in steps:
            stamp += frames * FRAME
            step(tracker, stamp, [box_at(x, width=w, height=2 * w) for x, w in people])
            alive = {t.id for t in tracker.tracks}
            assert len(alive) == len(tracker.tracks)
            assert not alive & ended
            ended |= {t.id for t in tracker.lost}
            assert all(t.state is TrackState.LOST for t in tracker.lost)
            seen.append({t.id: (t.state, t.box) for t in tracker.tracks})
        return seen

    assert run() == run()


def test_ids_go_on_where_another_tracker_ended() -> None:
    first = Tracker(TrackerOptions())
    step(first, 0, [box_at(100), box_at(500)])
    assert set(states(first)) == {0, 1} and first.next_id == 2
    second = Tracker(TrackerOptions(), next_id=first.next_id)
    step(second, 0, [box_at(300)])
    assert set(states(second)) == {2}
