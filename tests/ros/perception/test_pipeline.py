"""From frame to HumanFrame with an engine and a detector whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pear_ros.perception.detection.given import GivenBoxes
from pear_ros.perception.detection.whole_image import WholeImage
from pear_ros.perception.pipeline import Pipeline, joint_confidence
from pear_ros.perception.tracking.track import TrackerOptions
from pear_ros.problems import PearError, Problems
from pear_ros.types import Box, Crop, Frame, HumanFrame, Intrinsics, ScaleSource, TrackState

FRAME = 40_000_000


def test_everybody_comes_back_in_metres_in_one_call(scene_of) -> None:
    scene = scene_of({"near": (-0.4, 0.1, 2.5), "far": (1.5, 0.0, 6.0)})
    out = Pipeline(scene, scene).process(scene.frame(7, scene.k))
    assert [len(crops) for crops in scene.crops] == [2]
    assert (out.stamp, out.width, out.height, out.calibrated, out.intrinsics) == (
        7,
        640,
        480,
        True,
        scene.k,
    )
    assert [h.track_id for h in out.humans] == [0, 1]
    for human, name in zip(out.humans, scene.places):
        truth = np.array(scene.places[name])
        np.testing.assert_allclose(human.transl, truth, atol=1e-3)
        np.testing.assert_allclose(human.joints, scene.joints + truth, atol=1e-3)
        np.testing.assert_allclose(human.keypoints, scene.pixels(name), atol=1e-2)
        assert human.state is TrackState.NEW and human.scale is ScaleSource.INTRINSICS
        assert human.depth_sigma == pytest.approx(0.085 * truth[2], rel=0.01)
        assert human.raw_parameters is human.parameters and len(human.parameters) == 1
        box = scene.box(name)
        assert human.crop == Crop(
            (box.x0 + box.x1) / 2, (box.y0 + min(box.y1, 479.5)) / 2, human.crop.side
        )


def test_stage_times_come_from_the_engine_and_the_clock(scene_of) -> None:
    scene = scene_of({"a": (0.0, 0.0, 3.0)})
    times = Pipeline(scene, scene).process(scene.frame()).times
    assert (times.crop, times.network, times.body, times.smooth) == (0.25, 0.5, 0.125, 0.0)
    assert times.detect > 0 and times.track > 0 and times.place > 0


def test_without_calibration_nothing_claims_to_be_metric(scene_of) -> None:
    scene = scene_of({"a": (0.0, 0.0, 3.0)})
    out = Pipeline(scene, scene).process(scene.frame())
    assert not out.calibrated
    assert (out.intrinsics.fx, out.intrinsics.cx) == (800.0, 319.5)
    human = out.humans[0]
    assert human.scale is ScaleSource.NONE and human.depth_sigma == float("inf")
    # The key points still are where the person is.
    projected = 800.0 * human.joints[:, :2] / human.joints[:, 2:] + (319.5, 239.5)
    assert np.abs(projected - scene.pixels("a")).mean() < 8.0


@pytest.mark.parametrize("wrong", [{"fx": 0.0}, {"fy": float("nan")}, {"width": 1280}])
def test_broken_calibration_is_counted_and_not_used(scene_of, wrong: dict) -> None:
    scene, problems = scene_of({"a": (0.0, 0.0, 3.0)}), Problems()
    broken: Intrinsics = replace(scene.k, **wrong)
    out = Pipeline(scene, scene, problems=problems).process(scene.frame(5, broken))
    assert not out.calibrated and out.humans[0].scale is ScaleSource.NONE
    assert problems.counts == {"calibration": 1}
    assert "/camera" in str(problems.examples["calibration"][0])


def test_nobody_is_an_ordinary_result(scene_of) -> None:
    scene = scene_of({})
    out = Pipeline(scene, scene).process(scene.frame())
    assert out.humans == () and scene.crops == [] and out.times.network == 0.0


def test_tracked_people_need_the_detector_rarely(scene_of) -> None:
    scene = scene_of({"a": (-0.5, 0.0, 3.0)})
    pipeline = Pipeline(scene, scene, options=TrackerOptions(search=0.4, check=0.4))
    for i in range(50):
        x, _, z = scene.places["a"]
        scene.places["a"] = (x + 0.02, 0.0, z)
        out = pipeline.process(scene.frame(i * FRAME, scene.k))
        assert [(h.track_id, h.state) for h in out.humans] == [
            (0, TrackState.TRACKED if i else TrackState.NEW)
        ]
        np.testing.assert_allclose(out.humans[0].transl, scene.places["a"], atol=1e-3)
    # Frames 0 and 1, then every 10 frames.
    assert scene.calls.count("detect") == 6


def test_crossing_people_keep_their_ids(scene_of) -> None:
    scene = scene_of({"left": (-1.0, 0.0, 3.0), "right": (1.0, 0.0, 5.0)})
    pipeline = Pipeline(scene, scene)
    for i in range(60):
        scene.places = {
            "left": (-1.0 + 2 * i / 59, 0.0, 3.0),
            "right": (1.0 - 2 * i / 59, 0.0, 5.0),
        }
        out = pipeline.process(scene.frame(i * FRAME, scene.k))
        by_id = {h.track_id: h.transl[2] for h in out.humans}
        assert by_id == {0: pytest.approx(3.0, abs=1e-3), 1: pytest.approx(5.0, abs=1e-3)}


def test_a_lost_person_leaves_the_result_and_is_named_once(scene_of) -> None:
    scene = scene_of({"a": (0.0, 0.0, 3.0)})
    pipeline = Pipeline(scene, scene)
    for i in range(5):
        pipeline.process(scene.frame(i * FRAME))
    scene.seen = set()
    lost, states = [], set()
    for i in range(5, 60):
        out = pipeline.process(scene.frame(i * FRAME))
        lost += pipeline.lost
        states |= {h.state for h in out.humans}
    assert lost == [0] and out.humans == ()
    assert states == {TrackState.TRACKED, TrackState.PREDICTED}


def test_confirming_detectors_are_asked_about_known_people(scene_of) -> None:
    scene = scene_of({"a": (-0.8, 0.0, 3.0), "b": (0.8, 0.0, 3.0)})

    class Confirming:
        def __init__(self) -> None:
            self.asked: list[list[Box]] = []

        def detect(self, frame: Frame) -> list[Box]:
            return scene.detect(frame)

        def confirm(self, frame: Frame, believed: list[Box]) -> list[Box | None]:
            self.asked.append(list(believed))
            return [scene.box("a"), scene.box("b") if len(self.asked) == 1 else None]

    detector = Confirming()
    pipeline = Pipeline(scene, detector, options=TrackerOptions(search=9.0, check=0.0, hurry=0.1))
    outs = [pipeline.process(scene.frame(i * FRAME)) for i in range(4)]
    # Frames 1 and 2 ask about both; the second time b is denied, then searched for and found.
    assert [len(asked) for asked in detector.asked] == [2, 2]
    assert scene.calls == ["detect", "detect"]
    tracked, predicted = TrackState.TRACKED, TrackState.PREDICTED
    assert [[h.state for h in out.humans] for out in outs[1:]] == [
        [tracked, tracked], [tracked, predicted], [tracked, tracked]
    ]  # fmt: skip


def test_bad_boxes_are_counted_and_the_rest_is_processed(scene_of) -> None:
    scene, problems = scene_of({"a": (0.0, 0.0, 3.0)}), Problems()

    class Messy:
        def detect(self, frame: Frame) -> list[Box]:
            nan = float("nan")
            return [Box(nan, 0, 1, 1), Box(5, 5, 9, 9), Box(900, 0, 990, 90), scene.box("a")]

    out = Pipeline(scene, Messy(), problems=problems).process(scene.frame())
    assert len(out.humans) == 1 and problems.counts == {"box": 3}


def test_people_without_finite_output_are_counted_and_dropped(scene_of) -> None:
    scene, problems = scene_of({"a": (-0.8, 0.0, 3.0), "b": (0.8, 0.0, 3.0)}), Problems()

    class Broken:
        def regress(self, image, crops):
            output = scene.regress(image, crops)
            output.joints[0, 3, 1] = np.nan
            return output

    out = Pipeline(Broken(), scene, problems=problems).process(scene.frame())
    # Nobody got to know the first one, so the second is the first to get an id.
    assert [h.track_id for h in out.humans] == [0] and problems.counts == {"engine": 1}
    np.testing.assert_allclose(out.humans[0].keypoints, scene.pixels("b"), atol=1e-2)


def test_whole_image_is_the_letter_boxed_picture_in_every_frame(scene_of) -> None:
    scene = scene_of({"a": (0.0, 0.0, 3.0)})
    pipeline = Pipeline(scene, WholeImage())
    for i in range(3):
        out = pipeline.process(scene.frame(i * FRAME))
        assert out.humans[0].crop == Crop(319.5, 239.5, 640.0)
        assert out.humans[0].box == Box(-0.5, -0.5, 639.5, 479.5)
    assert out.humans[0].track_id == 0


def test_given_boxes_are_used_as_they_are(scene_of) -> None:
    scene = scene_of({"a": (0.0, 0.0, 3.0)})
    box = Box(250, 60, 390, 440, 0.7)
    pipeline = Pipeline(scene, GivenBoxes({"0": [box], str(FRAME): [], str(2 * FRAME): [box]}))
    outs = [pipeline.process(scene.frame(i * FRAME)) for i in range(3)]
    square = Crop(320.0, 250.0, 475.0)
    square = Crop(320.0, 250.0, 475.0)
    assert [[h.crop for h in out.humans] for out in outs] == [[square], [], [square]]


def test_reset_forgets_everybody_but_not_which_ids_were_given(scene_of) -> None:
    def numbers(out: HumanFrame, first: int) -> list:
        return [(h.track_id - first, h.state, h.crop, h.transl.tolist()) for h in out.humans]

    scene = scene_of({"a": (-0.8, 0.0, 3.0), "b": (0.8, 0.0, 3.0)})
    pipeline = Pipeline(scene, scene)
    runs = []
    for first in (0, 2, 4):
        outs = [pipeline.process(scene.frame(i * FRAME)) for i in range(4)]
        assert all(out.ended == () for out in outs)
        runs.append([numbers(out, first) for out in outs])
        pipeline.reset()
    assert runs[1] == runs[0] and runs[2] == runs[0]


def test_a_clock_that_jumps_back_ends_everybody_and_gives_new_ids(scene_of) -> None:
    scene = scene_of({"a": (0.0, 0.0, 3.0)})
    pipeline = Pipeline(scene, scene)
    for i in range(3):
        pipeline.process(scene.frame(9_000_000_000 + i * FRAME))
    out = pipeline.process(scene.frame(1_000_000_000))
    assert out.ended == (0,) and [h.track_id for h in out.humans] == [1]
    again = pipeline.process(scene.frame(1_000_000_000))
    assert again.ended == () and [h.track_id for h in again.humans] == [1]


def test_somebody_who_passes_behind_another_is_predicted_and_keeps_the_id(scene_of) -> None:
    """The far one is hidden for 14 frames, in which detector and engine know the near one only."""
    scene = scene_of({"near": (0.0, 0.0, 2.0), "far": (-1.5, 0.0, 4.0)})
    pipeline = Pipeline(scene, scene)
    near = scene.places["near"]
    predicted = 0
    for i in range(76):
        x = -1.5 + 3.0 * i / 75
        truth = np.array([x, 0.0, 4.0])
        hidden = abs(i - 37.5) < 7.5
        scene.places = {"near": near} if hidden else {"near": near, "far": tuple(truth)}
        out = pipeline.process(scene.frame(i * FRAME, scene.k))
        assert out.ended == () and [h.track_id for h in out.humans] == [0, 1]
        by_id = {h.track_id: h for h in out.humans}
        np.testing.assert_allclose(by_id[0].transl, near, atol=1e-3)
        far = by_id[1]
        if not hidden and far.state is not TrackState.PREDICTED:
            np.testing.assert_allclose(far.transl, truth, atol=1e-3)
            sure = far.joint_confidence.max()
        else:
            predicted += 1
            # Within half a shoulder width of where the person walks unseen.
            assert abs(far.transl[0] - x) < 0.2 and far.transl[2] == pytest.approx(4.0, abs=1e-3)
            assert far.joint_confidence.max() < sure
            assert far.depth_sigma > 0.085 * 4.0
    # Known again as soon as the detector, which is asked five times a second, has looked.
    assert 14 <= predicted <= 14 + 6


def test_nobody_is_predicted_for_longer_than_the_timeout(scene_of) -> None:
    scene = scene_of({"near": (0.0, 0.0, 2.0), "far": (-0.9, 0.0, 4.0)})
    options = TrackerOptions(prediction_timeout=0.5)
    pipeline = Pipeline(scene, scene, options=options)
    for i in range(5):
        pipeline.process(scene.frame(i * FRAME, scene.k))
    del scene.places["far"]
    shown = {}
    for i in range(5, 40):
        out = pipeline.process(scene.frame(i * FRAME, scene.k))
        shown[i] = [h.track_id for h in out.humans]
        if out.ended:
            break
    assert out.ended == (1,) and all(ids == [0, 1] for j, ids in shown.items() if j < i)
    assert shown[i] == [0] and 0.5 < (i - 4) * FRAME * 1e-9 <= 0.9


def test_a_crowd_is_cut_to_the_largest_and_counted(scene_of) -> None:
    scene, problems = (
        scene_of({"small": (-1.2, 0.0, 6.0), "large": (0.0, 0.0, 3.0), "medium": (1.0, 0.0, 4.0)}),
        Problems(),
    )
    pipeline = Pipeline(scene, scene, options=TrackerOptions(max_people=2), problems=problems)
    out = pipeline.process(scene.frame(0, scene.k))
    depths = sorted(h.transl[2] for h in out.humans)
    assert depths == [pytest.approx(3.0, abs=1e-3), pytest.approx(4.0, abs=1e-3)]
    assert problems.counts == {"crowd": 1}
    assert "1 more than max_people 2" in str(problems.examples["crowd"][0])
    # One more place, and the third one is in at the next search.
    pipeline.retune(TrackerOptions(max_people=3), None)
    for i in range(1, 12):
        out = pipeline.process(scene.frame(i * FRAME, scene.k))
    assert len(out.humans) == 3 and sorted(h.track_id for h in out.humans) == [0, 1, 2]


def test_confidence_is_the_score_inside_both_squares() -> None:
    in_crop = np.array(
        [[[0.5, 0.5], [1.0, 0.0], [1.01, 0.5], [0.5, 0.5], [0.5, -0.01]]], np.float32
    )
    pixels = np.array([[[10, 10], [639, 0], [10, 10], [640, 10], [10, 10]]], np.float32)
    found = joint_confidence(in_crop, pixels, np.array([0.75], np.float32), 640, 480)
    assert found.tolist() == [[0.75, 0.75, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize("shape", [(480, 640), (480, 640, 4), (0, 640, 3)])
def test_other_arrays_are_refused(scene_of, shape: tuple) -> None:
    scene = scene_of({})
    with pytest.raises(PearError, match=r"/camera: not a picture; expected .* found"):
        Pipeline(scene, scene).process(replace(scene.frame(), image=np.zeros(shape, np.uint8)))
    with pytest.raises(PearError, match="float32"):
        Pipeline(scene, scene).process(
            replace(scene.frame(), image=np.zeros((9, 9, 3), np.float32))
        )
