"""Who is who from frame to frame: stable ids, track states, and where each person's next box comes
from.

Between detector calls a track lives on the box of its own projected body. A pure state machine:
what it returns depends only on the calls made before, and time is the stamps of the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from pear_core import anatomy
from pear_ros.perception import boxes, follow
from pear_ros.types import Box, FloatArray, TrackState

_BODY = slice(0, len(anatomy.BODY_JOINTS))


class Look(IntEnum):
    """Where the detector should look: nowhere, where people are believed to be, or everywhere."""

    NONE = 0
    CHECK = 1
    SEARCH = 2


@dataclass(frozen=True)
class TrackerOptions:
    """Thresholds of the tracker; times are seconds of frame stamps, overlaps are IoU.

    timeout: how long a person may go undetected before the track ends. search, check: how often to
    look everywhere and at the known people (see `detect.Policy`). hurry: how often to search while
    nobody is known or somebody is missed. match: least overlap of a detection with the track it
    confirms. agree: overlap from which track and detector meet half way, so that crops do not jump;
    below it the detector is right. drift: overlap of the box that was cropped and the one around
    the body found in it, under which the detector is asked. same: mean distance of two tracks' body
    joints, over the side of their box, under which they are one person seen twice.
    """

    timeout: float = 0.8
    search: float = 0.35
    check: float = 0.35
    hurry: float = 0.2
    match: float = 0.2
    agree: float = 0.7
    drift: float = 0.4
    same: float = 0.08


@dataclass(frozen=True)
class Track:
    """One person: the box to crop in the present frame and its memory.

    box: its score is the last detection's. detections: how often a detector has confirmed the
    person, detected_at and detection the stamp (nanoseconds) and the box of the last time. body:
    box of the last projected body, body_at its stamp, velocity of its centre in pixels per second.
    surround: how the detector's boxes lie around the body's. drifting: the last body did not fit
    the box it was found in.
    """

    id: int
    state: TrackState
    box: Box
    detections: int
    detected_at: int
    detection: Box
    body: Box | None = None
    body_at: int = 0
    velocity: tuple[float, float] = (0.0, 0.0)
    surround: follow.Surround | None = None
    drifting: bool = False

    @property
    def doubtful(self) -> bool:
        """Somebody should search for this person."""
        return self.drifting or self.state is TrackState.PREDICTED


class Tracker:
    """Turns detections and projected bodies into tracks with ids that are never given twice.

    Per frame: `begin`, then one of `skip`, `check` and `search` with what the detector said, then
    `observe` with the bodies regressed in the boxes of the tracks.
    """

    def __init__(self, options: TrackerOptions | None = None, binding: bool = False) -> None:
        """binding: tracks take the detector's boxes as they are (see `detect.Policy`)."""
        self.options = options or TrackerOptions()
        self.binding = binding
        self.tracks: tuple[Track, ...] = ()
        self.lost: tuple[Track, ...] = ()
        """Tracks that ended in the present frame, state LOST."""
        self._next_id = 0
        self._stamp = self._searched_at = self._looked_at = 0
        self._started = False

    def begin(self, stamp: int) -> Look:
        """Moves the tracks on to a frame's stamp (nanoseconds) and says how to look at the frame.

        Stamps that jump back (a bag that starts over) end all tracks.
        """
        step, self._stamp = (stamp - self._stamp) * 1e-9, stamp
        since_search, since_look = (
            (stamp - self._searched_at) * 1e-9,
            (stamp - self._looked_at) * 1e-9,
        )
        self.lost = ()
        if step < 0:
            self._end(self.tracks)
        if not self._started or step <= 0:
            self._started = True
            return Look.SEARCH
        self.tracks = tuple(self._moved(t) for t in self.tracks)
        urgent = (
            not self.tracks or step > self.options.timeout or any(t.doubtful for t in self.tracks)
        )
        if since_search >= (
            min(self.options.hurry, self.options.search) if urgent else self.options.search
        ):
            return Look.SEARCH
        if not self.tracks:
            return Look.NONE
        fresh = any(t.detections < 2 for t in self.tracks)
        return Look.CHECK if fresh or urgent or since_look >= self.options.check else Look.NONE

    def skip(self) -> None:
        """The detector did not look: everybody is where they were heading."""
        self.tracks = tuple(
            t if t.state is TrackState.PREDICTED else replace(t, state=TrackState.TRACKED)
            for t in self.tracks
        )

    def check(self, answers: Sequence[Box | None]) -> None:
        """Confirms the tracks, in their order, or finds them missing."""
        self._looked_at = self._stamp
        kept: list[Track] = []
        ended: list[Track] = []
        for track, box in zip(self.tracks, answers, strict=True):
            if box is not None:
                overlap = boxes.iou(boxes.as_rows([track.box]), boxes.as_rows([box]))[0, 0]
                kept.append(self._confirmed(track, box, float(overlap)))
            elif self._stale(track):
                ended.append(track)
            else:
                kept.append(replace(track, state=TrackState.PREDICTED))
        self.tracks = tuple(kept)
        self._end(ended)

    def search(self, detections: Sequence[Box]) -> None:
        """Confirms, starts and ends tracks."""
        self._looked_at = self._searched_at = self._stamp
        pairs = associate(self.tracks, detections, self.options.match)
        kept: list[Track] = []
        ended: list[Track] = []
        for i, track in enumerate(self.tracks):
            if i in pairs:
                kept.append(self._confirmed(track, detections[pairs[i][0]], pairs[i][1]))
            elif track.detections < 2 or self._stale(track):
                # One single detection that the next search does not confirm was a false alarm.
                ended.append(track)
            else:
                kept.append(replace(track, state=TrackState.PREDICTED))
        taken = {j for j, _ in pairs.values()}
        for j, box in enumerate(detections):
            if j not in taken:
                kept.append(Track(self._next_id, TrackState.NEW, box, 1, self._stamp, box))
                self._next_id += 1
        self.tracks = tuple(kept)
        self._end(ended)

    def _confirmed(self, track: Track, box: Box, overlap: float) -> Track:
        if not self.binding and track.body is not None and overlap >= self.options.agree:
            track = replace(track, box=follow.mean(track.box, box))
        else:
            # The jump to the detector's box is no motion; that of its boxes is.
            velocity = self._velocity(track, track.detection, box, track.detected_at)
            track = replace(track, box=box, body=None, velocity=velocity, surround=None)
        return replace(
            track,
            state=TrackState.TRACKED,
            box=replace(track.box, score=box.score),
            detection=box,
            detections=track.detections + 1,
            detected_at=self._stamp,
            drifting=False,
        )

    def _moved(self, track: Track) -> Track:
        """The track at its last body, moved on by its velocity."""
        if track.body is None:
            return track
        body = track.body if track.surround is None else track.surround.around(track.body)
        box = follow.moved(body, track.velocity, (self._stamp - track.body_at) * 1e-9)
        return replace(track, box=replace(box, score=track.box.score))

    def _velocity(self, track: Track, old: Box, new: Box, since: int) -> tuple[float, float]:
        """Mean of the remembered velocity and a step's; the remembered one if it took too long."""
        seconds = (self._stamp - since) * 1e-9
        if not 0.0 < seconds <= self.options.timeout:
            return track.velocity
        vx, vy = follow.velocity_between(old, new, seconds)
        return 0.5 * (track.velocity[0] + vx), 0.5 * (track.velocity[1] + vy)

    def _stale(self, track: Track) -> bool:
        return self._stamp - track.detected_at > self.options.timeout * 1e9

    def observe(
        self, ids: Sequence[int], keypoints: Sequence[FloatArray], width: int, height: int
    ) -> None:
        """Takes people's projected key points (J, 2), pixels, as where to look in the next frame.

        Nothing to learn where the detector's boxes are binding.
        """
        if self.binding:
            return
        stamp = self._stamp
        found = dict(zip(ids, keypoints, strict=True))
        moved: list[Track] = []
        ended: list[Track] = []
        for track in self.tracks:
            points = found.get(track.id)
            if points is None:
                moved.append(track)
                continue
            box = boxes.clip(follow.body_box(points, track.box.score), width, height)
            if box.x1 <= box.x0 or box.y1 <= box.y0:
                ended.append(track)
                continue
            double = next(
                (t for t in moved if t.id in found and self._same(found[t.id], points, box)), None
            )
            if double is not None:
                ended.append(track)
                continue
            surround = track.surround
            seen = boxes.clip(track.box, width, height)
            if track.detected_at == stamp:
                # Between the box that was cropped and the body seen in it, whatever the detector
                # said: so a body that merely echoes its crop stays where it is.
                latest = follow.Surround.between(seen, box)
                surround = latest if surround is None else surround.mixed(latest)
            followed = box if surround is None else surround.around(box)
            overlap = boxes.iou(boxes.as_rows([seen]), boxes.as_rows([followed]))[0, 0]
            velocity = track.velocity
            if track.body is not None:
                velocity = self._velocity(track, track.body, box, track.body_at)
            moved.append(
                replace(
                    track,
                    body=box,
                    body_at=stamp,
                    velocity=velocity,
                    surround=surround,
                    drifting=bool(overlap < self.options.drift),
                )
            )
        self.tracks = tuple(moved)
        self._end(ended)

    def drop(self, ids: Sequence[int]) -> None:
        """Ends tracks whose box turned out to be unusable."""
        gone = [t for t in self.tracks if t.id in ids]
        self._end(gone)

    def _same(self, a: FloatArray, b: FloatArray, box: Box) -> bool:
        side = max(box.x1 - box.x0, box.y1 - box.y0)
        distance = np.linalg.norm(a[_BODY] - b[_BODY], axis=1).mean()
        return bool(distance < self.options.same * side)

    def _end(self, ended: Sequence[Track]) -> None:
        ids = {t.id for t in ended}
        self.tracks = tuple(t for t in self.tracks if t.id not in ids)
        self.lost += tuple(replace(t, state=TrackState.LOST) for t in ended)


def associate(
    tracks: Sequence[Track], detections: Sequence[Box], least: float
) -> dict[int, tuple[int, float]]:
    """Track index -> (detection index, overlap): largest overlap first, each used once."""
    overlaps = boxes.iou(boxes.as_rows([t.box for t in tracks]), boxes.as_rows(detections))
    order = np.argsort(-overlaps, axis=None, kind="stable")
    pairs: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for flat in order.tolist():
        i, j = divmod(flat, len(detections))
        if overlaps[i, j] < least:
            break
        if i not in pairs and j not in taken:
            pairs[i] = (j, float(overlaps[i, j]))
            taken.add(j)
    return pairs
