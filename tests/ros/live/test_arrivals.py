"""Companions by stamp, and a calibration that is parsed once."""

from __future__ import annotations

import threading
import time

import pytest

from pear_ros.live import arrivals
from pear_ros.live.arrivals import Calibration, Companions, stamp_of
from pear_ros.messages.camera_info import camera_info
from pear_ros.messages.codec import CdrWriter
from pear_ros.problems import PearError
from pear_ros.types import Intrinsics

MS = 1_000_000
K = Intrinsics(500.0, 510.0, 320.0, 240.0, 640, 480)


def message(stamp: int, text: str = "") -> memoryview:
    out = CdrWriter()
    out.header(stamp, text)
    return memoryview(out.finish())


def kept(*stamps: int) -> Companions[int]:
    companions: Companions[int] = Companions(stamp_of, keep=3)
    for stamp in stamps:
        companions.put(message(stamp))
    return companions


def test_the_nearest_within_the_slop() -> None:
    companions = kept(100 * MS, 133 * MS, 166 * MS)
    assert companions.match(140 * MS, 0.02, 0.0) == 133 * MS
    assert companions.match(153 * MS, 0.02, 0.0) == 166 * MS
    assert companions.match(166 * MS, 0.0, 0.0) == 166 * MS
    assert companions.match(190 * MS, 0.02, 0.0) is None


def test_only_the_last_few_are_kept() -> None:
    companions = kept(*(i * 33 * MS for i in range(1, 6)))
    assert companions.match(33 * MS, 0.01, 0.0) is None
    assert companions.match(3 * 33 * MS, 0.01, 0.0) == 99 * MS


def test_it_waits_for_one_that_is_a_little_late() -> None:
    companions = kept(100 * MS)
    late = threading.Timer(0.05, lambda: companions.put(message(133 * MS)))
    late.start()
    assert companions.match(133 * MS, 0.01, 10.0) == 133 * MS
    late.join()


def test_it_does_not_wait_for_what_was_passed_over() -> None:
    companions = kept(100 * MS, 200 * MS)
    start = time.monotonic()
    assert companions.match(150 * MS, 0.01, 30.0) is None
    assert time.monotonic() - start < 20.0


def test_a_new_run_forgets_the_old_one() -> None:
    companions = kept(100_000 * MS)
    companions.put(message(50 * MS))
    assert companions.match(100_000 * MS, 0.01, 0.0) is None
    assert companions.match(50 * MS, 0.01, 0.0) == 50 * MS


def test_what_has_no_header_is_refused_when_it_comes() -> None:
    with pytest.raises(PearError):
        kept().put(memoryview(b"\x00\x01\x00\x00\x01"))


def test_a_calibration_is_parsed_again_only_when_it_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calibration, parsed = Calibration(), []
    real = arrivals.codec.deserialize
    monkeypatch.setattr(
        arrivals.codec, "deserialize", lambda *words: parsed.append(1) or real(*words)
    )
    for stamp in (1, 2, 3):
        calibration.put(memoryview(camera_info(K, stamp, "camera")))
        assert calibration.intrinsics(False, 640, 480) == K
    assert len(parsed) == 1
    calibration.put(memoryview(camera_info(Intrinsics(1.0, 1.0, 0.0, 0.0, 640, 480), 4, "camera")))
    found = calibration.intrinsics(False, 640, 480)
    assert found is not None and found.fx == 1.0 and len(parsed) == 2


def test_states_of_calibration_in_words() -> None:
    calibration = Calibration()
    assert calibration.intrinsics(False, 640, 480) is None
    assert calibration.state == "no CameraInfo has come"
    zero = Intrinsics(0.0, 0.0, 0.0, 0.0, 640, 480)
    calibration.put(memoryview(camera_info(zero, 1, "camera")))
    assert calibration.intrinsics(False, 640, 480) is None
    assert calibration.state == "CameraInfo holds no focal length"
    calibration.put(memoryview(camera_info(K, 1, "camera")))
    calibration.intrinsics(False, 640, 480)
    assert calibration.state == "calibrated"


def test_a_picture_of_half_the_size_has_half_the_focal_length_and_another_shape_is_refused() -> (
    None
):
    calibration = Calibration()
    calibration.put(memoryview(camera_info(K, 1, "camera")))
    half = calibration.intrinsics(False, 320, 240)
    assert half is not None and (half.fx, half.fy) == (250.0, 255.0)
    with pytest.raises(PearError, match="640x480"):
        calibration.intrinsics(False, 480, 480)
