"""Topics that come and go with people: REP-155's /humans/bodies/<id>/... and /humans/faces/<id>/..."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from pear_ros.live.graph import RESULT, Graph, Level, Publisher, Qos
from pear_ros.messages import foreign
from pear_ros.messages.frames import Axes
from pear_ros.messages.names import BODIES, FACES, MATCHES, TRACKED, Naming
from pear_ros.messages.rep155 import BODY_TOPICS, FACE_TOPICS, rep155, tracked
from pear_ros.problems import PearError
from pear_ros.types import HumanFrame

ASKED_EVERY = 0.2
"""Seconds for which the answer holds whether somebody listens."""
_PASSING = Qos(depth=RESULT.depth, tunable=False)
"""For the topics of one person."""


class PeopleTopics:
    """The lists of ids always, the topics of a person while somebody listens to any of them.

    Without hri_msgs in the graph's environment nothing is offered, and one line says so.
    """

    def __init__(self, graph: Graph, naming: Naming, expression_names: Sequence[str]) -> None:
        self._graph, self._naming, self._names = graph, naming, expression_names
        self._fixed: dict[str, Publisher] = {}
        self._of_person: dict[int, dict[str, Publisher]] = {}
        self._available = True
        self._asked, self._heard = -math.inf, False

    def _open(self) -> None:
        for topic, kind in (
            (f"{BODIES}/{TRACKED}", foreign.IDS_LIST),
            (f"{FACES}/{TRACKED}", foreign.IDS_LIST),
            (MATCHES, foreign.IDS_MATCH),
        ):
            try:
                self._fixed[topic] = self._graph.advertise(topic, kind, RESULT)
            except PearError as error:
                self._available = False
                self._graph.log(Level.INFO, f"no REP-155 topics: {error}")
                return

    def publish(self, frame: HumanFrame, axes: Axes | None = None) -> None:
        """Everything REP-155 wants that somebody listens to; axes: where they are known already."""
        if not self._fixed and self._available:
            self._open()
        if not self._available:
            return
        self._follow(frame)
        listening = self._listened()
        messages = (
            rep155(frame, self._naming, self._names, known=axes)
            if listening
            else tracked(frame, self._naming, axes)
        )
        places = dict(self._fixed)
        for topics in self._of_person.values() if listening else ():
            places.update(topics)
        for message in messages:
            publisher = places.get(message.topic)
            if publisher is not None:
                publisher.publish(message.data)

    def _listened(self) -> bool:
        """Whether somebody listens to any of the people's topics; asked now and then, since it takes
        a question per topic."""
        now = time.monotonic()
        if now - self._asked >= ASKED_EVERY:
            topics = [t for topics in self._of_person.values() for t in topics.values()]
            self._asked = now
            self._heard = any(t.subscribers for t in (self._fixed[MATCHES], *topics))
        return self._heard

    def close(self) -> None:
        for topics in (self._fixed, *self._of_person.values()):
            for publisher in topics.values():
                publisher.close()
        self._fixed, self._of_person = {}, {}

    def _follow(self, frame: HumanFrame) -> None:
        """Offers the topics of new people, withdraws those of people who have gone."""
        present = {human.track_id for human in frame.humans}
        for track_id in set(self._of_person) - present:
            for publisher in self._of_person.pop(track_id).values():
                publisher.close()
        for track_id in sorted(present - set(self._of_person)):
            self._asked = -math.inf
            topics = {self._naming.body_topic(track_id, n): kind for n, kind in BODY_TOPICS.items()}
            topics |= {
                self._naming.face_topic(track_id, n): kind for n, kind in FACE_TOPICS.items()
            }
            self._of_person[track_id] = {
                topic: self._graph.advertise(topic, kind, _PASSING)
                for topic, kind in topics.items()
            }
