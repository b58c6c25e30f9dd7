"""Rendered people: labels against the pictures they belong to."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from pear_core.data.records import Record
from pear_core.data.synthetic.people import to_parameters
from pear_core.data.synthetic.studio import Studio
from pear_core.geometry.cameras import project_crop
from pear_core.layout import CROP_SIZE, STRIP_MARGIN

STRIDE = 4


def _posed(studio: Studio, record: Record) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        out = studio.ehm(to_parameters([record.arrays()]))
    return out.vertices.numpy()[0], out.joints.numpy()[0]


def test_the_same_number_gives_the_same_record(studio: Studio, records: list[Record]) -> None:
    again = studio.sample(3)
    assert (again.image == records[3].image).mean() > 0.999
    np.testing.assert_allclose(again.joints, records[3].joints, atol=1e-5)
    np.testing.assert_array_equal(again.rotations, records[3].rotations)
    assert not np.array_equal(records[3].image, records[4].image)


def test_joint_labels_are_those_of_the_parameters(studio: Studio, records: list[Record]) -> None:
    for record in records[:4]:
        np.testing.assert_allclose(_posed(studio, record)[1], record.joints, atol=1e-4)


def test_the_crop_camera_explains_the_key_points(records: list[Record]) -> None:
    """A true perspective leaves a few pixels; facts 4: 3.5 to 4.9 on real perspective crops."""
    errors = []
    for record in records:
        uv = project_crop(
            torch.from_numpy(record.joints)[None], torch.from_numpy(record.camera)[None]
        )
        off = np.linalg.norm(uv[0].numpy() - record.keypoints, axis=1) * CROP_SIZE
        errors.append(off[record.confidence > 0].mean())
    assert np.mean(errors) < 7 and np.median(errors) < 5


def test_the_mesh_covers_the_pixels_that_show_it(studio: Studio, records: list[Record]) -> None:
    """Reprojected vertices against the labelled pixels, whatever is worn: most of one lies in the
    other.
    """
    scores = []
    for record in records:
        vertices, _ = _posed(studio, record)
        uv = project_crop(torch.from_numpy(vertices)[None], torch.from_numpy(record.camera)[None])[
            0
        ].numpy()
        mask = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
        triangles = (uv * CROP_SIZE)[studio.canvas.faces].round().astype(np.int32)
        for triangle in triangles[::2]:
            cv2.fillConvexPoly(mask, triangle, 1)
        strip = cv2.dilate(mask, np.ones((9, 9)))[:, STRIP_MARGIN:-STRIP_MARGIN]
        body = record.surface[..., 0] == 2
        cells = strip[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE] > 0
        if body.sum() > 100:
            scores.append((cells & body).sum() / body.sum())
    assert len(scores) >= 7
    assert np.mean(scores) > 0.9


def test_surface_cells_name_the_right_body_parts(studio: Studio, records: list[Record]) -> None:
    """Near a visible wrist the template x is beyond 0.4 m on the same side."""
    hits = 0
    for record in records:
        for joint, side in ((20, 1), (21, -1)):
            x, y = record.keypoints[joint] * CROP_SIZE - [STRIP_MARGIN, 0]
            column, row = round((x - 2) / STRIDE), round((y - 2) / STRIDE)
            window = record.surface[
                max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2
            ].reshape(-1, 5)
            template_x = window[window[:, 0] == 2][:, 1] / 255 * 2 - 1
            hits += bool((side * template_x > 0.4).any())
    # Hidden wrists (behind the body, out of the picture) explain the rest.
    assert hits >= 8


def test_pictures_differ_from_plain_backgrounds_and_are_not_black(records: list[Record]) -> None:
    assert np.mean([r.image.std() for r in records]) > 25
