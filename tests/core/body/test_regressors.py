"""Readers of regressors, against scipy and numpy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from pear_core.body import regressors
from pear_core.body.files import BodyFileError


def test_sparse_matrices_written_by_scipy(tmp_path: Path) -> None:
    dense = np.random.default_rng(0).normal(0, 1, (6, 9)) * (np.arange(9) % 4 == 0)
    sparse.save_npz(tmp_path / "m.npz", sparse.csr_matrix(dense))
    read = regressors.load_sparse(tmp_path / "m.npz")
    assert isinstance(read, sparse.csr_array)
    np.testing.assert_array_equal(read.toarray(), dense)
    np.testing.assert_allclose(read @ np.arange(9.0), dense @ np.arange(9.0))


@pytest.mark.parametrize(
    "change",
    [
        {"indices": [0, 9]}, {"indptr": [0, 1]}, {"indptr": [0, 2, 1]}, {"data": [np.nan, 1.0]},
        {"data": [1, 2]}, {"shape": [2, 2, 2]}, {"data": None},
    ],
)  # fmt: skip
def test_damaged_sparse_matrices(tmp_path: Path, change: dict[str, Any]) -> None:
    parts = {"data": [1.0, 2.0], "indices": [0, 1], "indptr": [0, 1, 2], "shape": [2, 2]}
    np.savez(tmp_path / "m.npz", **parts)
    np.testing.assert_array_equal(
        regressors.load_sparse(tmp_path / "m.npz").toarray(), np.diag([1.0, 2.0])
    )
    parts = {key: value for key, value in (parts | change).items() if value is not None}
    np.savez(tmp_path / "m.npz", **parts)
    with pytest.raises(BodyFileError, match=r"m\.npz"):
        regressors.load_sparse(tmp_path / "m.npz")


@pytest.mark.parametrize(
    "load, name, joints",
    [
        (regressors.load_h36m, "J_regressor_h36m.npy", 17),
        (regressors.load_extra, "J_regressor_extra.npy", 9),
        (regressors.load_j19, "SMPL_to_J19.npy", 19),
    ],
)
def test_regressors_of_smpl(
    tmp_path: Path, load: Callable[[Path], np.ndarray], name: str, joints: int
) -> None:
    matrix = np.random.default_rng(0).random((joints, 6890)).astype(np.float32)
    np.save(tmp_path / name, matrix)
    np.testing.assert_array_equal(load(tmp_path), matrix)
    np.save(tmp_path / name, matrix[1:])
    with pytest.raises(BodyFileError, match=rf"floats of shape \({joints}, 6890\)"):
        load(tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(BodyFileError, match="cannot read"):
        load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(BodyFileError, match="pear assets list"):
        load(tmp_path)


def test_regressors_in_archives(tmp_path: Path) -> None:
    np.savez(tmp_path / "SMPLX_to_J14.npz", J14=np.eye(14, 10475))
    np.testing.assert_array_equal(regressors.load_j14(tmp_path), np.eye(14, 10475))
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", J_regressor=np.eye(24, 6890))
    np.testing.assert_array_equal(regressors.load_smpl_joints(tmp_path), np.eye(24, 6890))
    sparse.save_npz(tmp_path / "smplx2smpl.npz", sparse.eye_array(6890, 10475, format="csr"))
    assert regressors.load_smplx2smpl(tmp_path).trace() == 6890
    np.savez(tmp_path / "SMPLX_to_J14.npz", J15=np.eye(14, 10475))
    with pytest.raises(BodyFileError, match="J14"):
        regressors.load_j14(tmp_path)
