"""The live application when things go wrong: silence, broken pictures, failing engines, no calibration."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from pear_ros.live.application import Application
from pear_ros.live.graph import Level
from pear_ros.live.settings import Settings
from pear_ros.messages import codec
from pear_ros.messages.pictures import compressed_image, image
from pear_ros.perception.detection.whole_image import WholeImage
from pear_ros.types import Intrinsics

Camera = Any

MS = 1_000_000
START = 1_700_000_000_000 * MS
FRAME = "camera_optical_frame"
PIXELS = np.full((48, 64, 3), 90, np.uint8)


def people(data: bytes) -> Any:
    return codec.deserialize(data, codec.HUMAN_ARRAY)


def until(condition: Any, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)


def diagnosed(graph: Any) -> Any:
    """The status of the next report."""
    seen = len(graph.topic("/diagnostics").sent)
    data = graph.wait("/diagnostics", seen + 2)[-1]
    (status,) = codec.deserialize(data, "diagnostic_msgs/msg/DiagnosticArray").status
    return status


def test_without_calibration_people_come_out_but_no_frames(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    start()
    camera.info(Intrinsics(0.0, 0.0, 0.0, 0.0, 64, 48))
    camera.shoot()
    message = people(memory_graph.wait("humans", 1)[0])
    human = message.humans[0]
    assert not message.calibrated and human.scale_source == 0 and np.isinf(human.depth_sigma)
    assert np.isfinite(human.keypoints).all() and np.isfinite(human.body_pose).all()
    assert memory_graph.topic("/tf").sent == []
    last = diagnosed(memory_graph)
    assert last.level == 1 and "UNCALIBRATED" in last.message


def test_a_verdict_is_logged_when_it_changes(start: Any, camera: Camera, memory_graph: Any) -> None:
    start(silence=60.0)

    def logged(words: str) -> list[Level]:
        return [level for level, text in memory_graph.logged if words in text]

    until(lambda: logged("no picture has come on /image"))
    camera.info(Intrinsics(0.0, 0.0, 0.0, 0.0, 64, 48))
    camera.shoot()
    until(lambda: logged("UNCALIBRATED: CameraInfo holds no focal length"))
    camera.info()
    camera.shoot()
    until(lambda: logged("running"))
    diagnosed(memory_graph)
    assert logged("no picture has come") == logged("UNCALIBRATED") == [Level.WARN]
    (line,) = [text for _, text in memory_graph.logged if "running" in text]
    assert re.fullmatch(r"running: [\d.]+ pictures and [\d.]+ results a second, 5 ms late", line)
    assert logged("running") == [Level.INFO]


def test_repeated_faults_are_logged_from_every_power_of_ten_on(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    application = start()
    for total in (1, 9, 12, 57, 250):
        while application.problems.counts["depth"] < total:
            application.problems.add("depth", "/depth", 0, "too dark")
        diagnosed(memory_graph)
    lines = [text for _, text in memory_graph.logged if "too dark" in text]
    counts = [re.fullmatch(r"/depth: too dark \((\d+) of kind 'depth' so far\)", t) for t in lines]
    assert [len(match[1]) for match in counts if match] == [1, 2, 3] and None not in counts


def test_silence_is_stale_and_beats_go_on(start: Any, memory_graph: Any, camera: Camera) -> None:
    start(silence=0.2)
    assert diagnosed(memory_graph).level == 3
    camera.info()
    camera.shoot()
    memory_graph.wait("humans", 1)
    until(lambda: diagnosed(memory_graph).message.startswith("no picture on /image for"))
    beats = [
        codec.deserialize(b, "pear/msg/Heartbeat") for b in memory_graph.topic("heartbeat").sent
    ]
    assert [b.beat for b in beats] == list(range(1, len(beats) + 1)) and len(beats) > 3


def test_never_more_than_one_picture_waits_and_the_newest_wins(
    start: Any, camera: Camera, memory_graph: Any, made_up_engine: Any
) -> None:
    made_up_engine.seconds = 0.1
    application = start()
    camera.info()
    first = camera.shoot()
    until(lambda: made_up_engine.calls == 1)
    stamps = [camera.shoot() for _ in range(10)]
    sent = memory_graph.wait("humans", 2)
    found = [people(d).header.stamp for d in sent]
    assert [s.sec * 1_000 * MS + s.nanosec for s in found] == [first, stamps[-1]]
    assert application.slot.replaced == 9


def test_broken_pictures_are_counted_and_life_goes_on(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    application = start()
    camera.info()
    good = image(PIXELS, START + 500 * MS, FRAME)
    wrong = [
        image(PIXELS, START + 100 * MS, FRAME, "rgb24"),
        good[: len(good) // 2],
        b"\x00\x01\x00\x00",
        b"",
        image(PIXELS, 0, FRAME),
    ]
    for i, data in enumerate(wrong):
        camera.shoot(data=data)
        until(lambda n=i: sum(application.problems.counts.values()) == n + 1)  # type: ignore[misc]
    camera.shoot(data=good)
    assert len(people(memory_graph.wait("humans", 1)[0]).humans) == 1
    assert application.problems.counts["encoding"] == application.problems.counts["stamp"] == 1
    assert application.problems.counts["truncated"] >= 2
    until(lambda: any(level is Level.WARN for level, _ in memory_graph.logged))


def test_a_first_picture_that_takes_long_is_no_fault(
    start: Any, camera: Camera, memory_graph: Any, made_up_engine: Any
) -> None:
    made_up_engine.seconds = 1.0
    start()
    camera.shoot()
    until(lambda: made_up_engine.calls == 1)
    status = diagnosed(memory_graph)
    assert status.level == 1 and status.message == "the first picture on /image is in work"


def test_pictures_that_cannot_be_read_are_told_with_the_reason(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    start()
    camera.shoot(data=image(PIXELS, START + MS, FRAME, "rgb24"))
    until(lambda: diagnosed(memory_graph).level == 2)
    message = diagnosed(memory_graph).message
    assert "/image, none can be used: " in message and "rgb24" in message


def test_the_type_of_the_picture_follows_its_publisher(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    memory_graph.topic("image").kind = codec.COMPRESSED_IMAGE
    start()
    camera.info()
    camera.shoot(data=compressed_image(PIXELS, START + 33 * MS, FRAME))
    assert len(people(memory_graph.wait("humans", 1)[0]).humans) == 1


def test_a_publisher_that_comes_later_is_understood_too(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    start()
    memory_graph.topic("image").kind = codec.COMPRESSED_IMAGE
    until(lambda: any("CompressedImage" in text for _, text in memory_graph.logged))
    camera.info()
    camera.shoot(data=compressed_image(PIXELS, START + 33 * MS, FRAME))
    memory_graph.wait("humans", 1)


def test_without_hri_msgs_one_line_says_so(memory_graph: Any, start: Any, camera: Camera) -> None:
    memory_graph.missing = ("hri_msgs",)
    start()
    camera.info()
    camera.shoot()
    camera.shoot()
    memory_graph.wait("humans", 1)
    until(lambda: any("no REP-155 topics" in text for _, text in memory_graph.logged))
    assert sum("no REP-155" in text for _, text in memory_graph.logged) == 1


def test_an_engine_that_fails_is_reported_and_survived(
    start: Any, camera: Camera, memory_graph: Any, made_up_engine: Any
) -> None:
    application = start()
    camera.info()
    made_up_engine.failing = True
    for count in range(1, 4):
        camera.shoot()
        until(lambda n=count: application.problems.counts["engine"] == n)  # type: ignore[misc]
    made_up_engine.failing = False
    stamp = camera.shoot()
    message = people(memory_graph.wait("humans", 1)[0])
    assert message.header.stamp.sec * 1_000 * MS + message.header.stamp.nanosec == stamp
    assert application.failure == ""


def test_an_engine_that_never_comes_back_ends_in_an_error(
    memory_graph: Any, made_up_engine: Any, camera: Camera
) -> None:
    reasons: list[str] = []
    made_up_engine.failing = True
    settings = Settings.of({"smoothing": False, "diagnostics_period": 0.1})
    application = Application(
        memory_graph, made_up_engine, WholeImage(), settings, failed=reasons.append
    )
    application.start()
    try:
        camera.info()
        for _ in range(200):
            camera.shoot()
            time.sleep(0.01)
            if reasons:
                break
        assert len(reasons) == 1 and "out of memory" in reasons[0]
        assert diagnosed(memory_graph).level == 2
    finally:
        application.stop()


def test_the_last_report_of_an_engine_that_gave_up_is_the_reason(
    memory_graph: Any, made_up_engine: Any, camera: Camera
) -> None:
    made_up_engine.failing = True
    settings = Settings.of({"smoothing": False, "diagnostics_period": 60.0})
    application = Application(memory_graph, made_up_engine, WholeImage(), settings)
    application.start()
    camera.info()

    def given_up() -> bool:
        camera.shoot()
        return bool(application.failure)

    until(given_up)
    application.stop()
    (data,) = memory_graph.topic("/diagnostics").sent
    (status,) = codec.deserialize(data, "diagnostic_msgs/msg/DiagnosticArray").status
    assert status.level == 2 and "out of memory" in status.message


def test_a_missing_transform_is_counted_and_people_still_come(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    application = start(reference_frame="odom", sync_wait=0.0)
    camera.info()
    camera.shoot()
    assert people(memory_graph.wait("humans", 1)[0]).reference_frame == ""
    assert application.problems.counts["tf"] == 1


def test_a_companion_that_never_comes_makes_the_verdict_a_warning(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    application = start(use_depth=True, sync_wait=0.0, silence=1.0)
    camera.info()
    camera.shoot()
    memory_graph.wait("humans", 1)
    status = diagnosed(memory_graph)
    assert status.level == 1 and status.message == "depth: nothing has come on /depth"
    assert application.problems.counts["depth"] == 1
    # The verdict is about now: what is over is not told for ever.
    until(lambda: "depth" not in diagnosed(memory_graph).message)


def test_the_newest_reason_of_a_kind_is_told(start: Any, camera: Camera, memory_graph: Any) -> None:
    application = start()
    camera.info()
    camera.shoot()
    memory_graph.wait("humans", 1)
    for _ in range(20):
        application.problems.add("depth", "/depth", 0, "too dark")
    application.problems.add("depth", "/depth", 1, "too bright")
    until(lambda: diagnosed(memory_graph).message == "depth: too bright")
    assert [p.reason for p in application.problems.examples["depth"]] == ["too dark"] * 5


def test_a_calibration_of_another_shape_is_no_calibration(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    start()
    camera.info(Intrinsics(60.0, 60.0, 31.5, 31.5, 64, 64))
    camera.shoot()
    assert not people(memory_graph.wait("humans", 1)[0]).calibrated
    status = diagnosed(memory_graph)
    assert status.level == 1 and "CameraInfo is for 64x64, the picture is 64x48" in status.message


def test_the_watch_goes_on_when_the_graph_fails_it(
    start: Any, camera: Camera, memory_graph: Any, monkeypatch: Any
) -> None:
    application = start()
    camera.info()
    camera.shoot()
    memory_graph.wait("humans", 1)
    real = type(application.source).attend
    failures = []

    def attend(self: Any, settings: Settings) -> None:
        if len(failures) < 3:
            failures.append(1)
            raise RuntimeError("the graph is in a bad mood")
        real(self, settings)

    monkeypatch.setattr(type(application.source), "attend", attend)
    until(lambda: application.problems.counts["watch"] == 3)
    until(lambda: "bad mood" in diagnosed(memory_graph).message or failures == [1] * 3)
    assert diagnosed(memory_graph).level in (0, 1)


def test_who_attends_while_somebody_closes_leaves_nothing_open(
    start: Any, memory_graph: Any
) -> None:
    application = start(diagnostics_period=60.0)
    asked, closing = threading.Event(), threading.Event()

    def types(topic: str) -> tuple[str, ...]:
        asked.set()
        closing.wait(0.2)
        return (codec.COMPRESSED_IMAGE,)

    memory_graph.types = types
    wanted = application.settings.changed({"reference_frame": "odom"})
    with ThreadPoolExecutor(3) as pool:
        attending = [pool.submit(application.source.attend, wanted) for _ in range(3)]
        assert asked.wait(10.0)
        assert len(memory_graph.topic("/tf").listeners) == 1
        application.source.close()
        closing.set()
        assert [each.result() for each in attending] == [None] * 3
    assert not any(t.listeners for t in memory_graph.topics.values())


def test_topics_of_people_leave_no_parameters_behind(
    start: Any, camera: Camera, memory_graph: Any
) -> None:
    offered: dict[str, Any] = {}
    real = memory_graph.advertise
    memory_graph.advertise = lambda topic, kind, qos: (
        offered.update({topic: qos}) or real(topic, kind, qos)
    )
    start()
    camera.info()
    camera.shoot()
    memory_graph.wait("humans", 1)
    until(lambda: "/humans/bodies/b0/position" in offered)
    assert {t for t, qos in offered.items() if not qos.tunable} == {
        t for t in offered if t.startswith(("/humans/bodies/b0/", "/humans/faces/f0/"))
    }


def test_fifty_lives_leave_no_thread_and_no_topic_behind(
    memory_graph: Any, made_up_engine: Any, camera: Camera
) -> None:
    before = threading.active_count()
    for _ in range(50):
        settings = Settings.of({"smoothing": False})
        application = Application(memory_graph, made_up_engine, WholeImage(), settings)
        application.start()
        camera.info()
        camera.shoot()
        application.stop()
    assert threading.active_count() == before
    assert not any(t.advertised or t.listeners for t in memory_graph.topics.values())
