"""Picture and video files to frames."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pear_ros.cli.pictures import picture_frame, read_picture, video_frames, video_info
from pear_ros.problems import PearError, Problems
from pear_ros.types import Intrinsics

RGB = np.random.default_rng(0).integers(0, 256, (13, 17, 3), np.uint8)


def saved(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """Written by Pillow, which knows nothing of OpenCV's channel order."""
    Image.fromarray(pixels).save(path, **options)
    return path


def test_colour_grey_and_transparent_pictures(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_picture(saved(tmp_path / "a.png", RGB)), RGB)
    np.testing.assert_array_equal(read_picture(saved(tmp_path / "a.bmp", RGB)), RGB)
    grey = RGB[:, :, 0]
    np.testing.assert_array_equal(
        read_picture(saved(tmp_path / "g.png", grey)), np.dstack([grey] * 3)
    )
    rgba = np.dstack([RGB, RGB[:, :, 1]])
    np.testing.assert_array_equal(read_picture(saved(tmp_path / "t.png", rgba)), RGB)


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, (13, 17), dtype=np.uint16)
    deep[0, :3] = (0, 65535, 257)
    read = read_picture(saved(tmp_path / "d.png", deep))
    expected = np.rint(deep * (255 / 65535)).astype(np.uint8)
    np.testing.assert_array_equal(read, np.dstack([expected] * 3))
    assert read[0, :3, 0].tolist() == [0, 255, 1]
    colour = np.random.default_rng(2).integers(0, 65536, (13, 17, 3), dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "c.png"), colour[:, :, ::-1])
    np.testing.assert_array_equal(
        read_picture(tmp_path / "c.png"), np.rint(colour / 257).astype(np.uint8)
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_the_camera_is_undone(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    smooth = cv2.resize(RGB[:3, :4], (48, 32), interpolation=cv2.INTER_CUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "e.jpg", smooth, exif=exif, quality=97)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    read = read_picture(path)
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).mean() < 2


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0, 1, exclude_max=True))
def test_cut_off_pictures_are_refused(tmp_path: Path, kind: str, share: float) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, kind)
    data = buffer.getvalue()
    path = tmp_path / "cut"
    path.write_bytes(data[: int(share * (len(data) - 8))])
    with pytest.raises(PearError, match="cut"):
        read_picture(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=200),
    head=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"RIFF"]),
)
def test_any_bytes_are_a_picture_or_one_error(tmp_path: Path, data: bytes, head: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(head + data)
    try:
        assert read_picture(path).ndim == 3
    except PearError as error:
        assert str(path) in str(error)


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("hello")
    cv2.imwrite(str(tmp_path / "float.tiff"), np.ones((4, 5, 3), np.float32))
    for name, said in {
        "empty.png": "0 bytes",
        "text.jpg": "intact",
        "float.tiff": "float32",
        "missing.png": "No such file",
        ".": "directory",
    }.items():
        with pytest.raises(PearError, match=said):
            read_picture(tmp_path / name)


def test_frame_carries_source_and_calibration(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", RGB)
    frame = picture_frame(path, (500.0, 501.0, 8.0, 6.0))
    assert frame.source == str(path)
    assert frame.intrinsics == Intrinsics(500.0, 501.0, 8.0, 6.0, 17, 13)
    assert picture_frame(path).intrinsics is None


def test_video_frames_are_stamped_by_the_rate(clip: Path) -> None:
    info = video_info(clip)
    assert (info.rate, info.frames) == (12.5, 7)
    frames = list(video_frames(clip, problems=(problems := Problems())))
    assert [f.stamp for f in frames] == [80_000_000 * i for i in range(7)]
    assert {f.image.shape for f in frames} == {(60, 80, 3)}
    assert len(problems) == 0


def test_video_that_ends_early_is_counted(clip: Path) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    problems = Problems()
    try:
        frames = list(video_frames(clip, problems=problems))
    except PearError:
        return
    assert 0 < len(frames) < 7
    if video_info(clip).frames == 7:
        assert problems.counts == {"truncated": 1}


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_text("no video")
    for name in ("v.mp4", "missing.mp4", "."):
        with pytest.raises(PearError, match="video"):
            list(video_frames(tmp_path / name))
