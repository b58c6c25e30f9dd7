"""Who is who from frame to frame: stable ids, track states, and where each person's next box comes
from.

Between detector calls a track lives on the box of its own projected body. Who a body belongs to is
decided after it was regressed, by place, pose, shape and colours (`memory`); somebody whom another
person hides is carried on (`trail`) and known again afterwards. A pure state machine: what it
returns depends only on the calls made before, and time is the stamps of the frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pear_core.anatomy import BODY_JOINTS
from pear_ros.perception import boxes
from pear_ros.perception.frozen import altered
from pear_ros.perception.tracking import claims, doubles, follow, memory
from pear_ros.perception.tracking.associate import assign
from pear_ros.perception.tracking.memory import Sights
from pear_ros.perception.tracking.tracks import Look, Place, Track, TrackerOptions
from pear_ros.perception.tracking.trail import SPAN, Point, Trail, centre
from pear_ros.types import Box, FloatArray, TrackState

__all__ = ["Look", "Place", "Track", "Tracker", "TrackerOptions"]

Array = NDArray[np.float64]
_TORSO = [BODY_JOINTS.index(f"{side}_{part}") for side in ("left", "right")
          for part in ("shoulder", "hip")]  # fmt: skip


MADE_OF_OTHERS = 0.5
"""Share of a new box inside known people from which the detector has to say it twice: of two people
who pass each other it often makes a third."""
PACES = (1.0, 0.0, 1.4)
"""Where somebody hidden may be, in parts of the way expected."""
MERGED = 0.4
"""Overlap (IoU) with somebody else's detection from which a person may be in it as well."""
EAGER = 1.0
"""Seconds after a track has ended in which the detector searches in a hurry."""
STAY = 2.0
"""How many times larger a stranger must be to take a known person's place in a crowd."""


