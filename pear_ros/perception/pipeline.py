"""One frame in, everybody in it out: the way of a frame from picture to `HumanFrame`.

Pure with respect to its state and its input: the same frames give the same people (their
`StageTimes` apart).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pear_ros.native import kernels
from pear_ros.perception import crop, held
from pear_ros.perception.detection.detect import Confirming, Detector, policy_of
from pear_ros.perception.frozen import altered, persons
from pear_ros.perception.placing import metric, place
from pear_ros.perception.smoothing import smooth
from pear_ros.perception.tracking import memory, track
from pear_ros.problems import PearError, Problems
from pear_ros.types import (
    Box,
    Crop,
    FloatArray,
    Frame,
    Human,
    HumanFrame,
    Intrinsics,
    Parameters,
    RegressorOutput,
    StageTimes,
)


class Regressor(Protocol):
    """The part of an engine the pipeline needs."""

    def joints(self, parameters: Parameters) -> FloatArray:
        """Joints (N, 145, 3) of given parameters, body model's output frame."""
        ...

    def regress(self, image: NDArray[np.uint8], crops: list[Crop]) -> RegressorOutput:
        """Everybody of a picture in one call."""
        ...


class Pipeline:
    """Detect or predict boxes, track, crop, regress all people in one call, place them in metres.

    smoothing: how people are filtered over time; None leaves every frame as it was regressed.
    placing: what is known of the people and how bodies enter the picture's view; None leaves them
    as regressed (`placer.options` may be replaced between frames).
    problems: where survived faults (unusable boxes, wrong calibrations, non-finite output) are
    counted.
    next_id: of whoever comes first; a pipeline that goes on from another takes its `next_id`.
    """

    def __init__(
        self,
        engine: Regressor,
        detector: Detector,
        *,
        options: track.TrackerOptions | None = None,
        smoothing: smooth.SmoothOptions | None = None,
        placing: metric.PlaceOptions | None = None,
        problems: Problems | None = None,
        next_id: int = 0,
    ) -> None:
        self.engine, self.detector = engine, detector
        self.policy = policy_of(detector)
        self.options = options or track.TrackerOptions(
            search=self.policy.search, check=self.policy.check
        )
        self.problems = problems if problems is not None else Problems()
        self.smoothing = smoothing
        self.placer = metric.Placer(engine, placing, self.problems)
        self._tracker = track.Tracker(self.options, self.policy.binding, next_id)
        self.reset()

    @property
    def next_id(self) -> int:
        """Of the next person who is new."""
        return self._tracker.next_id

    def reset(self) -> None:
        """Forgets everybody; for pictures that do not follow another. Ids go on."""
        self._tracker.reset()
        self._seen: dict[int, _Seen] = {}
        self._smoother = smooth.Smoother(self.engine, self.smoothing) if self.smoothing else None

    def retune(self, options: track.TrackerOptions, smoothing: smooth.SmoothOptions | None) -> None:
        """Other options from the next frame on; nobody is forgotten."""
        self.options = self._tracker.options = options
        self.smoothing = smoothing
        if smoothing is None:
            self._smoother = None
        elif self._smoother is None:
            self._smoother = smooth.Smoother(self.engine, smoothing)
        else:
            self._smoother.options = smoothing

    @property
    def lost(self) -> tuple[int, ...]:
        """Ids of the tracks that ended in the last frame; its HumanFrame no longer holds them."""
        return tuple(t.id for t in self._tracker.lost)

    def process(self, frame: Frame) -> HumanFrame:
        """The people of one frame; none is an ordinary result.

        Raises PearError for a picture that is not (H, W, 3) uint8, and whatever the detector or the
        engine raises.
        """
        height, width = _size(frame)
        intrinsics, calibrated = self._calibration(frame, width, height)
        clock = time.perf_counter
        start = clock()
        look = self._tracker.begin(frame.stamp)
        began = clock()
        answers = self._detect(frame, look)
        detected = clock()
        self._update(frame, answers, width, height)
        crops = self._crops(width, height)
        tracked = clock()
        output = self.engine.regress(frame.image, crops) if crops else None
        regressed = clock()
        humans: tuple[Human, ...] = ()
        together: Parameters | None = None
        if output is None:
            self._tracker.nobody()
        else:
            humans, together = self._people(frame, output, crops, intrinsics, calibrated)
        placed = clock()
        if self._smoother is not None:
            humans = self._smoother.smooth(
                frame.stamp, humans, intrinsics, frame.reference, together
            )
        times = StageTimes(
            detect=detected - began,
            track=began - start + tracked - detected,
            crop=output.crop_seconds if output is not None else 0.0,
            network=output.network_seconds if output is not None else 0.0,
            body=output.body_seconds if output is not None else 0.0,
            place=placed - regressed,
            smooth=clock() - placed if self._smoother is not None else 0.0,
        )
        result = HumanFrame(
            frame.stamp, frame.frame_id, width, height, intrinsics, calibrated, humans, times,
            frame.reference, self.lost,
        )  # fmt: skip
        return self._with_hidden(result)

    def _calibration(self, frame: Frame, width: int, height: int) -> tuple[Intrinsics, bool]:
        if frame.intrinsics is not None:
            if place.usable(frame.intrinsics, width, height):
                return frame.intrinsics, True
            reason = f"calibration does not fit a {width}x{height} image: {frame.intrinsics}"
            self.problems.add("calibration", frame.source, frame.stamp, reason)
        return place.assumed_intrinsics(width, height), False

    def _detect(self, frame: Frame, look: track.Look) -> _Answers | list[Box] | None:
        """What the detector says: everybody it finds, its view of each track, or nothing."""
        if look is track.Look.NONE:
            return None
        if look is track.Look.CHECK and isinstance(self.detector, Confirming):
            return _Answers(self.detector.confirm(frame, [t.box for t in self._tracker.tracks]))
        return self.detector.detect(frame)

    def _update(
        self, frame: Frame, answers: _Answers | list[Box] | None, width: int, height: int
    ) -> None:
        """Tells the tracker what the detector said; boxes without a usable crop are counted."""
        if answers is None:
            self._tracker.skip()
        elif isinstance(answers, _Answers):
            self._tracker.check(answers.boxes)
        else:
            usable: list[Box] = []
            for box in answers:
                try:
                    crop.square_crop(box, width, height)
                    usable.append(box)
                except crop.UnusableBox as error:
                    self.problems.add("box", frame.source, frame.stamp, str(error))
            self._tracker.search(usable)
        if self._tracker.crowded:
            reason = f"{self._tracker.crowded} more than max_people {self.options.max_people}"
            self.problems.add("crowd", frame.source, frame.stamp, reason)

    def _crops(self, width: int, height: int) -> list[Crop]:
        """The squares to regress, one per place; people whose place left the picture end."""
        crops: list[Crop] = []
        gone: list[int] = []
        for i, wanted in enumerate(self._tracker.places):
            try:
                crops.append(crop.square_crop(wanted.box, width, height, self.policy.crop_scale))
            except crop.UnusableBox:
                gone.append(i)
        self._tracker.drop(gone)
        return crops

    def _people(
        self,
        frame: Frame,
        output: RegressorOutput,
        crops: list[Crop],
        intrinsics: Intrinsics,
        calibrated: bool,
    ) -> tuple[tuple[Human, ...], Parameters | None]:
        """Asks the tracker who they are and places everybody; their parameters come also in one."""
        if len(output) != len(crops):
            raise PearError(
                "engine lost people", expected=f"{len(crops)} people", found=str(len(output))
            )
        height, width = frame.image.shape[:2]
        output, crops = self._finite(frame, output, crops)
        keypoints = crop.to_pixels(output.keypoints, crops)
        sights = memory.sights(frame.image, output, keypoints, crops)
        found = self._tracker.identify(sights, keypoints, width, height)
        known = [i for i, track_id in enumerate(found) if track_id is not None]
        if not known:
            return (), None
        tracks = [self._tracker.track(track_id) for track_id in found if track_id is not None]
        if len(known) < len(found):
            output, crops = _some(output, crops, known)
            keypoints = keypoints[known]
        scores = np.array([t.box.score for t in tracks], dtype=np.float32)
        confidence = joint_confidence(output.keypoints, keypoints, scores, width, height)
        with np.errstate(all="ignore"):
            placed = self.placer.place(
                frame, output, [t.id for t in tracks], keypoints, confidence, crops, intrinsics,
                calibrated,
            )  # fmt: skip
        placement = placed.placement
        joints = placed.joints + placement.transl[:, None]
        raw = persons(placed.raw)
        parameters = raw if placed.parameters is placed.raw else persons(placed.parameters)
        humans = tuple(
            Human(
                track_id=person.id,
                state=person.state,
                box=person.box,
                crop=crops[i],
                parameters=parameters[i],
                raw_parameters=raw[i],
                camera=output.camera[i],
                transl=placement.transl[i],
                joints=joints[i],
                keypoints=keypoints[i],
                joint_confidence=confidence[i],
                scale=placement.scale[i],
                depth_sigma=float(placement.depth_sigma[i]),
            )
            for i, person in enumerate(tracks)
        )
        return humans, placed.parameters

    def _finite(
        self, frame: Frame, output: RegressorOutput, crops: list[Crop]
    ) -> tuple[RegressorOutput, list[Crop]]:
        """Without those of whom the engine knows nothing; these are counted, their people end."""
        parts = (output.joints, output.keypoints, output.camera)
        if all(bool(np.isfinite(part).all()) for part in parts):
            return output, crops
        whole = [all(bool(np.isfinite(part[i]).all()) for part in parts) for i in range(len(crops))]
        broken = [i for i, ok in enumerate(whole) if not ok]
        for i in broken:
            owner = self._tracker.places[i].owner
            who = "somebody new" if owner is None else f"person {owner}"
            reason = f"{who}: the engine's output is not finite"
            self.problems.add("engine", frame.source, frame.stamp, reason)
        self._tracker.drop(broken)
        return _some(output, crops, [i for i, ok in enumerate(whole) if ok])

    def _with_hidden(self, result: HumanFrame) -> HumanFrame:
        """With the people whom the picture does not show, in the order of the tracks."""
        seen = {human.track_id: _Seen(human, result) for human in result.humans}
        humans: list[Human] = []
        remembered: dict[int, _Seen] = {}
        for person in self._tracker.tracks:
            last = seen.get(person.id) or self._seen.get(person.id)
            if last is None:
                continue
            remembered[person.id] = last
            if person.id in seen:
                humans.append(last.human)
            elif not self.policy.binding:
                seconds = (result.stamp - last.frame.stamp) * 1e-9
                humans.append(held.held(last.human, seconds, person.box, last.frame, result))
        self._seen = remembered
        return altered(result, humans=tuple(humans))


