"""Where frames were: a buffer of /tf and /tf_static, asked for the camera at a picture's stamp.

The rules are tf2's (REP-105 trees, linear interpolation of places, slerp of rotations, nothing
invented outside what was heard), in Python and without ROS, because both sides of the live
application need it. A test compares it with tf2's own buffer.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from pear_ros.live.pose import Pose, between, matrix
from pear_ros.messages.codec import CdrReader
from pear_ros.problems import PearError
from pear_ros.types import Reference

SECOND = 1_000_000_000
KEEP = 10 * SECOND
"""How far back every frame is remembered, nanoseconds before its own newest transform."""
FORGET = 60 * SECOND
"""A moving frame that was silent for so long is dropped: bodies come and go under new names."""
BACKWARDS = SECOND // 2
"""A transform older than its frame's newest one by more than this says that time was set back."""
TOLERANCE = SECOND // 20
"""The nearest transform stands for stamps that lie outside by at most this; no motion is guessed."""
UNIT = 0.01
"""How far the norm of a quaternion may be from 1."""


class Reason(Enum):
    """Why there is no transform."""

    UNKNOWN_FRAME = "unknown frame"
    NOT_CONNECTED = "not connected"
    TOO_OLD = "too old"
    TOO_NEW = "too new"


class TransformError(PearError):
    """There is no transform between two frames at a stamp; `reason` says which kind of failure."""

    def __init__(self, reason: Reason, what: str, *, where: str, expected: str, found: str) -> None:
        super().__init__(what, where=where, expected=expected, found=found)
        self.reason = reason


@dataclass(frozen=True)
class Stamped:
    """One transform of a message; stamp in nanoseconds."""

    stamp: int
    parent: str
    child: str
    pose: Pose


@dataclass
class _Edge:
    """What is known of one frame against its parents, ordered by stamp; one entry where static."""

    static: bool
    stamps: list[int] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)
    poses: list[Pose] = field(default_factory=list)

    def insert(self, new: Stamped) -> None:
        at = bisect_left(self.stamps, new.stamp)
        if at < len(self.stamps) and self.stamps[at] == new.stamp:
            return
        self.stamps.insert(at, new.stamp)
        self.parents.insert(at, new.parent)
        self.poses.insert(at, new.pose)
        # Cutting only now and then keeps an insertion cheap.
        if self.stamps[0] < self.stamps[-1] - 2 * KEEP:
            gone = bisect_left(self.stamps, self.stamps[-1] - KEEP)
            del self.stamps[:gone], self.parents[:gone], self.poses[:gone]

    def at(self, stamp: int, tolerance: int) -> tuple[str, Pose] | None:
        """Parent and pose; None where the stamp lies outside by more than the tolerance."""
        if self.static:
            return self.parents[-1], self.poses[-1]
        oldest, newest = self.stamps[0], self.stamps[-1]
        if not oldest - tolerance <= stamp <= newest + tolerance:
            return None
        after = bisect_right(self.stamps, stamp)
        if after == 0:
            return self.parents[0], self.poses[0]
        before = after - 1
        if after == len(self.stamps) or self.parents[before] != self.parents[after]:
            return self.parents[before], self.poses[before]
        part = (stamp - self.stamps[before]) / (self.stamps[after] - self.stamps[before])
        return self.parents[before], between(self.poses[before], self.poses[after], part)


