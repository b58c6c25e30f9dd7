"""Augmented labels against the body model posed with the augmented parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pear_core.anatomy import EHM_JOINTS, EHM_MIRROR
from pear_core.data.augment import mirror, recolour, turned
from pear_core.data.records import Record, stack
from pear_core.data.synthetic.people import to_parameters
from pear_core.data.synthetic.studio import Studio
from pear_core.geometry.cameras import project_crop
from pear_core.train.expressions import expression_mirror

BODY = Path(__file__).parents[3] / "models" / "free_body"


def _joints(studio: Studio, batch: dict[str, np.ndarray]) -> np.ndarray:
    people = [{k: v[i] for k, v in batch.items()} for i in range(len(batch["camera"]))]
    with torch.inference_mode():
        return np.asarray(studio.ehm(to_parameters(people)).joints.numpy())


@pytest.fixture(scope="module")
def batch(records: list[Record]) -> dict[str, np.ndarray]:
    return stack(records[:5])


def _pixels(batch: dict[str, np.ndarray]) -> np.ndarray:
    uv = project_crop(torch.from_numpy(batch["joints"]), torch.from_numpy(batch["camera"])).numpy()
    return np.asarray(256 * np.linalg.norm(uv - batch["keypoints"], axis=-1))


def test_mirrored_parameters_give_the_mirrored_joints(
    studio: Studio, batch: dict[str, np.ndarray]
) -> None:
    flipped = mirror(batch, expression_mirror(BODY))
    np.testing.assert_allclose(_joints(studio, flipped), flipped["joints"], atol=4e-3)
    # The same residual of the crop camera as before, joint by joint.
    np.testing.assert_allclose(_pixels(flipped), _pixels(batch)[:, EHM_MIRROR], atol=0.1)


def test_mirroring_twice_is_the_identity(batch: dict[str, np.ndarray]) -> None:
    names = expression_mirror(BODY)
    twice = mirror(mirror(batch, names), names)
    for name, array in batch.items():
        np.testing.assert_allclose(
            twice[name].astype(float), array.astype(float), atol=1e-5, err_msg=name
        )


def test_mirrored_picture_shows_mirrored_cells(batch: dict[str, np.ndarray]) -> None:
    flipped = mirror(batch, np.arange(50))
    assert (flipped["image"][0, :, 0] == batch["image"][0, :, -1]).all()
    body = batch["surface"][..., 0] == 2
    assert (flipped["surface"][..., 0] == 2).sum() == body.sum()
    left = (batch["surface"][..., 1] > 140) & body
    right = (flipped["surface"][..., 1] < 115) & (flipped["surface"][..., 0] == 2)
    assert left.sum() == right.sum()


def test_landmark_mirror_swaps_sides() -> None:
    name = EHM_JOINTS.index
    pairs = [(36, 45), (39, 42), (48, 54), (0, 16), (17, 26), (60, 64), (40, 47), (31, 35)]
    names = [(f"face_{a}", f"face_{b}") for a, b in pairs] + [("left_index3", "right_index3")]
    for a, b in names:
        assert EHM_MIRROR[name(a)] == name(b) and EHM_MIRROR[name(b)] == name(a)
    for middle in (
        "face_27",
        "face_30",
        "face_33",
        "face_51",
        "face_57",
        "face_62",
        "face_66",
        "face_8",
    ):
        assert EHM_MIRROR[name(middle)] == name(middle)
    assert (EHM_MIRROR[EHM_MIRROR] == np.arange(145)).all()


def test_turned_crops_keep_exact_labels(studio: Studio, batch: dict[str, np.ndarray]) -> None:
    moved = turned(np.random.default_rng(0), batch)
    np.testing.assert_allclose(_joints(studio, moved), moved["joints"], atol=2e-3)
    # Joints far outside the picture see the zoomed camera's perspective most; they are not labels.
    off = np.abs(_pixels(moved) - _pixels(batch)) * batch["confidence"]
    assert off.max() < 2.0
    assert np.abs(moved["camera"] - batch["camera"]).max() > 0.01


def test_turned_picture_follows_its_key_points(batch: dict[str, np.ndarray]) -> None:
    """A white dot painted on a key point is found at the moved key point."""
    painted = {k: v.copy() for k, v in batch.items()}
    painted["image"][:] = 0
    places = []
    for i in range(len(painted["image"])):
        x, y = np.round(painted["keypoints"][i, 9] * 256).astype(int)
        painted["image"][i, y - 1 : y + 2, x - 33 : x - 30] = 255
        painted["keypoints"][i, 9] = [x / 256, y / 256]
        places.append((x, y))
    moved = turned(np.random.default_rng(1), painted)
    for i in range(len(places)):
        rows, columns = np.nonzero(moved["image"][i, ..., 0] > 60)
        expected = moved["keypoints"][i, 9] * 256 - [32, 0]
        np.testing.assert_allclose([columns.mean(), rows.mean()], expected, atol=0.6)


def test_recolouring_is_seeded_and_keeps_shape(batch: dict[str, np.ndarray]) -> None:
    a = recolour(np.random.default_rng(0), batch["image"])
    b = recolour(np.random.default_rng(0), batch["image"])
    assert (a == b).all() and a.shape == batch["image"].shape and (a != batch["image"]).any()
