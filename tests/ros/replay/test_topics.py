"""Which topic holds the pictures, and which CameraInfo is theirs."""

from __future__ import annotations

import pytest

from pear_ros.problems import PearError
from pear_ros.replay.storage import Topic
from pear_ros.replay.topics import (
    camera_info_topic,
    choose_image_topic,
    image_topics,
    is_rectified,
)

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO, TEXT = "sensor_msgs/msg/CameraInfo", "std_msgs/msg/String"


def topics(*entries: tuple[str, str]) -> list[Topic]:
    return [Topic(name, kind, count=1) for name, kind in entries]


BAG = topics(
    ("/depth/image_raw", IMAGE),
    ("/color/image_raw/compressed", COMPRESSED),
    ("/color/image_raw", IMAGE),
    ("/color/camera_info", INFO),
    ("/depth/camera_info", INFO),
    ("/text", TEXT),
)


def test_colour_before_depth_and_raw_before_compressed() -> None:
    names = [t.name for t in image_topics(BAG)]
    assert names == ["/color/image_raw", "/color/image_raw/compressed", "/depth/image_raw"]
    assert choose_image_topic(BAG, None, "bag").name == "/color/image_raw"


def test_empty_topics_come_last() -> None:
    bag = [Topic("/a", IMAGE, count=0), Topic("/b", IMAGE, count=3)]
    assert choose_image_topic(bag, None, "bag").name == "/b"


@pytest.mark.parametrize("name", ["/depth/image_raw", "depth/image_raw"])
def test_a_named_topic_wins(name: str) -> None:
    assert choose_image_topic(BAG, name, "bag").name == "/depth/image_raw"


@pytest.mark.parametrize(
    ("bag", "name", "words"),
    [
        (BAG, "/nothing", "no topic /nothing.*found /color/image_raw, "),
        (BAG, "/text", "/text holds no pictures.*found std_msgs/msg/String"),
        (topics(("/text", TEXT)), None, "no topic with pictures.*/text"),
        ([], None, "no topics"),
    ],
)
def test_there_is_no_such_topic(bag: list[Topic], name: str | None, words: str) -> None:
    with pytest.raises(PearError, match=words):
        choose_image_topic(bag, name, "bag")


def test_the_camera_info_lies_beside_the_pictures() -> None:
    chosen = {t.name: camera_info_topic(t, BAG) for t in image_topics(BAG)}
    assert chosen == {
        "/color/image_raw": "/color/camera_info",
        "/color/image_raw/compressed": "/color/camera_info",
        "/depth/image_raw": "/depth/camera_info",
    }


def test_the_only_camera_info_belongs_to_the_only_camera() -> None:
    bag = topics(("/image", IMAGE), ("/elsewhere/camera_info", INFO))
    assert camera_info_topic(bag[0], bag) == "/elsewhere/camera_info"
    two = topics(("/a/image", IMAGE), ("/b/image", IMAGE), ("/c/camera_info", INFO))
    assert camera_info_topic(two[0], two) is None


def test_none_or_a_named_one() -> None:
    bag = topics(("/image", IMAGE))
    assert camera_info_topic(bag[0], bag) is None
    assert camera_info_topic(bag[0], bag, "my/info") == "/my/info"


def test_rectified_pictures_by_name() -> None:
    for name in ("/c/image_rect", "/c/image_rect_color", "/c/image_rect/compressed"):
        assert is_rectified(Topic(name, IMAGE))
    for name in ("/c/image_raw", "/rectory/image"):
        assert not is_rectified(Topic(name, IMAGE))