@dataclass(frozen=True)
class _Seen:
    """A person and the frame that showed them last."""

    human: Human
    frame: HumanFrame


@dataclass(frozen=True)
class _Answers:
    """What `Confirming.confirm` said about the tracks, in their order."""

    boxes: list[Box | None]


def _some(
    output: RegressorOutput, crops: list[Crop], rows: list[int]
) -> tuple[RegressorOutput, list[Crop]]:
    """Some of the people."""
    if len(rows) == len(crops):
        return output, crops
    of = output.parameters
    return replace(
        output,
        parameters=Parameters(**{f.name: getattr(of, f.name)[rows] for f in fields(Parameters)}),
        joints=output.joints[rows],
        keypoints=output.keypoints[rows],
        camera=output.camera[rows],
    ), [crops[i] for i in rows]


def joint_confidence(
    in_crop: FloatArray, pixels: FloatArray, scores: FloatArray, width: int, height: int
) -> FloatArray:
    """Confidence (N, J): the score (N,), or 0 outside the crop's [0, 1] or the picture."""
    if kernels is not None:
        out = np.empty(in_crop.shape[:2], np.float32)
        kernels.confidence(
            np.ascontiguousarray(in_crop, np.float32), np.ascontiguousarray(pixels, np.float32),
            np.ascontiguousarray(scores, np.float32), out, width, height,
        )  # fmt: skip
        return out
    # One coordinate after the other: a reduction over an axis of two is slow.
    u, v, x, y = in_crop[..., 0], in_crop[..., 1], pixels[..., 0], pixels[..., 1]
    inside = (u >= 0.0) & (u <= 1.0)
    for values, low, high in ((v, 0.0, 1.0), (x, -0.5, width - 0.5), (y, -0.5, height - 0.5)):
        inside &= values >= low
        inside &= values <= high
    return np.asarray(inside * scores[:, None], dtype=np.float32)


def _size(frame: Frame) -> tuple[int, int]:
    """Height and width of a frame's picture."""
    image = frame.image
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise PearError(
            "not a picture",
            where=frame.source,
            expected="an array (H, W, 3) of uint8",
            found=f"{image.shape} of {image.dtype}",
        )
    return int(image.shape[0]), int(image.shape[1])
