"""Body files: what is read, and one clear error for everything that is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pear_core.anatomy import SURFACE_JOINTS
from pear_core.body.files import (
    BODY_FILES,
    BodyFileError,
    load_assets,
    load_flame,
    load_smplx,
)

Arrays = dict[str, np.ndarray]


@pytest.fixture
def folder(small_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_folder, tmp_path / "body"))


def rewrite(path: Path, change: Callable[[Arrays], None]) -> Path:
    with np.load(path) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(path, **arrays)
    return path


def test_reads_what_was_written(small_folder: Path) -> None:
    raw = np.load(small_folder / "SMPLX_NEUTRAL.npz")
    file = load_smplx(small_folder / "SMPLX_NEUTRAL.npz")
    assert file.shapedirs.shape == (90, 3, 300) and file.exprdirs.shape == (90, 3, 100)
    np.testing.assert_array_equal(file.exprdirs[..., 0], raw["shapedirs"][..., 300])
    np.testing.assert_array_equal(file.joint_regressor, raw["J_regressor"])
    assert file.faces.dtype == np.int64 and file.contour_faces.shape == (79, 17)
    assert load_flame(small_folder / "FLAME.npz").posedirs.shape == (40, 3, 36)
    assets = load_assets(small_folder)
    assert len(assets.kept) == 6 + 5 - 2 and assets.eyelids.shape == (2, 40, 3)
    assert assets.j14 is None and assets.hands is None


def test_350_columns_are_300_and_50(folder: Path) -> None:
    def cut(arrays: Arrays) -> None:
        arrays["shapedirs"] = arrays["shapedirs"][..., :350]

    file = load_flame(rewrite(folder / "FLAME.npz", cut))
    assert file.shapedirs.shape[2] == 300 and file.exprdirs.shape[2] == 50


def test_optional_files(folder: Path, fabricated: ModuleType) -> None:
    fabricated.write_j14(folder, vertices=90)
    np.savez(folder / "MANO_SMPLX_vertex_ids.npz", left_hand=[1, 2], right_hand=[5])
    assets = load_assets(folder)
    assert assets.j14 is not None and assets.j14.shape == (14, 90)
    assert assets.hands is not None and assets.hands[0].tolist() == [1, 2]


def test_surface_joints_by_face_index(folder: Path) -> None:
    faces = load_smplx(folder / "SMPLX_NEUTRAL.npz").faces
    index, bary = np.arange(22), np.full((22, 3), 1 / 3)
    np.savez(folder / "landmarks.npz", names=SURFACE_JOINTS, faces_idx=index, bary=bary)
    np.testing.assert_array_equal(load_assets(folder).surface_triangles, faces[:22])


def put(key: str, value: Any) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        array = arrays[key]
        arrays[key] = value(array) if callable(value) else value

    return change


def drop(key: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.__delitem__(key)


def with_nan(array: np.ndarray) -> np.ndarray:
    array.flat[3] = np.nan
    return array


BROKEN = {
    "missing key": ("SMPLX_NEUTRAL.npz", drop("posedirs"), "'posedirs' is missing"),
    "column count": (
        "SMPLX_NEUTRAL.npz",
        put("shapedirs", lambda a: a[..., :26]),
        "400 or 350 columns .* found 26 columns",
    ),
    "vertex count": (
        "SMPLX_NEUTRAL.npz",
        put("weights", lambda a: a[:80]),
        r"'weights'; expected shape \(90, 55\); found shape \(80, 55\)",
    ),
    "other tree": (
        "SMPLX_NEUTRAL.npz",
        put("kintree_table", lambda a: np.roll(a, 1, axis=1)),
        "another tree",
    ),
    "integers": (
        "SMPLX_NEUTRAL.npz",
        put("v_template", lambda a: a.astype(int)),
        "expected floats; found int64",
    ),
    "NaN": ("FLAME.npz", put("weights", with_nan), "finite values; found NaN"),
    "face out of range": (
        "FLAME.npz",
        put("f", lambda a: a + 1000),
        r"'f'; expected indices in 0\.\.39",
    ),
    "float faces": ("FLAME.npz", put("f", lambda a: a + 0.5), "expected integers; found float64"),
    "SMPL-X as FLAME": (
        "FLAME.npz",
        put("kintree_table", np.zeros((2, 55), int)),
        r"'kintree_table'; expected shape \(2, 5\)",
    ),
    "no neck": ("FLAME_masks.npz", drop("neck"), "region 'neck' is missing"),
    "mask out of range": (
        "FLAME_masks.npz",
        put("lips", np.array([40])),
        r"'lips'; expected indices in 0\.\.39",
    ),
    "surface names": (
        "landmarks.npz",
        lambda arrays: arrays.update(names=np.array(SURFACE_JOINTS[::-1])),
        "'names'; expected head_top",
    ),
    "objects": (
        "landmarks.npz",
        put("bary", np.array([{}], dtype=object)),
        "cannot read key 'bary'",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_clear_error(folder: Path, case: str) -> None:
    name, change, message = BROKEN[case]
    rewrite(folder / name, change)
    with pytest.raises(BodyFileError, match=message) as caught:
        load_assets(folder)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", BODY_FILES)
def test_absent_files_are_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BodyFileError, match=f"{name}: no such file"):
        load_assets(folder)


def test_vertex_map_must_be_one_to_one_and_of_the_heads_size(folder: Path) -> None:
    path = folder / "SMPL-X__FLAME_vertex_ids.npy"
    np.save(path, np.zeros(40, int))
    with pytest.raises(BodyFileError, match="at most once; found repeated ids"):
        load_assets(folder)
    np.save(path, np.arange(39))
    with pytest.raises(BodyFileError, match=r"expected shape \(40,\); found shape \(39,\)"):
        load_assets(folder)


def test_a_pickle_is_refused_not_executed(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (mark,))

    np.save(folder / "l_eyelid.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(BodyFileError, match=r"l_eyelid\.npy: cannot read"):
        load_assets(folder)
    assert not mark.exists()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_bytes_give_a_body_file_error_or_a_valid_file(
    data: st.DataObject, small_folder: Path, tmp_path: Path
) -> None:
    whole = (small_folder / "FLAME_masks.npz").read_bytes()
    kind = data.draw(st.sampled_from(["cut", "flip", "noise"]))
    if kind == "cut":
        content = whole[: data.draw(st.integers(0, len(whole)))]
    elif kind == "flip":
        broken = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 8))):
            broken[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        content = bytes(broken)
    else:
        content = data.draw(st.binary(max_size=200))
    folder = tmp_path / "fuzz"
    if not folder.exists():
        shutil.copytree(small_folder, folder)
    (folder / "FLAME_masks.npz").write_bytes(content)
    try:
        assets = load_assets(folder)
    except BodyFileError as error:
        assert "FLAME_masks.npz" in str(error)
    else:
        assert assets.kept.max() < 40
