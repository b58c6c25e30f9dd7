"""Ids of people: valid in topics and frames, another for a body and its face."""

from __future__ import annotations

import re

import pytest

from pear_ros.messages.names import Naming
from pear_ros.problems import PearError


def test_ids_topics_and_frames() -> None:
    naming = Naming("front_")
    assert (naming.body(7), naming.face(7)) == ("front_b7", "front_f7")
    assert Naming().body_topic(12, "roi") == "/humans/bodies/b12/roi"
    assert naming.face_topic(12, "roi") == "/humans/faces/front_f12/roi"


@pytest.mark.parametrize("track_id", [0, 1, 123456789])
def test_every_id_is_a_topic_token(track_id: int) -> None:
    # ROS 2 names: tokens of letters, digits and underscores that do not start with a digit.
    for one in (Naming().body(track_id), Naming().face(track_id)):
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", one)


@pytest.mark.parametrize("prefix", ["1", "_a", "a/b", "a-b", "ä", " "])
def test_prefixes_that_break_topics_are_refused(prefix: str) -> None:
    with pytest.raises(PearError, match="prefix"):
        Naming(prefix)