class Tracker:
    """Turns detections and projected bodies into tracks with ids that are never given twice.

    Per frame: `begin`, then one of `skip`, `check` and `search` with what the detector said, then
    `identify` with the bodies regressed in `places`.
    """

    def __init__(
        self, options: TrackerOptions | None = None, binding: bool = False, next_id: int = 0
    ) -> None:
        """binding: tracks take the detector's boxes as they are (see `detect.Policy`)."""
        self.options = options or TrackerOptions()
        self.binding = binding
        self.lost: tuple[Track, ...] = ()
        """Tracks that ended in the present frame, state LOST."""
        self.crowded = 0
        """People of the present frame who were left out because there are too many."""
        self.next_id = next_id
        self.reset()

    def reset(self) -> None:
        """Forgets everybody, but not which ids were given."""
        self.tracks: tuple[Track, ...] = ()
        self.places: tuple[Place, ...] = ()
        self.lost, self.crowded = (), 0
        self._stamp = self._before = self._searched_at = self._looked_at = 0
        self._ended_at = -round(EAGER * 1e9)
        self._started, self._turn = False, 0
        self._suspected: list[Box] = []
        self._suspects: list[Box] = []

    def begin(self, stamp: int) -> Look:
        """Moves the tracks on to a frame's stamp (nanoseconds) and says how to look at the frame.

        Stamps that jump back (a bag that starts over) end all tracks. After a gap longer than the
        prediction timeout everybody has to be known again.
        """
        step = (stamp - self._stamp) * 1e-9
        self._before, self._stamp = self._stamp, stamp
        since_search, since_look = (
            (stamp - self._searched_at) * 1e-9,
            (stamp - self._looked_at) * 1e-9,
        )
        self.lost, self.places, self.crowded = (), (), 0
        if step < 0:
            self._end(self.tracks)
        if not self._started or step <= 0:
            self._started = True
            return Look.SEARCH
        gap = step > self.options.prediction_timeout
        self.tracks = tuple(self._moved(t, gap) for t in self.tracks)
        urgent = not self.tracks or gap or any(t.doubtful for t in self.tracks)
        urgent = urgent or stamp - self._ended_at < EAGER * 1e9
        if since_search >= (
            min(self.options.hurry, self.options.search) if urgent else self.options.search
        ):
            return Look.SEARCH
        if not self.tracks:
            return Look.NONE
        fresh = any(t.detections < 2 or t.denied or t.drifting for t in self.tracks)
        doubt = any(t.doubtful for t in self.tracks)
        period = min(self.options.hurry, self.options.check) if doubt else self.options.check
        return Look.CHECK if fresh or since_look >= period else Look.NONE

    def skip(self) -> None:
        """The detector did not look: everybody is where they were heading."""
        self._set([self._probe(t) for t in self.tracks])

    def check(self, answers: Sequence[Box | None]) -> None:
        """Takes what the detector found at each track's box, in their order; None: nobody."""
        self._looked_at = self._stamp
        found = doubles.nearest(
            answers, boxes.as_rows([t.box for t in self.tracks]), self.options.agree
        )
        self.tracks = tuple(
            self._missed(t) if box is None else altered(t, denied=False)
            for t, box in zip(self.tracks, answers, strict=True)
        )
        self._set([
            self._probe(t) if box is None else self._met(t, box)
            for t, box in zip(self.tracks, found, strict=True)
        ])  # fmt: skip

    def search(self, detections: Sequence[Box]) -> None:
        """Takes everybody whom the detector found in the picture."""
        self._looked_at = self._searched_at = self._stamp
        self._suspected, self._suspects = self._suspects, []
        overlaps = boxes.iou(boxes.as_rows([t.box for t in self.tracks]), boxes.as_rows(detections))
        pairs = dict(assign(1.0 - overlaps, 1.0 - self.options.match + 1e-9))
        merged = overlaps.max(axis=1, initial=0.0) >= MERGED
        self.tracks = tuple(
            altered(t, denied=False) if i in pairs or (merged[i] and t.proven) else self._missed(t)
            for i, t in enumerate(self.tracks)
        )
        places = [
            self._met(t, detections[pairs[i]]) if i in pairs else self._probe(t)
            for i, t in enumerate(self.tracks)
        ]
        taken = set(pairs.values())
        places += [Place(b, None, b) for j, b in enumerate(detections) if j not in taken]
        self._set(places)

    def drop(self, places: Sequence[int]) -> None:
        """Takes back places in which nothing can be regressed; their people have left."""
        gone = {self.places[i].owner for i in places}
        self.places = tuple(p for i, p in enumerate(self.places) if i not in set(places))
        self._end([t for t in self.tracks if t.id in gone])

    def nobody(self) -> None:
        """There was nothing to regress."""
        nowhere = np.zeros((0, 145, 2), np.float32)
        self.identify(memory.none(), nowhere, 0, 0)

    def identify(
        self, sights: Sights, keypoints: FloatArray, width: int, height: int
    ) -> list[int | None]:
        """Ids of the bodies regressed in `places`, in their order; None: seen twice, or a stranger
        in somebody's place.

        keypoints (N, J, 2): all projected key points in pixels, of a width x height picture. Tracks
        end here, new ones begin.
        """
        scores = [p.box.score for p in self.places]
        bodies = [boxes.clip(b, width, height) for b in follow.body_boxes(keypoints, scores)]
        torsos = sights.keypoints[:, _TORSO].mean(axis=1).tolist()
        inside = [b.x1 > b.x0 and b.y1 > b.y0 for b in bodies]
        kept = self._distinct(sights, inside)
        owners = self._owners(sights, kept)
        ids: list[int | None] = [None] * len(bodies)
        by_id = {t.id: t for t in self.tracks}
        after: list[Track] = []
        seen: set[int] = set()
        for k in kept:
            place, track = self.places[k], by_id.get(owners.get(k, -1))
            if track is None and (place.owner is not None or place.found is None):
                continue
            if track is None:
                if self._suspect(place.box, [bodies[j] for j in kept if owners.get(j) in by_id]):
                    continue
                track = self._begun(place.box)
            ids[k] = track.id
            seen.add(track.id)
            torso = centre(bodies[k]) if self.binding else (torsos[k][0], torsos[k][1])
            after.append(self._seen(track, k, bodies[k], torso, sights, (width, height)))
        left = {self.places[k].owner for k in range(len(bodies)) if not inside[k]} - seen
        rest = [t for t in self.tracks if t.id not in seen]
        order = {t.id: i for i, t in enumerate(self.tracks)}
        after += [
            altered(self._doubted(t, self._stamp), hidden=True, state=TrackState.PREDICTED)
            for t in rest
        ]
        self.tracks = tuple(sorted(after, key=lambda t: order.get(t.id, t.id + len(order))))
        self._end([t for t in self.tracks if t.id in left or self._over(t)])
        alive = {t.id for t in self.tracks}
        return [i if i in alive else None for i in ids]

    def track(self, track_id: int) -> Track:
        """A living track by its id."""
        return next(t for t in self.tracks if t.id == track_id)

    def _suspect(self, box: Box, known: Sequence[Box]) -> bool:
        """Whether a detection may be made of known people: mostly theirs, and not said twice."""
        row = boxes.as_rows([box])
        share = boxes.intersection(row, boxes.as_rows(known)).sum() / max(boxes.area(row)[0], 1e-9)
        if share < MADE_OF_OTHERS:
            return False
        self._suspects.append(box)
        before = boxes.iou(row, boxes.as_rows(self._suspected))
        return not bool((before > 0.5).any())

    def _begun(self, box: Box) -> Track:
        self.next_id += 1
        stamp, trail = self._stamp, Trail.begun(self._stamp, centre(box))
        return Track(self.next_id - 1, TrackState.NEW, box, 0, stamp, box, trail, box)

    def _met(self, track: Track, box: Box) -> Place:
        """Where to look at a track that the detector has confirmed."""
        if self.binding or track.body is None or track.hidden:
            return Place(box, track.id, box)
        overlap = boxes.overlap(track.box, box)
        return Place(
            follow.mean(track.box, box) if overlap >= self.options.agree else box, track.id, box
        )

    def _set(self, places: list[Place]) -> None:
        """Places to regress: nobody twice, not too many."""
        if self.binding:
            places = [p for p in places if p.found is not None]
        spare = len(places) - self.options.max_people
        if spare > 0:
            rows = boxes.as_rows([p.box for p in places])
            known = np.array([p.owner is not None for p in places])
            size = boxes.area(rows) * np.where(known, STAY, 1.0)
            out = set(np.argsort(size, kind="stable")[:spare].tolist())
            gone = {p.owner for i, p in enumerate(places) if i in out}
            places = [p for i, p in enumerate(places) if i not in out]
            self._end([t for t in self.tracks if t.id in gone])
            self.crowded = spare
        self.places = tuple(places)

    def _moved(self, track: Track, gap: bool) -> Track:
        """The track where its person should be now."""
        if track.hidden or gap:
            # From where the person was seen clearly last: half a view is often drawn to whoever
            # stands in front.
            x, y = claims.way(track, self._stamp)
            box = _scored(follow.shifted(track.anchor, x, y), track.box.score)
            return altered(self._doubted(track, self._before), hidden=True, box=box)
        if track.body is None:
            return track
        body = track.body if track.surround is None else track.surround.around(track.body)
        seconds = (self._stamp - track.seen_at) * 1e-9
        box = follow.moved(body, track.trail.velocity, seconds)
        return altered(track, box=_scored(box, track.box.score))

    def _missed(self, track: Track) -> Track:
        """The track after the detector found nobody there."""
        return altered(self._doubted(track, self._stamp), denied=True)

    def _doubted(self, track: Track, stamp: int) -> Track:
        """The track, whose person a picture did not show at a stamp."""
        return track if track.doubted_at is not None else altered(track, doubted_at=stamp)

    def _distinct(self, sights: Sights, inside: Sequence[bool]) -> dict[int, list[int]]:
        """Bodies that show different people, with their doubles; the better founded ones stay."""
        if self.binding:
            return {k: [k] for k in range(len(sights))}
        tracks = {t.id: t for t in self.tracks}

        def standing(k: int) -> tuple[bool, bool, bool, int]:
            place = self.places[k]
            track = None if place.owner is None else tracks[place.owner]
            if track is None or track.hidden:
                return True, track is None, place.found is None, k
            return False, not track.proven, place.found is None, k

        order = sorted((k for k in range(len(sights)) if inside[k]), key=standing)
        return doubles.distinct(sights.keypoints, sights.side, order, self.options.same)

    def _owners(self, sights: Sights, kept: dict[int, list[int]]) -> dict[int, int]:
        """Place -> id of the known person whose body it shows."""
        own = {k: owner for k in kept if (owner := self.places[k].owner) is not None}
        usual = len(own) == len(kept) == len(self.tracks)
        calm = all(sights.clear[k] for k in kept) and not any(t.doubtful for t in self.tracks)
        if self.binding or (usual and calm):
            return own
        wanted = [{self.places[k].owner for k in group} for group in kept.values()]
        chosen = list(kept)
        known = claims.settled(self.tracks, memory.picked(sights, chosen), wanted, self._stamp)
        return {chosen[column]: track_id for column, track_id in known.items()}

    def _probe(self, track: Track) -> Place:
        """Where to look for a track that the detector has not confirmed in this frame.

        Who is hidden has gone on, or stopped, or gone faster: the frames ask in turn.
        """
        box = track.box
        if track.hidden:
            x, y = claims.way(track, self._stamp)
            self._turn = (self._turn + 1) % len(PACES)
            box = follow.shifted(track.anchor, PACES[self._turn] * x, PACES[self._turn] * y)
        return Place(_scored(box, track.box.score), track.id)

    def _seen(
        self, track: Track, k: int, body: Box, torso: Point, sights: Sights, size: tuple[int, int]
    ) -> Track:
        """A track after a body was found to be its person's."""
        place, stamp = self.places[k], self._stamp
        cropped = boxes.clip(place.box, *size)
        surround = track.surround if place.owner == track.id else None
        trail, anchor, found, jumped = track.trail, track.anchor, place.found, False
        if found is not None:
            if self.binding or track.body is None or place.box == found:
                surround, jumped = None, track.detections > 0
            # Between the box that was cropped and the body seen in it, whatever the detector said:
            # so a body that merely echoes its crop stays where it is.
            latest = follow.Surround.between(cropped, body)
            surround = latest if surround is None else surround.mixed(latest)
        anchored = bool(sights.clear[k]) or stamp - trail.stamps[-1] > 2 * SPAN * 1e9
        if self.binding:
            if found is not None:
                trail = trail.extended(stamp, centre(found))
        elif track.memory is None or place.owner != track.id:
            trail = Trail.begun(stamp, torso)
        elif anchored and not jumped:
            trail = trail.extended(stamp, torso)
        elif anchored and found is not None:
            # The jump to the detector's box is no motion; that of its boxes is.
            known = len(trail.stamps) > 2
            trail = trail.corrected(stamp, torso) if known else track.led(found, stamp, torso)
        if anchored:
            anchor = place.box
        followed = body if surround is None else surround.around(body)
        overlap = boxes.overlap(cropped, followed)
        # Where two people overlap the detector often finds one, which says nothing of the other.
        denied = track.denied and found is None and bool(sights.clear[k] or not track.proven)
        return Track(
            id=track.id,
            state=self._state(track, denied),
            box=place.box if found is None else _scored(place.box, found.score),
            detections=track.detections + (found is not None),
            detected_at=track.detected_at if found is None else stamp,
            detection=track.detection if found is None else found,
            trail=trail,
            anchor=anchor,
            denied=denied,
            hidden=False,
            doubted_at=track.doubted_at if denied else None,
            body=None if self.binding else body,
            surround=surround,
            drifting=not self.binding and overlap < self.options.drift,
            memory=memory.begun(sights, k, stamp)
            if track.memory is None
            else memory.learned(
                track.memory, sights, k, stamp, anchored, track.hidden, trail.velocity
            ),
        )

    def _state(self, track: Track, denied: bool) -> TrackState:
        if denied:
            return TrackState.PREDICTED
        return TrackState.NEW if track.memory is None else TrackState.TRACKED

    def _over(self, track: Track) -> bool:
        """Whether a track ends."""
        if track.doubted_at is None:
            return False
        doubted = (self._stamp - track.doubted_at) * 1e-9
        # Who was never seen apart from others and now is another's body gets little time.
        young = track.hidden and not track.proven
        if doubted > (self.options.hurry if young else self.options.prediction_timeout):
            return True
        # One single detection that the next look does not confirm was a false alarm.
        return track.denied and self._looked_at == self._stamp and track.detections < 2

    def _end(self, ended: Sequence[Track]) -> None:
        ids = {t.id for t in ended}
        self.tracks = tuple(t for t in self.tracks if t.id not in ids)
        self.lost += tuple(altered(t, state=TrackState.LOST) for t in ended)
        if ended:
            self._ended_at = self._stamp


def _scored(box: Box, score: float) -> Box:
    """A box with another score."""
    return box if box.score == score else altered(box, score=score)
