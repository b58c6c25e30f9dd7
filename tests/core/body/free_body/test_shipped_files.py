"""The shipped free body: format, hashes, and the smplx package as a reader."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from independent.shipped_body import FOLDER, Model, landmark
from pear_core.anatomy import (
    FLAME_PARENTS,
    SMPLX_PARENTS,
)
from pear_core.body.free_body import write
from pear_core.body.free_body.posing import pose


def test_smplx_file_has_the_keys_shapes_and_types_of_smplx(body: Model) -> None:
    count, faces = len(body["v_template"]), len(body["f"])
    assert (count, faces) == (13718, 27420)
    expected = {
        "v_template": (count, 3), "f": (faces, 3), "shapedirs": (count, 3, 400),
        "posedirs": (count, 3, 486), "J_regressor": (55, count), "weights": (count, 55),
        "kintree_table": (2, 55), "lmk_faces_idx": (51,), "lmk_bary_coords": (51, 3),
        "dynamic_lmk_faces_idx": (79, 17), "dynamic_lmk_bary_coords": (79, 17, 3),
        "hands_meanl": (45,), "hands_meanr": (45,), "hands_componentsl": (45, 45),
        "hands_componentsr": (45, 45), "ft": (faces, 3), "expression_names": (50,),
    }  # fmt: skip
    assert {k: body[k].shape for k in expected} == expected
    assert body["f"].dtype == np.uint32
    for key in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights"):
        assert body[key].dtype == np.float32, key
        assert np.isfinite(body[key]).all(), key
    assert body["kintree_table"][0, 0] == 2**32 - 1
    assert np.array_equal(body["kintree_table"][0, 1:], SMPLX_PARENTS[1:])
    assert not body["posedirs"].any()
    used = np.abs(body["shapedirs"]).max(axis=(0, 1)) > 0
    assert np.array_equal(np.flatnonzero(used), np.r_[:40, 300:350])


def test_flame_file_has_the_keys_and_shapes_of_flame(head: Model) -> None:
    count = len(head["v_template"])
    assert head["shapedirs"].shape == (count, 3, 400)
    assert head["posedirs"].shape == (count, 3, 36)
    assert head["weights"].shape == (count, 5)
    assert head["J_regressor"].shape == (5, count)
    assert np.array_equal(head["kintree_table"][0, 1:], FLAME_PARENTS[1:])
    assert head["J"] == pytest.approx(head["J_regressor"] @ head["v_template"], abs=1e-6)
    eyes = head["J"][3:].mean(axis=0)
    assert np.abs(eyes).max() < 1e-5  # head_scale about the origin keeps the eyes in place


def test_manifest_matches_the_files_and_they_are_small() -> None:
    files = json.loads((FOLDER / "manifest.json").read_text())["files"]
    present = {p.name for p in FOLDER.iterdir()} - {"manifest.json"}
    assert set(files) == present
    for name, entry in files.items():
        content = (FOLDER / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
        assert len(content) == entry["bytes"] < 20_000_000, name


def test_npz_bytes_depend_on_content_only(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "names": np.array(["x", "yy"])}
    for name in ("one.npz", "two.npz"):
        write.npz(tmp_path / name, arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    back = np.load(tmp_path / "one.npz", allow_pickle=False)
    assert np.array_equal(back["a"], arrays["a"])


def test_smplx_package_loads_it_and_agrees(body: Model) -> None:
    torch = pytest.importorskip("torch")
    smplx = pytest.importorskip("smplx")
    model = smplx.create(
        str(FOLDER / "SMPLX_NEUTRAL.npz"), model_type="smplx", num_betas=40,
        num_expression_coeffs=50, use_pca=False, flat_hand_mean=True, use_face_contour=True,
    )  # fmt: skip
    rng = np.random.default_rng(5)
    betas, expression = rng.standard_normal(40), rng.uniform(0, 0.5, 50)
    turns = rng.uniform(-0.4, 0.4, (55, 3))

    def rows(first: int, last: int) -> object:
        return torch.tensor(turns[first:last].reshape(1, -1), dtype=torch.float32)

    with torch.no_grad():
        out = model(
            betas=torch.tensor(betas[None], dtype=torch.float32),
            expression=torch.tensor(expression[None], dtype=torch.float32),
            global_orient=rows(0, 1), body_pose=rows(1, 22), jaw_pose=rows(22, 23),
            leye_pose=rows(23, 24), reye_pose=rows(24, 25),
            left_hand_pose=rows(25, 40), right_hand_pose=rows(40, 55),
        )  # fmt: skip
    vertices, at = pose(body, dict(enumerate(turns)), betas, expression)
    assert np.abs(out.vertices[0].numpy() - vertices).max() < 1e-5
    assert np.abs(out.joints[0, :55].numpy() - at).max() < 1e-5
    assert torch.isfinite(out.joints).all()
    assert out.joints.shape[1] == 55 + 21 + 51 + 17
    static = landmark(vertices, body)
    assert np.abs(out.joints[0, 76:127].numpy() - static).max() < 1e-5
