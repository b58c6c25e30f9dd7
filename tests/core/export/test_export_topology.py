"""topology.npz: what is read from the body's files, and what stands in where they lack it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pear_core.body.files import BodyFileError, load_assets
from pear_core.export.topology import topology_arrays


@pytest.fixture
def folder(tiny_model: Any, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(tiny_model.body, tmp_path / "body"))


def test_a_body_without_extras_is_its_own_level_of_detail(folder: Path) -> None:
    arrays = topology_arrays(load_assets(folder))
    with np.load(folder / "SMPLX_NEUTRAL.npz") as file:
        assert np.array_equal(arrays["faces"], file["f"])
        # The joint with the largest weight, found one vertex at a time.
        strongest = [max(range(55), key=lambda j: row[j]) for row in file["weights"]]
    assert arrays["dominant_joint"].tolist() == strongest
    assert np.array_equal(arrays["lod_faces"], arrays["faces"])
    assert np.array_equal(arrays["lod_indices"][:, 0], np.arange(90))
    assert arrays["uv"].shape == (0, 2) and arrays["uv_faces"].shape == (0, 3)
    assert arrays["joint_names"].shape == (145,) and arrays["joint_names"][15] == "head"
    assert arrays["joint_parents"][:4].tolist() == [-1, 0, 0, 0]
    assert arrays["expression_names"][49] == "expression_49"
    assert all(a.dtype.kind != "O" for a in arrays.values())


def extended(folder: Path, **extra: Any) -> None:
    path = folder / "SMPLX_NEUTRAL.npz"
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **(arrays | extra))


def test_uv_and_names_come_from_the_body_file(folder: Path) -> None:
    names = np.array([f"smile{i}" for i in range(50)])
    uv = np.random.default_rng(0).random((100, 2))
    uv_faces = np.zeros((150, 3), np.uint32)
    extended(folder, vt=uv, ft=uv_faces, expression_names=names)
    arrays = topology_arrays(load_assets(folder))
    assert arrays["expression_names"].tolist() == names.tolist()
    np.testing.assert_allclose(arrays["uv"], uv, atol=1e-7)
    assert arrays["uv_faces"].shape == (150, 3)


def test_level_of_detail_file(folder: Path) -> None:
    lod = {
        "f": np.array([[0, 1, 2]]),
        "vertex_ids": np.array([[0, 5], [7, 7], [89, 3]]),
        "vertex_weights": np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]]),
    }
    np.savez(folder / "lod_2k.npz", **lod)
    arrays = topology_arrays(load_assets(folder))
    assert arrays["lod_indices"].tolist() == lod["vertex_ids"].tolist()
    assert arrays["lod_weights"].tolist() == lod["vertex_weights"].tolist()
    np.savez(folder / "lod_2k.npz", **(lod | {"vertex_ids": lod["vertex_ids"] + 1}))
    with pytest.raises(BodyFileError, match="does not fit the mesh"):
        topology_arrays(load_assets(folder))


@pytest.mark.parametrize(
    "extra",
    [
        {"vt": np.zeros((4, 2)), "ft": np.zeros((3, 3), int)},
        {"expression_names": np.array(["smile"])},
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, extra: dict[str, Any]) -> None:
    extended(folder, **extra)
    with pytest.raises(BodyFileError, match=r"shape|names"):
        topology_arrays(load_assets(folder))
