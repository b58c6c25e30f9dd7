"""The topics a live node listens to, and how they become frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pear_ros.live.arrivals import Arrival, Calibration, Companions
from pear_ros.live.graph import SENSOR, Graph, Level, Qos, Subscription
from pear_ros.live.settings import Settings
from pear_ros.live.slot import Newest
from pear_ros.live.transforms import TransformBuffer, TransformError
from pear_ros.live.worker import Waiting
from pear_ros.messages import codec, images
from pear_ros.messages.depth import decode_depth
from pear_ros.messages.detections import read_detections
from pear_ros.messages.images import ImageError
from pear_ros.problems import PearError, Problems
from pear_ros.types import Box, FloatArray, Frame, Intrinsics, Reference

IMAGE, INFO, DEPTH, DETECTIONS = "image", "camera_info", "depth", "detections"
"""Topic names, to be remapped."""
TF, TF_STATIC = "/tf", "/tf_static"
DETECTION_ARRAY = "vision_msgs/msg/Detection2DArray"
TF_MESSAGE = "tf2_msgs/msg/TFMessage"
_TF_QOS = Qos(depth=100)
_TF_STATIC_QOS = Qos(latched=True, depth=100)


class Inputs:
    """Subscribes while it is open; every picture goes into the slot as something that can be decoded.

    settings: gives the newest settings. Callbacks keep bytes and return.
    """

    def __init__(
        self,
        graph: Graph,
        slot: Newest[Waiting],
        settings: Callable[[], Settings],
        problems: Problems,
    ) -> None:
        self._graph, self.slot, self._settings = graph, slot, settings
        self.problems = problems
        self.calibration = Calibration()
        self.depth: Companions[FloatArray] | None = None
        self.detections: Companions[list[Box]] | None = None
        self.transforms: TransformBuffer | None = None
        self.topic = graph.resolve(IMAGE)
        self._subscriptions: list[Subscription] = []
        self._image_subscription: Subscription | None = None
        self.image_type = ""
        # The watch and a changed parameter may attend at once, and while somebody closes. Reentrant,
        # since subscribing may itself declare parameters.
        self._attending = threading.RLock()

    def open(self) -> None:
        """Start to listen."""
        settings = self._settings()
        self._subscribe(INFO, codec.CAMERA_INFO, SENSOR, self.calibration.put)
        if settings.use_depth:
            self.depth = Companions(decode_depth)
            self._subscribe(DEPTH, codec.IMAGE, SENSOR, self._companion(self.depth, DEPTH))
        if settings.detector == "topic":
            self.detections = Companions(self._boxes)
            self._subscribe(
                DETECTIONS, DETECTION_ARRAY, SENSOR, self._companion(self.detections, DETECTIONS)
            )
        if settings.reference_frame:
            self.open_transforms()
        self.image_type = image_type(settings.image_transport, self.topic, self._graph.types)
        self._image_subscription = self._graph.subscribe(
            IMAGE, self.image_type, SENSOR, self._picture
        )

    def open_transforms(self) -> None:
        """Start to listen to /tf; for a reference frame that is set while running."""
        if self.transforms is not None:
            return
        transforms = self.transforms = TransformBuffer()
        self._subscribe(
            TF, TF_MESSAGE, _TF_QOS, lambda data: self._transform(transforms, data, False)
        )
        self._subscribe(
            TF_STATIC, TF_MESSAGE, _TF_STATIC_QOS,
            lambda data: self._transform(transforms, data, True),
        )  # fmt: skip

    def attend(self, settings: Settings) -> None:
        """Listen to /tf where a reference frame was set; and where no picture has come yet,
        subscribe anew if the publishers show another type.
        """
        with self._attending:
            if self._image_subscription is not None:
                self._attend(settings, self._image_subscription)

    def _attend(self, settings: Settings, pictures: Subscription) -> None:
        if settings.reference_frame:
            self.open_transforms()
        if self.slot.received:
            return
        kind = image_type(settings.image_transport, self.topic, self._graph.types)
        if kind != self.image_type:
            pictures.close()
            self.image_type = kind
            self._graph.log(Level.INFO, f"{self.topic} carries {kind}")
            self._image_subscription = self._graph.subscribe(IMAGE, kind, SENSOR, self._picture)

    def close(self) -> None:
        """Stop listening; nothing more enters the slot."""
        with self._attending:
            for subscription in self._subscriptions:
                subscription.close()
            if self._image_subscription is not None:
                self._image_subscription.close()
            self._subscriptions, self._image_subscription = [], None

    def _subscribe(
        self, topic: str, type_name: str, qos: Qos, callback: Callable[[memoryview], None]
    ) -> None:
        self._subscriptions.append(self._graph.subscribe(topic, type_name, qos, callback))

    def _companion(
        self, kept: Companions[FloatArray] | Companions[list[Box]], topic: str
    ) -> Callable[[memoryview], None]:
        def put(data: memoryview) -> None:
            try:
                kept.put(data)
            except PearError as error:
                self.problems.add(topic, self._graph.resolve(topic), 0, str(error))

        return put

    def _transform(self, transforms: TransformBuffer, data: memoryview, static: bool) -> None:
        try:
            transforms.put(data, static=static)
        except PearError as error:
            self.problems.add("tf", TF, 0, str(error))

    def _boxes(self, data: memoryview) -> list[Box]:
        settings = self._settings()
        return read_detections(data, settings.detection_class, settings.detection_score)

    def _picture(self, data: memoryview) -> None:
        self.slot.put(_Picture(Arrival(data, self.image_type, time.monotonic_ns()), self))

    def calibration_state(self) -> str:
        return self.calibration.state

    def frame(self, arrival: Arrival) -> Frame:
        """A picture's pixels, calibration, depth, boxes and camera pose. Raises PearError.

        Companions that are broken are counted, and the frame does without them.
        """
        settings = self._settings()
        try:
            picture = images.parse(arrival.data, arrival.type_name)
            if picture.stamp <= 0:
                # Nothing could be matched to it, and its result would look as old as time.
                raise ImageError("stamp", "the picture has no stamp", expected="a time")
            image = images.decode(picture)
        except PearError as error:
            error.where = self.topic
            raise
        height, width = image.shape[:2]
        stamp, frame_id = picture.stamp, picture.frame_id
        return Frame(
            image=image,
            stamp=stamp,
            frame_id=frame_id,
            intrinsics=self._intrinsics(settings, width, height, stamp),
            depth=self._depth(settings, (height, width), stamp),
            reference=self._reference(settings, frame_id, stamp),
            boxes=self._found(settings, stamp),
            source=self.topic,
        )

    def _intrinsics(
        self, settings: Settings, width: int, height: int, stamp: int
    ) -> Intrinsics | None:
        try:
            return self.calibration.intrinsics(settings.rectified, width, height)
        except PearError as error:
            self.problems.add("calibration", self._graph.resolve(INFO), stamp, str(error))
            return None

    def _depth(self, settings: Settings, size: tuple[int, int], stamp: int) -> FloatArray | None:
        if self.depth is None:
            return None
        topic = self._graph.resolve(DEPTH)
        try:
            depth = self.depth.match(stamp, settings.sync_slop, settings.sync_wait)
        except PearError as error:
            self.problems.add("depth", topic, stamp, str(error))
            return None
        if depth is None:
            within = f"no depth image within {settings.sync_slop} s of the picture"
            reason = within if self.depth.received else f"nothing has come on {topic}"
            self.problems.add("depth", topic, stamp, reason)
            return None
        if depth.shape != size:
            reason = f"depth of {depth.shape[1]}x{depth.shape[0]} is not aligned to the picture"
            self.problems.add("depth", topic, stamp, reason)
            return None
        return depth

    def _found(self, settings: Settings, stamp: int) -> tuple[Box, ...] | None:
        if self.detections is None:
            return None
        topic = self._graph.resolve(DETECTIONS)
        try:
            boxes = self.detections.match(stamp, settings.sync_slop, settings.sync_wait)
        except PearError as error:
            self.problems.add("detections", topic, stamp, str(error))
            return None
        if boxes is None and not self.detections.received:
            # Once it runs, a detector may well leave pictures out.
            self.problems.add("detections", topic, stamp, f"nothing has come on {topic}")
        return None if boxes is None else tuple(boxes)

    def _reference(self, settings: Settings, frame_id: str, stamp: int) -> Reference | None:
        if self.transforms is None or not settings.reference_frame:
            return None
        try:
            return self.transforms.reference(
                settings.reference_frame, frame_id, stamp, settings.sync_wait
            )
        except TransformError as error:
            self.problems.add("tf", TF, stamp, str(error))
            return None


@dataclass(frozen=True)
class _Picture:
    arrival: Arrival
    inputs: Inputs

    @property
    def received(self) -> int:
        return self.arrival.received

    def frame(self) -> Frame:
        return self.inputs.frame(self.arrival)


class _Types(Protocol):
    def __call__(self, topic: str) -> Sequence[str]: ...


def image_type(transport: str, topic: str, types: _Types) -> str:
    """The message type of the picture topic: asked for, offered by a publisher, or as named."""
    if transport == "raw":
        return codec.IMAGE
    if transport == "compressed":
        return codec.COMPRESSED_IMAGE
    offered = [t for t in types(topic) if t in (codec.IMAGE, codec.COMPRESSED_IMAGE)]
    if offered:
        return offered[0]
    return codec.COMPRESSED_IMAGE if topic.endswith("/compressed") else codec.IMAGE
