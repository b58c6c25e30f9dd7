"""Each kind of file: values come out exactly, wrong files are named."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import sparse

from pear_core.assets.convert import Converted, convert
from pear_core.assets.fields import PUBLISHED
from pear_core.assets.known import KNOWN
from pear_core.body.files import BodyFileError

BY_OUTPUT = {known.output: known for known in KNOWN}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def converted(output: str, path: Path, downloads: ModuleType) -> Converted:
    return convert(BY_OUTPUT[output], path, downloads.SMALL)


@pytest.mark.parametrize("columns", [400, 350])
@pytest.mark.parametrize("ending", ["npz", "pkl"])
def test_smplx(
    downloads: ModuleType, rng: np.random.Generator, tmp_path: Path, columns: int, ending: str
) -> None:
    arrays = downloads.smplx(rng, downloads.SMALL, columns)
    path = tmp_path / f"SMPLX_NEUTRAL.{ending}"
    if ending == "npz":
        np.savez(path, **arrays)
    else:
        path.write_bytes(downloads.legacy.python2(arrays, 2))
    result = converted("SMPLX_NEUTRAL.npz", path, downloads)
    assert set(result.unread) == {"hands_coeffsl", "joint2num", "part2num"}
    for key, array in result.arrays.items():
        np.testing.assert_array_equal(array, arrays[key])
        assert array.dtype == arrays[key].dtype
    assert set(result.arrays) == set(arrays) - set(result.unread)


def test_an_array_that_nobody_needs_may_have_any_shape(
    downloads: ModuleType, rng: np.random.Generator, tmp_path: Path
) -> None:
    arrays = {**downloads.smplx(rng, downloads.SMALL), "hands_meanl": np.zeros(12)}
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **arrays)
    result = converted("SMPLX_NEUTRAL.npz", tmp_path / "SMPLX_NEUTRAL.npz", downloads)
    assert "hands_meanl" in result.unread and "hands_meanl" not in result.arrays


def test_the_first_smplx_is_refused_with_the_reason(
    downloads: ModuleType, rng: np.random.Generator, tmp_path: Path
) -> None:
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **downloads.smplx(rng, downloads.SMALL, 20))
    with pytest.raises(BodyFileError) as error:
        converted("SMPLX_NEUTRAL.npz", tmp_path / "SMPLX_NEUTRAL.npz", downloads)
    says = str(error.value)
    assert "v1.0 with 10 shape and 10 expression" in says and "200 and 50" in says
    assert "(90, 3, 400 or 350)" in says and "(90, 3, 20)" in says


def test_flame(downloads: ModuleType, rng: np.random.Generator, tmp_path: Path) -> None:
    arrays = downloads.flame(rng, downloads.SMALL)
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(downloads.legacy.flame_like(rng, arrays))
    result = converted("FLAME.npz", path, downloads)
    assert set(result.unread) == {"J", "bs_style", "bs_type"}
    assert set(result.arrays) == set(arrays)
    for key, array in result.arrays.items():
        np.testing.assert_array_equal(array, arrays[key])


def test_another_model_given_as_flame(
    downloads: ModuleType, rng: np.random.Generator, tmp_path: Path
) -> None:
    parents = np.array([-1, *([0] * 15)])
    mano = downloads.skinned(rng, parents, 8, 12, 10)
    (tmp_path / "generic_model.pkl").write_bytes(downloads.legacy.flame_like(rng, mano))
    with pytest.raises(BodyFileError) as error:
        converted("FLAME.npz", tmp_path / "generic_model.pkl", downloads)
    assert "key 'v_template'; expected floats of shape (40, 3)" in str(error.value)
    assert "found float64 of shape (8, 3)" in str(error.value)


def test_masks_keep_every_region(downloads: ModuleType, tmp_path: Path) -> None:
    masks = {"neck": np.array([3, 1]), "boundary": np.array([39]), "file": np.array([], np.int64)}
    (tmp_path / "m.pkl").write_bytes(downloads.legacy.python2(masks, 0))
    result = converted("FLAME_masks.npz", tmp_path / "m.pkl", downloads).arrays
    assert {key: array.tolist() for key, array in result.items()} == {
        "neck": [3, 1], "boundary": [39], "file": [],
    }  # fmt: skip
    del masks["boundary"]
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(masks))
    with pytest.raises(BodyFileError, match="key 'boundary' is missing"):
        converted("FLAME_masks.npz", tmp_path / "m.pkl", downloads)


@pytest.mark.parametrize("aligned", [True, False])
def test_smplx2smpl_becomes_sparse(
    downloads: ModuleType, rng: np.random.Generator, tmp_path: Path, aligned: bool
) -> None:
    matrix = downloads.smplx2smpl(rng, downloads.SMALL)
    path = tmp_path / "smplx2smpl.pkl"
    path.write_bytes(downloads.joblib_bytes({"matrix": matrix}, aligned=aligned))
    arrays = converted("smplx2smpl.npz", path, downloads).arrays
    assert len(arrays["data"]) == np.count_nonzero(matrix)
    np.savez(tmp_path / "s.npz", **arrays)
    np.testing.assert_array_equal(sparse.load_npz(tmp_path / "s.npz").toarray(), matrix)


def test_half_a_gigabyte_becomes_less_than_a_megabyte(
    downloads: ModuleType, rng: np.random.Generator, tmp_path: Path
) -> None:
    """The real shape; the file is mostly a hole, so that nobody has to write its zeros."""
    rows, columns = 6890, 10475
    head = downloads.joblib_bytes({"matrix": np.zeros((3, 1))})[: -len("s.") - 3 * 8]
    sizes = struct.pack("<cHcH", b"M", rows, b"M", columns)
    head = head.replace(b"K\x03K\x01", sizes)
    path = tmp_path / "smplx2smpl.pkl"
    with path.open("wb") as file:
        file.write(head)
        file.seek(len(head) + rows * columns * 8)
        file.write(b"s.")
    left, right = rng.integers(0, 5000, rows), rng.integers(5000, columns, rows)
    matrix = np.memmap(path, "<f8", "r+", len(head), (rows, columns))
    matrix[np.arange(rows), left], matrix[np.arange(rows), right] = 0.25, 0.75
    arrays = convert(BY_OUTPUT["smplx2smpl.npz"], path, PUBLISHED).arrays
    np.testing.assert_array_equal(arrays["indices"].reshape(rows, 2), np.c_[left, right])
    np.testing.assert_array_equal(arrays["data"].reshape(rows, 2), [[0.25, 0.75]] * rows)
    assert sum(array.nbytes for array in arrays.values()) < 1_000_000


@pytest.mark.parametrize("change", ["dense", "sum", "shape", "key"])
def test_another_matrix_given_as_smplx2smpl(
    downloads: ModuleType, rng: np.random.Generator, tmp_path: Path, change: str
) -> None:
    matrix = downloads.smplx2smpl(rng, downloads.SMALL)
    content = {
        "dense": {"matrix": np.full_like(matrix, 1 / matrix.shape[1])},
        "sum": {"matrix": matrix * 2},
        "shape": {"matrix": matrix.T},
        "key": {"matrices": matrix},
    }[change]
    path = tmp_path / "smplx2smpl.pkl"
    path.write_bytes(downloads.joblib_bytes(content))
    says = {
        "dense": "found rows of up to 90 numbers",
        "sum": "sums to 2",
        "shape": r"expected floats of shape \(70, 90\); found float64 of shape \(90, 70\)",
        "key": "'matrix' is missing.*found keys matrices",
    }[change]
    with pytest.raises(BodyFileError, match=says):
        converted("smplx2smpl.npz", path, downloads)


def test_decas_embedding_with_torch_tensors(
    downloads: ModuleType, rng: np.random.Generator, tmp_path: Path
) -> None:
    content = downloads.deca(rng, downloads.SMALL)
    tensors = {
        key: torch.from_numpy(array) if key.startswith("dynamic") else array
        for key, array in content.items()
    }
    np.save(tmp_path / "landmark_embedding.npy", np.array(tensors, dtype=object))
    result = converted("landmark_embedding.npz", tmp_path / "landmark_embedding.npy", downloads)
    for key, array in result.arrays.items():
        np.testing.assert_array_equal(array, np.squeeze(content[key]))
    assert result.arrays["full_lmk_bary_coords"].shape == (68, 3)
    assert set(result.arrays) == set(content)


def test_single_arrays_under_any_key(downloads: ModuleType, tmp_path: Path) -> None:
    lids = np.random.default_rng(0).normal(0, 1e-3, (1, 40, 3))
    np.save(tmp_path / "l_eyelid.npy", lids)
    result = converted("l_eyelid.npy", tmp_path / "l_eyelid.npy", downloads)
    np.testing.assert_array_equal(result.arrays["offsets"], lids[0])
    j14 = sparse.csr_matrix(np.eye(14, 90))
    (tmp_path / "SMPLX_to_J14.pkl").write_bytes(pickle.dumps(j14, 2))
    result = converted("SMPLX_to_J14.npz", tmp_path / "SMPLX_to_J14.pkl", downloads)
    np.testing.assert_array_equal(result.arrays["J14"], np.eye(14, 90))
    (tmp_path / "SMPLX_to_J14.pkl").write_bytes(pickle.dumps({"a": 1, "b": 2}, 2))
    with pytest.raises(BodyFileError, match=r"one array, floats of shape \(14, 90\).*keys a, b"):
        converted("SMPLX_to_J14.npz", tmp_path / "SMPLX_to_J14.pkl", downloads)


def test_surface_joints_beyond_the_mesh(downloads: ModuleType, tmp_path: Path) -> None:
    text = downloads.extra_joints(np.random.default_rng(0), 150)
    (tmp_path / "j.yaml").write_text(text)
    assert converted("landmarks.npz", tmp_path / "j.yaml", downloads).arrays["bary"].shape == (
        22,
        3,
    )
    (tmp_path / "j.yaml").write_text(text.replace("face: ", "face: 9", 1))
    with pytest.raises(BodyFileError, match=r"j\.yaml: face; expected indices in 0\.\.149"):
        converted("landmarks.npz", tmp_path / "j.yaml", downloads)
    (tmp_path / "j.yaml").write_text(text.replace("nose", "noise"))
    with pytest.raises(BodyFileError, match=r"j\.yaml: .*joints nose are missing"):
        converted("landmarks.npz", tmp_path / "j.yaml", downloads)
