"""The transform buffer against scipy, a case by hand, and tf2's own buffer."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from pear_ros.live.pose import Pose, matrix
from pear_ros.live.transforms import (
    SECOND,
    Reason,
    Stamped,
    TransformBuffer,
    TransformError,
    read_transforms,
)
from pear_ros.messages.codec import CdrReader, CdrWriter, typestore
from pear_ros.problems import PearError

TURNED = (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))
"""90 degrees about z."""


def message(*transforms: Stamped) -> bytes:
    """A TFMessage, written by the type store and not by our own writer."""
    types = typestore().types
    header, clock = types["std_msgs/msg/Header"], types["builtin_interfaces/msg/Time"]
    vector, quaternion = types["geometry_msgs/msg/Vector3"], types["geometry_msgs/msg/Quaternion"]
    stamped, transform = (
        types["geometry_msgs/msg/TransformStamped"],
        types["geometry_msgs/msg/Transform"],
    )
    listed = [
        stamped(
            header(clock(*divmod(t.stamp, SECOND)), t.parent),
            t.child,
            transform(vector(*t.pose.translation), quaternion(*t.pose.rotation)),
        )
        for t in transforms
    ]
    whole = types["tf2_msgs/msg/TFMessage"](listed)
    return bytes(typestore().serialize_cdr(whole, "tf2_msgs/msg/TFMessage"))


def stamped(parent: str, child: str, seconds: float, *numbers: object) -> Stamped:
    return Stamped(round(seconds * SECOND), parent, child, Pose(*numbers))


def moved(pose: Pose, point: object) -> np.ndarray:
    return Rotation.from_quat(pose.rotation).apply(point) + pose.translation


def reason_of(buffer: TransformBuffer, target: str, source: str, seconds: float) -> Reason:
    with pytest.raises(TransformError) as caught:
        buffer.lookup(target, source, round(seconds * SECOND))
    return caught.value.reason


def test_a_camera_on_a_robot_by_hand() -> None:
    """The robot drives along x at 1 m/s; its camera stands 0.2 m before it and 1 m above, looking
    to the robot's left.
    """
    buffer = TransformBuffer()
    buffer.put(message(stamped("base", "camera", 0, (0.2, 0.0, 1.0), TURNED)), static=True)
    buffer.put(message(stamped("odom", "base", 5, (1.0, 0.0, 0.0))))
    buffer.put(message(stamped("odom", "base", 6, (2.0, 0.0, 0.0)), stamped("odom", "arm", 6)))
    found = buffer.reference("odom", "/camera", round(5.25 * SECOND))
    assert found.frame_id == "odom"
    np.testing.assert_allclose(found.translation, [1.45, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found.rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    # A point 3 m along the camera's x lies 3 m to the robot's left.
    np.testing.assert_allclose(
        moved(buffer.lookup("odom", "camera", round(5.25 * SECOND)), [3, 0, 0]), [1.45, 3, 1]
    )
    # And down again: what lies at the robot's start seen from the camera.
    back = buffer.lookup("camera", "odom", 6 * SECOND)
    np.testing.assert_allclose(moved(back, [0, 0, 0]), [0, 2.2, -1], atol=1e-12)


quaternions = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(
    lambda q: np.linalg.norm(q) > 0.1
)
vectors = st.lists(st.floats(-10, 10), min_size=3, max_size=3)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(vectors, quaternions), min_size=4, max_size=4), st.floats(0, 1))
def test_chains_and_interpolation_are_those_of_scipy(poses: list, part: float) -> None:
    """a -> left (two stamps) -> leaf, a -> right: leaf seen in right at a stamp in between."""
    unit = [(v, (np.array(q) / np.linalg.norm(q)).tolist()) for v, q in poses]
    (v0, q0), (v1, q1), (v2, q2), (v3, q3) = unit
    between = np.dot(q0, q1)
    if abs(between) < 1e-3:  # half a turn apart: either way round is as short
        q1 = q0
    buffer = TransformBuffer()
    stamp = 3 * SECOND + round(part * SECOND)
    buffer.put(
        message(
            stamped("a", "left", 3, tuple(v0), tuple(q0)),
            stamped("a", "left", 4, tuple(v1), tuple(q1)),
        )
    )
    buffer.put(message(stamped("left", "leaf", 0, tuple(v2), tuple(q2))), static=True)
    buffer.put(message(stamped("a", "right", 0, tuple(v3), tuple(q3))), static=True)

    turn = Slerp([0, 1], Rotation.from_quat([q0, q1]))((stamp - 3 * SECOND) / SECOND)
    shift = np.array(v0) + (stamp - 3 * SECOND) / SECOND * (np.array(v1) - v0)
    point = np.array([0.3, -0.4, 1.2])
    in_a = turn.apply(Rotation.from_quat(q2).apply(point) + v2) + shift
    in_right = Rotation.from_quat(q3).inv().apply(in_a - v3)
    found = buffer.lookup("right", "leaf", stamp)
    np.testing.assert_allclose(moved(found, point), in_right, atol=1e-6)
    np.testing.assert_allclose(
        matrix(found.rotation), Rotation.from_quat(found.rotation).as_matrix(), atol=1e-9
    )
    there_and_back = buffer.lookup("leaf", "right", stamp).after(found)
    np.testing.assert_allclose(moved(there_and_back, point), point, atol=1e-6)


def test_missing_transforms_say_why() -> None:
    buffer = TransformBuffer(tolerance=SECOND // 10)
    buffer.put(message(stamped("odom", "base", 5), stamped("odom", "base", 6)))
    buffer.put(message(stamped("elsewhere", "lamp", 0)), static=True)
    assert reason_of(buffer, "map", "base", 5.5) is Reason.UNKNOWN_FRAME
    assert reason_of(buffer, "odom", "lamp", 5.5) is Reason.NOT_CONNECTED
    assert reason_of(buffer, "odom", "base", 4.89) is Reason.TOO_OLD
    assert reason_of(buffer, "base", "odom", 6.11) is Reason.TOO_NEW
    with pytest.raises(TransformError, match=r"newest at 6\.000 s, 0\.500 s away"):
        buffer.reference("odom", "base", round(6.5 * SECOND))
    with pytest.raises(TransformError, match=r"'map' is unknown; found 2 frames: base, lamp"):
        buffer.reference("map", "base", 6 * SECOND)
    # Within the tolerance the nearest one stands in, unmoved.
    assert buffer.lookup("odom", "base", round(6.05 * SECOND)) == Pose()
    # A static pair needs no stamp, and a frame is itself.
    assert buffer.lookup("elsewhere", "lamp", 10**18) == Pose()
    assert buffer.lookup("lamp", "lamp", 0) == Pose()


def test_a_silent_frame_above_the_common_one_does_not_matter() -> None:
    buffer = TransformBuffer()
    buffer.put(message(stamped("map", "odom", 1)))
    for seconds in (8, 9):
        buffer.put(message(stamped("odom", "base", seconds), stamped("odom", "tool", seconds)))
    assert buffer.lookup("base", "tool", round(8.5 * SECOND)) == Pose()
    assert reason_of(buffer, "map", "tool", 8.5) is Reason.TOO_NEW


def test_order_of_arrival_does_not_matter_and_repeats_change_nothing() -> None:
    buffer = TransformBuffer()
    for x in (0.0, 0.4, 0.2, 0.1, 0.3):
        buffer.put(message(stamped("odom", "base", 7 + x, (x, 0.0, 0.0))))
    buffer.put(message(stamped("odom", "base", 7.2, (99.0, 0.0, 0.0))))
    for x in (0.05, 0.2, 0.37):
        found = buffer.lookup("odom", "base", round((7 + x) * SECOND))
        assert found.translation[0] == pytest.approx(x, abs=1e-9)


def test_ten_seconds_are_kept_and_vanished_frames_are_forgotten() -> None:
    buffer = TransformBuffer()
    buffer.put(message(stamped("odom", "body_1", 0)))
    buffer.put(message(stamped("base", "camera", 0)), static=True)
    for tick in range(261):
        buffer.put(message(stamped("odom", "base", tick / 2, (tick / 2, 0.0, 0.0))))
        if tick == 100:
            assert reason_of(buffer, "odom", "body_1", 50) is Reason.TOO_NEW
    assert buffer.lookup("odom", "camera", round(120.1 * SECOND)).translation[0] == pytest.approx(
        120.1
    )
    assert reason_of(buffer, "odom", "base", 105) is Reason.TOO_OLD
    assert reason_of(buffer, "odom", "body_1", 0) is Reason.UNKNOWN_FRAME


def test_time_set_back_clears_what_moves() -> None:
    buffer = TransformBuffer()
    buffer.put(message(stamped("base", "camera", 0)), static=True)
    for seconds in (100, 101):
        buffer.put(message(stamped("odom", "base", seconds), stamped("map", "odom", seconds)))
    buffer.put(message(stamped("odom", "base", 3), stamped("odom", "base", 4)))
    assert buffer.lookup("odom", "camera", round(3.5 * SECOND)) == Pose()
    assert reason_of(buffer, "odom", "camera", 100.5) is Reason.TOO_NEW
    assert reason_of(buffer, "map", "camera", 3.5) is Reason.UNKNOWN_FRAME
    buffer.clear()
    assert reason_of(buffer, "odom", "camera", 3.5) is Reason.UNKNOWN_FRAME
    assert buffer.lookup("base", "camera", 0) == Pose()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (stamped("c", "a", 2), "loop"),
        (stamped("a", "a", 2), "loop"),
        (stamped("", "x", 2), "name"),
        (stamped("a", "/", 2), "name"),
        (stamped("a", "x", 2, (float("nan"), 0.0, 0.0)), "finite"),
        (stamped("a", "x", 2, (0.0, 0.0, float("inf"))), "finite"),
        (stamped("a", "x", 2, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)), "no rotation"),
        (stamped("a", "x", 2, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.5)), "no rotation"),
    ],
)
def test_impossible_transforms_are_refused_and_the_rest_taken(wrong: Stamped, said: str) -> None:
    buffer = TransformBuffer()
    with pytest.raises(PearError, match=said):
        buffer.put(message(stamped("a", "b", 2), stamped("b", "c", 2), wrong, stamped("c", "d", 2)))
    assert buffer.lookup("a", "d", 2 * SECOND) == Pose()
    assert reason_of(buffer, "a", "x", 2) is Reason.UNKNOWN_FRAME


def test_a_tree_may_be_turned_over_once_the_old_one_has_ended() -> None:
    buffer = TransformBuffer()
    buffer.put(message(stamped("map", "odom", 1, (1.0, 0.0, 0.0))))
    buffer.put(message(stamped("odom", "map", 20, (-2.0, 0.0, 0.0))))
    assert buffer.lookup("odom", "map", 20 * SECOND).translation == (-2.0, 0.0, 0.0)


def test_a_frame_may_change_its_parent() -> None:
    buffer = TransformBuffer()
    buffer.put(message(stamped("table", "cup", 1, (1.0, 0.0, 0.0))))
    buffer.put(message(stamped("hand", "cup", 2, (9.0, 0.0, 0.0))))
    assert buffer.lookup("table", "cup", round(1.5 * SECOND)).translation[0] == 1.0
    assert buffer.lookup("hand", "cup", 2 * SECOND).translation[0] == 9.0


def test_a_late_transform_is_waited_for_and_others_are_not() -> None:
    buffer = TransformBuffer(tolerance=0)
    buffer.put(message(stamped("odom", "camera", 5)))

    def later() -> None:
        time.sleep(0.05)
        buffer.put(message(stamped("odom", "camera", 5.2, (0.2, 0.0, 0.0))))

    thread = threading.Thread(target=later)
    thread.start()
    found = buffer.reference("odom", "camera", round(5.1 * SECOND), wait=20.0)
    thread.join()
    np.testing.assert_allclose(found.translation, [0.1, 0, 0])
    start = time.monotonic()
    for target, seconds in (("odom", 4.0), ("odom", 60.0), ("map", 5.1)):
        with pytest.raises(TransformError):
            buffer.reference(target, "camera", round(seconds * SECOND), wait=20.0)
    assert time.monotonic() - start < 10.0  # far below three waits of 20 s: this times nothing


def test_our_reading_is_the_type_stores_in_both_byte_orders() -> None:
    one = stamped("/odom", "base_link", 1.25, (1.0, -2.0, 3.0), TURNED)
    two = stamped("b", "tool", 1700000000.5, (0.0, 0.5, 0.0))
    little = message(one, two)
    store = typestore()
    whole = store.deserialize_cdr(little, "tf2_msgs/msg/TFMessage")
    big = bytes(store.serialize_cdr(whole, "tf2_msgs/msg/TFMessage", little_endian=False))
    assert little != big
    assert read_transforms(little) == read_transforms(big)
    assert read_transforms(little)[1] == two
    assert read_transforms(little)[0].parent == "odom"
    assert read_transforms(message()) == []


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_broken_messages_are_errors_and_leave_the_buffer_alone(data: st.DataObject) -> None:
    good = bytearray(message(stamped("odom", "base", 5), stamped("base", "camera", 5)))
    raw = data.draw(
        st.one_of(
            st.binary(max_size=80),
            st.integers(0, len(good) - 1).map(lambda n: bytes(good[:n])),
        )
    )
    buffer = TransformBuffer()
    buffer.put(message(stamped("odom", "arm", 5)))
    try:
        taken = read_transforms(raw)
    except PearError:
        with pytest.raises(PearError):
            buffer.put(raw)
        taken = []
    if not taken:
        assert reason_of(buffer, "odom", "base", 5) is Reason.UNKNOWN_FRAME
    assert buffer.lookup("odom", "arm", 5 * SECOND) == Pose()
    for at in data.draw(st.lists(st.integers(4, len(good) - 1), max_size=6)):
        good[at] = data.draw(st.integers(0, 255))
    try:
        buffer.put(bytes(good))
        buffer.lookup("odom", "base", 5 * SECOND)
    except PearError:
        pass


def test_a_count_of_four_billion_is_a_cut_off_message() -> None:
    writer = CdrWriter()
    writer.pack("I", 2**32 - 1)
    assert CdrReader(writer.finish()).unpack("I") == (2**32 - 1,)
    with pytest.raises(PearError, match="cut off"):
        read_transforms(writer.finish())


@dataclass(frozen=True)
class _Tree:
    """Random frames f0..f7, each under an earlier one: transforms of a few stamps, and statics."""

    moving: list[Stamped]
    static: list[Stamped]

    @classmethod
    def random(cls, rng: np.random.Generator) -> _Tree:
        moving, static = [], []
        for i in range(1, 8):
            parent, child = f"f{rng.integers(i)}", f"f{i}"
            still = rng.random() < 0.3
            for stamp in [0] if still else np.sort(rng.integers(0, 3 * SECOND, 5)).tolist():
                rotation = Rotation.random(rng=rng).as_quat().tolist()
                pose = Pose(tuple(rng.normal(size=3).tolist()), tuple(rotation))
                (static if still else moving).append(Stamped(10**9 + stamp, parent, child, pose))
        return cls(moving, static)


@pytest.mark.ros
def test_answers_and_refusals_are_those_of_tf2() -> None:
    tf2 = pytest.importorskip("tf2_py")
    geometry = pytest.importorskip("geometry_msgs.msg")
    from rclpy.duration import Duration
    from rclpy.time import Time

    rng = np.random.default_rng(11)
    compared = refused = 0
    for _ in range(40):
        tree = _Tree.random(rng)
        ours, theirs = TransformBuffer(tolerance=0), tf2.BufferCore(Duration(seconds=10))
        for listed, static in ((tree.moving, False), (tree.static, True)):
            if listed:
                ours.put(message(*listed), static=static)
            for t in listed:
                out = geometry.TransformStamped()
                out.header.stamp = Time(nanoseconds=t.stamp).to_msg()
                out.header.frame_id, out.child_frame_id = t.parent, t.child
                place, turn = out.transform.translation, out.transform.rotation
                place.x, place.y, place.z = t.pose.translation
                turn.x, turn.y, turn.z, turn.w = t.pose.rotation
                put = theirs.set_transform_static if static else theirs.set_transform
                put(out, "test")
        for _ in range(60):
            target, source = (f"f{i}" for i in rng.integers(0, 9, 2))
            stamp = 10**9 + int(rng.integers(0, 3 * SECOND))
            try:
                answer = theirs.lookup_transform_core(target, source, Time(nanoseconds=stamp))
            except (tf2.LookupException, tf2.ConnectivityException, tf2.ExtrapolationException):
                with pytest.raises(TransformError):
                    ours.lookup(target, source, stamp)
                refused += 1
                continue
            found = ours.lookup(target, source, stamp)
            place, turn = answer.transform.translation, answer.transform.rotation
            np.testing.assert_allclose(found.translation, [place.x, place.y, place.z], atol=1e-9)
            np.testing.assert_allclose(
                matrix(found.rotation),
                Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix(),
                atol=1e-9,
            )
            compared += 1
    assert compared > 300 and refused > 300
