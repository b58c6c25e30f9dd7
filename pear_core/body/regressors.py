"""Readers of the joint regressors and of the SMPL-X to SMPL matrix in a body folder.

All come from `pear assets import`; a missing file is a BodyFileError that says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pear_core.body.files import BodyFileError, FloatArray

SMPLX_VERTICES, SMPL_VERTICES = 10475, 6890


def load_sparse(path: str | Path) -> Any:
    """A matrix in the npz layout of scipy.sparse (CSR) as scipy.sparse.csr_array.

    Raises BodyFileError.
    """
    # scipy is needed for training and evaluation only: importing this module must not need it.
    from scipy import sparse

    path = Path(path)
    keys = ("data", "indices", "indptr", "shape")
    arrays = [_array(path, key) for key in keys]
    data, indices, starts, shape = arrays
    if shape.shape != (2,) or data.dtype.kind != "f" or not np.isfinite(data).all():
        raise BodyFileError(path, "sparse matrix", "finite floats and two sizes", f"{data.dtype}")
    try:
        matrix = sparse.csr_array((data, indices, starts), shape=tuple(shape.tolist()))
        matrix.check_format(full_check=True)
    except (ValueError, TypeError) as error:
        raise BodyFileError(path, f"sparse matrix: {error}") from error
    return matrix


def load_smplx2smpl(folder: str | Path) -> Any:
    """SMPL vertices of SMPL-X ones: scipy.sparse.csr_array [6890, 10475]. Raises BodyFileError."""
    path = Path(folder) / "smplx2smpl.npz"
    matrix = load_sparse(path)
    return _fitting(path, matrix, (SMPL_VERTICES, SMPLX_VERTICES))


def load_j14(folder: str | Path) -> FloatArray:
    """The 14 joints (LSP order) of SMPL-X vertices, [14, 10475]. Raises BodyFileError."""
    path = Path(folder) / "SMPLX_to_J14.npz"
    return _fitting(path, _array(path, "J14"), (14, SMPLX_VERTICES))


def load_h36m(folder: str | Path) -> FloatArray:
    """The 17 Human3.6M joints of SMPL vertices, [17, 6890]. Raises BodyFileError."""
    return _of_smpl(Path(folder) / "J_regressor_h36m.npy", 17)


def load_extra(folder: str | Path) -> FloatArray:
    """SPIN's 9 extra joints of SMPL vertices, [9, 6890]. Raises BodyFileError."""
    return _of_smpl(Path(folder) / "J_regressor_extra.npy", 9)


def load_j19(folder: str | Path) -> FloatArray:
    """HMR2's 19 joints of SMPL vertices, [19, 6890]. Raises BodyFileError."""
    return _of_smpl(Path(folder) / "SMPL_to_J19.npy", 19)


def load_smpl_joints(folder: str | Path) -> FloatArray:
    """SMPL's own joint regressor, [24, 6890]. Raises BodyFileError."""
    path = Path(folder) / "SMPL_NEUTRAL.npz"
    return _fitting(path, _array(path, "J_regressor"), (24, SMPL_VERTICES))


def _of_smpl(path: Path, joints: int) -> FloatArray:
    return _fitting(path, _array(path), (joints, SMPL_VERTICES))


def _array(path: Path, key: str = "") -> NDArray[Any]:
    """The array of an npy file, or the one under `key` of an npz file."""
    if not path.is_file():
        raise BodyFileError(path, "no such file (pear assets list says where to obtain it)")
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray) != (not key):
            raise BodyFileError(path, "file", "npz" if key else "npy", "the other")
        return np.asarray(content[key] if key else content)
    except BodyFileError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise a dozen kinds for damaged files
        raise BodyFileError(path, f"cannot read {key or 'file'}: {error}") from error


def _fitting(path: Path, matrix: Any, shape: tuple[int, int]) -> Any:
    if matrix.shape != shape or matrix.dtype.kind != "f":
        raise BodyFileError(
            path, "matrix", f"floats of shape {shape}", f"{matrix.dtype} of shape {matrix.shape}"
        )
    return matrix