class TransformBuffer:
    """Keeps ten seconds of transforms; may be fed and asked from different threads.

    tolerance: nanoseconds by which a stamp may lie outside what was heard (see TOLERANCE).
    """

    def __init__(self, tolerance: int = TOLERANCE) -> None:
        self.tolerance = tolerance
        self._edges: dict[str, _Edge] = {}
        self._newest = self._swept = 0
        self._changed = threading.Condition()

    def put(self, data: bytes | bytearray | memoryview, *, static: bool = False) -> None:
        """Take in a tf2_msgs/msg/TFMessage (CDR).

        Raises PearError: the bytes are no such message (then nothing of it is taken), or some of
        its transforms are impossible (not finite, no rotation, a loop); the others are taken.
        """
        faults = [fault for new in read_transforms(data) if (fault := self.add(new, static=static))]
        if faults:
            raise faults[0]

    def add(self, new: Stamped, *, static: bool = False) -> PearError | None:
        """Take in one transform; the fault is returned where it is impossible."""
        child, parent = new.child, new.parent
        where = f"transform {parent or '?'} -> {child or '?'}"
        numbers = (*new.pose.translation, *new.pose.rotation)
        if not child or not parent:
            return PearError("transform without a frame name", where=where)
        if not all(map(math.isfinite, numbers)):
            return PearError("transform is not finite", where=where, found=str(numbers))
        norm = math.hypot(*new.pose.rotation)
        if abs(norm - 1.0) > UNIT:
            return PearError("no rotation", where=where, expected="norm 1", found=f"norm {norm:g}")
        x, y, z, w = new.pose.rotation
        pose = Pose(new.pose.translation, (x / norm, y / norm, z / norm, w / norm))
        with self._changed:
            edge = self._edges.get(child)
            if not static and edge and not edge.static and new.stamp < edge.stamps[-1] - BACKWARDS:
                self._forget_moving()
                edge = None
            if self._leads_to(parent, child, new.stamp):
                return PearError("transform closes a loop", where=where)
            if edge is None or static or edge.static:
                edge = self._edges[child] = _Edge(static)
            edge.insert(Stamped(new.stamp, parent, child, pose))
            if not static and new.stamp > self._newest:
                self._newest = new.stamp
                self._sweep()
            self._changed.notify_all()
        return None

    def clear(self) -> None:
        """Forget what moves, as when time was set back; static transforms stay."""
        with self._changed:
            self._forget_moving()

    def lookup(self, target: str, source: str, stamp: int) -> Pose:
        """What takes points of frame `source` to frame `target` at a stamp in nanoseconds.

        Raises TransformError.
        """
        with self._changed:
            return self._lookup(_name(target), _name(source), stamp)

    def reference(self, frame_id: str, camera: str, stamp: int, wait: float = 0.0) -> Reference:
        """Where frame `camera` was in frame `frame_id` at a stamp in nanoseconds.

        wait: seconds to wait for a transform that is only late. Raises TransformError.
        """
        end = time.monotonic() + wait
        with self._changed:
            while True:
                try:
                    pose = self._lookup(_name(frame_id), _name(camera), stamp)
                    break
                except TransformError as error:
                    # Who was silent for a second will not speak within the next few milliseconds.
                    late = error.reason is Reason.TOO_NEW and stamp < self._newest + SECOND
                    left = end - time.monotonic()
                    if not late or left <= 0 or not self._changed.wait(left):
                        raise
        return Reference(frame_id, matrix(pose.rotation), np.array(pose.translation))

    def _lookup(self, target: str, source: str, stamp: int) -> Pose:
        if target == source:
            return Pose()
        for name in (target, source):
            if name not in self._edges and not any(name in e.parents for e in self._edges.values()):
                raise self._error(Reason.UNKNOWN_FRAME, target, source, stamp, name)
        ups, stopped = self._climb(source, stamp)
        if target in ups:
            return ups[target]
        downs, stopped_too = self._climb(target, stamp)
        for name, down in downs.items():
            if name in ups:
                return down.inverse().after(ups[name])
        silent = stopped or stopped_too
        if silent is not None:
            old = stamp < self._edges[silent].stamps[0]
            reason = Reason.TOO_OLD if old else Reason.TOO_NEW
            raise self._error(reason, target, source, stamp, silent)
        raise self._error(Reason.NOT_CONNECTED, target, source, stamp, source)

    def _climb(self, name: str, stamp: int) -> tuple[dict[str, Pose], str | None]:
        """Poses of a frame in itself and its ancestors, and the frame that is silent at the stamp."""
        pose = Pose()
        ups = {name: pose}
        while (edge := self._edges.get(name)) is not None:
            found = edge.at(stamp, self.tolerance)
            if found is None:
                return ups, name
            name, step = found
            if name in ups:  # a tree that was turned over within the last seconds
                break
            pose = step.after(pose)
            ups[name] = pose
        return ups, None

    def _leads_to(self, name: str, ancestor: str, stamp: int) -> bool:
        """Whether the newest transforms lead up from one frame to another."""
        seen = set()
        while name != ancestor:
            edge = self._edges.get(name)
            seen.add(name)
            if edge is None or edge.parents[-1] in seen:
                return False
            if not edge.static and edge.stamps[-1] < stamp - KEEP:
                return False
            name = edge.parents[-1]
        return True

    def _forget_moving(self) -> None:
        self._edges = {name: edge for name, edge in self._edges.items() if edge.static}
        self._newest = self._swept = 0

    def _sweep(self) -> None:
        if self._newest - self._swept < FORGET:
            return
        self._swept = self._newest
        oldest = self._newest - FORGET
        self._edges = {n: e for n, e in self._edges.items() if e.static or e.stamps[-1] >= oldest}

    def _error(
        self, reason: Reason, target: str, source: str, stamp: int, name: str
    ) -> TransformError:
        expected, found = "", ""
        if reason is Reason.UNKNOWN_FRAME:
            known = sorted(self._edges)[:8]
            what = f"frame {name!r} is unknown"
            found = f"{len(self._edges)} frames: {', '.join(known)}" if known else "no transforms"
        elif reason is Reason.NOT_CONNECTED:
            what = "the two frames hang in different trees"
        else:
            edge = self._edges[name]
            heard = edge.stamps[-1] if reason is Reason.TOO_NEW else edge.stamps[0]
            side = "newest" if reason is Reason.TOO_NEW else "oldest"
            what = f"frame {name!r} is not known at the stamp"
            expected = f"{stamp / SECOND:.3f} s"
            found = f"{side} at {heard / SECOND:.3f} s, {abs(stamp - heard) / SECOND:.3f} s away"
        return TransformError(
            reason, what, where=f"{source} in {target}", expected=expected, found=found
        )


def read_transforms(data: bytes | bytearray | memoryview) -> list[Stamped]:
    """The transforms of a tf2_msgs/msg/TFMessage as CDR. Raises PearError for other bytes."""
    reader = CdrReader(data)
    (count,) = reader.unpack("I")
    transforms = []
    for _ in range(count):
        stamp, parent = reader.header()
        child = reader.string()
        x, y, z, qx, qy, qz, qw = reader.unpack("7d")
        pose = Pose((x, y, z), (qx, qy, qz, qw))
        transforms.append(Stamped(stamp, _name(parent), _name(child), pose))
    return transforms


def _name(frame: str) -> str:
    """Frame names without the leading slash of ROS 1."""
    return frame.removeprefix("/")
