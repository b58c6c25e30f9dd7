"""The pipeline that follows the live settings."""

from __future__ import annotations

from collections.abc import Callable

from pear_ros.live.settings import Settings
from pear_ros.perception.detection.detect import Detector, policy_of
from pear_ros.perception.detection.elsewhere import Elsewhere
from pear_ros.perception.pipeline import Pipeline, Regressor
from pear_ros.perception.placing.metric import PlaceOptions
from pear_ros.perception.placing.stature import KnownPeople
from pear_ros.perception.smoothing.smooth import SmoothOptions
from pear_ros.perception.tracking.track import TrackerOptions
from pear_ros.problems import Problems
from pear_ros.types import Frame, HumanFrame

TOPIC = "topic"
"""The setting `detector` for boxes that come with the pictures."""


def open_live_detector(settings: Settings) -> Detector:
    """What finds people. Raises PearError for an unknown one."""
    if settings.detector == TOPIC:
        return Elsewhere()
    from pear_ros.perception.detection.choose import open_detector

    return open_detector(settings.detector, settings.threads or None)


def tracker_options(settings: Settings, detector: Detector) -> TrackerOptions:
    """How tracks live under these settings."""
    policy = policy_of(detector)
    return TrackerOptions(
        prediction_timeout=settings.prediction_timeout,
        search=max(policy.search, settings.search_period),
        check=policy.check,
        max_people=settings.max_people,
    )


class LivePipeline:
    """A pipeline that takes the newest settings before each frame; one attribute read, if none."""

    def __init__(
        self,
        engine: Regressor,
        detector: Detector,
        settings: Callable[[], Settings],
        problems: Problems,
        next_id: int = 0,
    ) -> None:
        self._settings, self._detector = settings, detector
        self._applied = settings()
        self._pipeline = Pipeline(
            engine,
            detector,
            options=tracker_options(self._applied, detector),
            smoothing=smoothing(self._applied),
            placing=placing(self._applied),
            problems=problems,
            next_id=next_id,
        )
        if self._applied.use_depth:
            self._pipeline.placer.prepare()

    @property
    def next_id(self) -> int:
        return self._pipeline.next_id

    def process(self, frame: Frame) -> HumanFrame:
        settings = self._settings()
        if settings is not self._applied:
            self._pipeline.retune(tracker_options(settings, self._detector), smoothing(settings))
            if settings.stature != self._applied.stature:
                self._pipeline.placer.options = placing(settings)
            self._applied = settings
        return self._pipeline.process(frame)

    def reset(self) -> None:
        """Forget everybody."""
        self._pipeline.reset()


def smoothing(settings: Settings) -> SmoothOptions | None:
    """How people are filtered under these settings."""
    if not settings.smoothing:
        return None
    return SmoothOptions(
        cutoff=settings.smoothing_cutoff,
        response=settings.smoothing_response,
        lead=settings.smoothing_lead,
        torso=settings.smoothing_torso,
        hands=settings.smoothing_hands,
        face=settings.smoothing_face,
    )


def placing(settings: Settings) -> PlaceOptions:
    """What is known about people's places under these settings."""
    return PlaceOptions(KnownPeople(settings.stature or None))
