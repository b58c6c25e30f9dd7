"""Which topics of a bag are pictures, and which CameraInfo belongs to them."""

from __future__ import annotations

from collections.abc import Sequence

from pear_ros.messages.codec import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from pear_ros.problems import PearError
from pear_ros.replay.storage import Topic

IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)
_NO_COLOUR = ("depth", "disparity", "mask", "segmentation", "thermal", "infra", "confidence")


def image_topics(topics: Sequence[Topic]) -> list[Topic]:
    """Topics of pictures, most likely first: colour before depth, raw before compressed."""

    def rank(topic: Topic) -> tuple[bool, bool, bool]:
        name = topic.name.lower()
        return (
            topic.count == 0,
            any(word in name for word in _NO_COLOUR),
            topic.type == COMPRESSED_IMAGE,
        )

    return sorted((t for t in topics if t.type in IMAGE_TYPES), key=rank)


def choose_image_topic(topics: Sequence[Topic], name: str | None, where: str) -> Topic:
    """The named topic, or the most likely one.

    Raises: PearError where the bag has no pictures, or no picture topic of that name.
    """
    candidates = image_topics(topics)
    names = ", ".join(t.name for t in candidates)
    if name is not None:
        wanted = "/" + name.strip("/")
        for topic in candidates:
            if topic.name == wanted:
                return topic
        for topic in topics:
            if topic.name == wanted:
                raise PearError(f"{wanted} holds no pictures", where=where,
                                expected=" or ".join(IMAGE_TYPES), found=topic.type)  # fmt: skip
        found = names or "no topic with pictures"
        raise PearError(
            f"no topic {wanted}", where=where, expected="a topic of the bag", found=found
        )
    if not candidates:
        found = ", ".join(f"{t.name} ({t.type})" for t in topics[:10]) or "no topics"
        raise PearError("no topic with pictures", where=where,
                        expected=" or ".join(IMAGE_TYPES), found=found)  # fmt: skip
    return candidates[0]


def camera_info_topic(image: Topic, topics: Sequence[Topic], name: str | None = None) -> str | None:
    """Name of the CameraInfo topic of an image topic, None where there is none.

    ROS puts it beside the picture: /camera/image_raw and /camera/image_raw/compressed both have
    /camera/camera_info. A bag's only CameraInfo belongs to its only camera, wherever it lies.
    """
    infos = [t.name for t in topics if t.type == CAMERA_INFO and t.count != 0]
    if name is not None:
        return "/" + name.strip("/")
    parent = image.name
    for _ in range(2 if image.type == COMPRESSED_IMAGE else 1):
        parent = parent.rsplit("/", 1)[0]
        if f"{parent}/camera_info" in infos:
            return f"{parent}/camera_info"
    cameras = {t.name.rsplit("/", 1)[0] for t in topics if t.type == IMAGE}
    return infos[0] if len(infos) == 1 and len(cameras) <= 1 else None


def is_rectified(image: Topic) -> bool:
    """Whether a picture topic holds rectified pictures, by the names image_proc gives them."""
    return any(part.startswith("image_rect") for part in image.name.split("/"))
