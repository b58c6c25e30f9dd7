"""People of a run of ours (a bag, an npz, a JSON file) as motions, one per track."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.exchange import motion_file
from pear_core.exchange.arrays import Arrays
from pear_core.exchange.motion import Motion, even_stamps
from pear_ros.messages import codec
from pear_ros.output.records import Records, read_npz
from pear_ros.output.records_json import read_json
from pear_ros.problems import PearError, Problems
from pear_ros.replay.bag import Bag
from pear_ros.so3 import axis_angle

_DIRECT = (
    "betas", "expression", "jaw_pose", "eye_pose", "eyelids", "flame_shape", "flame_expression",
    "head_scale",
)  # fmt: skip
_POSE = ("global_orient", "body_pose", "left_hand_pose", "right_hand_pose")
Row = dict[str, NDArray[np.floating]]


@dataclass(frozen=True)
class Recording:
    """Motions by track id, and what one should know about them."""

    people: dict[int, Motion]
    notes: tuple[str, ...] = ()


@dataclass
class _Track:
    stamps: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def read_recording(path: Path, topic: str | None, fps: float) -> Recording:
    """Everybody in a file of ours.

    topic: of the people in a bag; the likely one where None. fps: for people without stamps, as
    from pictures. Raises PearError.
    """
    if path.suffix == ".json":
        return _of_records(read_json(path), path, fps)
    if path.suffix == ".npz":
        arrays = Arrays.open(path)
        if motion_file.is_motion(arrays):
            motion = motion_file.decode(arrays)
            return Recording({motion.track_id: motion})
        return _of_records(read_npz(path), path, fps)
    return _of_bag(path, topic, fps)


def _of_records(records: Records, path: Path, fps: float) -> Recording:
    tracks: dict[int, _Track] = {}
    for frame in records.frames:
        for human in frame.humans:
            track = tracks.setdefault(human.track_id, _Track())
            own = human.parameters
            row: Row = {name: getattr(own, name)[0] for name in _DIRECT}
            row["rotations"] = axis_angle(own.rotations[0])
            row["transl"] = human.transl
            track.stamps.append(frame.stamp)
            track.rows.append(row)
    body = records.identity.get("body_model", "")
    return _recording(tracks, path, fps, body, records.expression_names, [])


def _of_bag(path: Path, topic: str | None, fps: float) -> Recording:
    problems = Problems()
    tracks: dict[int, _Track] = {}
    body = ""
    with Bag(path, problems) as bag:
        name = _people_topic(
            [t.name for t in bag.topics if t.type == codec.HUMAN_ARRAY], topic, path
        )
        names = _expression_names(bag)
        for raw in bag.messages({name}):
            message = codec.deserialize(raw.data, codec.HUMAN_ARRAY)
            time = message.header.stamp
            body = message.body_model
            for human in message.humans:
                track = tracks.setdefault(int(human.track_id), _Track())
                track.stamps.append(time.sec * 1_000_000_000 + time.nanosec)
                track.rows.append(_row(human))
    notes = [f"{count} faults in the bag ({kind})" for kind, count in problems.counts.items()]
    return _recording(tracks, path, fps, body, names, notes)


def _people_topic(found: Sequence[str], wanted: str | None, path: Path) -> str:
    names = ", ".join(found) or "none"
    if wanted is not None:
        name = "/" + wanted.strip("/")
        if name not in found:
            raise PearError(
                f"no people on {name}", where=str(path), expected=codec.HUMAN_ARRAY, found=names
            )
        return name
    if not found:
        raise PearError(
            "no people in this bag",
            where=str(path),
            expected=f"a topic of type {codec.HUMAN_ARRAY} (pear replay writes it)",
            found=names,
        )
    return "/humans" if "/humans" in found else found[0]


def _expression_names(bag: Bag) -> tuple[str, ...]:
    topics = {t.name for t in bag.topics if t.type == codec.BODY_MODEL}
    for raw in bag.messages(topics) if topics else ():
        names = codec.deserialize(raw.data, codec.BODY_MODEL).expression_names
        return tuple(str(name) for name in names)
    return ()


def _row(human: Any) -> Row:
    row: Row = {name: np.array(getattr(human, name)) for name in _DIRECT}
    pose = [np.asarray(getattr(human, name)) for name in _POSE]
    row["rotations"] = np.concatenate(pose).reshape(-1, 3)
    row["transl"] = np.array(human.transl)
    return row


def _recording(
    tracks: dict[int, _Track],
    path: Path,
    fps: float,
    body: str,
    names: Sequence[str],
    notes: list[str],
) -> Recording:
    if not tracks:
        raise PearError("nobody is in this file", where=str(path), expected="at least one person")
    people = {}
    for track_id, track in sorted(tracks.items()):
        rows = list(_timed(track, track_id, fps, notes))
        if not rows:
            continue
        arrays = {
            name: np.stack([row[name] for _, row in rows]).astype(np.float64) for name in rows[0][1]
        }
        people[track_id] = Motion(
            **arrays,
            stamps=np.array([stamp for stamp, _ in rows], np.int64),
            track_id=track_id,
            body=body,
            expression_names=tuple(names),
        )
    if not people:
        raise PearError("no usable frame", where=str(path), found="; ".join(notes))
    return Recording(people, tuple(notes))


def _timed(track: _Track, track_id: int, fps: float, notes: list[str]) -> Iterator[tuple[int, Row]]:
    """Usable rows in order of time, every stamp once."""
    stamps = track.stamps
    if len(stamps) > 1 and len(set(stamps)) == 1:
        stamps = even_stamps(len(stamps), fps).tolist()
        notes.append(f"person {track_id} has no time stamps: {fps:g} frames per second are assumed")
    last, dropped = None, 0
    for i in sorted(range(len(stamps)), key=stamps.__getitem__):
        row = track.rows[i]
        usable = all(np.isfinite(array).all() for array in row.values())
        if usable and stamps[i] != last:
            last = stamps[i]
            yield last, row
        else:
            dropped += 1
    if dropped:
        notes.append(f"person {track_id}: {dropped} frames left out (repeated stamp or no number)")
