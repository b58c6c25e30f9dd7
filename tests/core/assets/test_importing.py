"""The import: everything or nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pear_core.assets import importing
from pear_core.assets.fields import PUBLISHED
from pear_core.assets.importing import ImportFailed, Report, import_folder
from pear_core.assets.known import KNOWN
from pear_core.assets.record import sha256
from pear_core.body.files import load_assets


def imported(downloaded: Path, out: Path, downloads: ModuleType) -> Report:
    return import_folder(downloaded, out, downloads.SMALL)


def tree(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): sha256(p) for p in folder.rglob("*") if p.is_file()}


def test_all_files_are_found_and_make_a_body(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    before = tree(downloaded)
    report = imported(downloaded, tmp_path / "body", downloads)
    assert report.complete and not report.missing and not report.kept
    assert {one.output for one in report.imported} == {known.output for known in KNOWN}
    assert tree(downloaded) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["body", "downloads"]

    assets = load_assets(tmp_path / "body")
    rng = np.random.default_rng(0)  # as in downloads.write: SMPL-X first, then FLAME
    smplx = downloads.smplx(rng, downloads.SMALL)
    flame = downloads.flame(rng, downloads.SMALL)
    np.testing.assert_array_equal(assets.smplx.shapedirs, smplx["shapedirs"][..., :300])
    np.testing.assert_array_equal(assets.flame.exprdirs, flame["shapedirs"][..., 300:])
    np.testing.assert_array_equal(assets.flame.joint_regressor, flame["J_regressor"])
    ids = np.load(downloaded / "SMPLX/SMPL-X__FLAME_vertex_ids.npy")
    np.testing.assert_array_equal(assets.vertex_ids, ids)
    assert assets.j14 is not None and assets.hands is not None


def test_the_record_names_sources_and_hashes(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    imported(downloaded, tmp_path / "body", downloads)
    files = json.loads((tmp_path / "body/imported.json").read_text())["files"]
    assert len(files) == len(KNOWN)
    assert files["FLAME.npz"]["source"] == "FLAME/FLAME2020/generic_model.pkl"
    for name, entry in files.items():
        assert entry["sha256"] == sha256(tmp_path / "body" / name)
        assert entry["source_sha256"] == sha256(downloaded / entry["source"])
        assert entry["size"] == (tmp_path / "body" / name).stat().st_size


def test_a_second_import_converts_only_what_changed(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    out = tmp_path / "body"
    imported(downloaded, out, downloads)
    (out / "notes.txt").write_text("mine")
    first = tree(out)
    np.save(downloaded / "FLAME/FLAME2020/l_eyelid.npy", np.ones((40, 3)))
    (out / "r_eyelid.npy").write_bytes(b"damaged")
    report = imported(downloaded, out, downloads)
    changed = {one.output for one in report.imported if not one.reused}
    assert changed == {"l_eyelid.npy", "r_eyelid.npy"}
    second = tree(out)
    assert {name for name in first if first[name] != second[name]} == {
        "l_eyelid.npy", "imported.json",
    }  # fmt: skip
    np.testing.assert_array_equal(np.load(out / "l_eyelid.npy"), np.ones((40, 3)))


def test_files_of_an_earlier_import_stay(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    later.mkdir()
    for name in ("smplx_extra_joints.yaml", "SMPLX_NEUTRAL_2020.npz"):
        (downloaded / "SMPLX" / name).rename(later / name)
    report = imported(downloaded, tmp_path / "body", downloads)
    assert not report.complete
    assert {k.output for k in report.missing} == {"landmarks.npz", "SMPLX_NEUTRAL.npz"}
    report = imported(later, tmp_path / "body", downloads)
    assert report.complete and "FLAME.npz" in report.kept
    load_assets(tmp_path / "body")


def test_every_wrong_file_is_named_and_nothing_changes(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    out = tmp_path / "body"
    imported(downloaded, out, downloads)
    before = tree(out)
    npz = downloaded / "SMPLX/SMPLX_NEUTRAL_2020.npz"
    npz.write_bytes(npz.read_bytes()[:100_000])
    (downloaded / "SMPLX/SMPLX_to_J14.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    for target in (out, tmp_path / "fresh"):
        with pytest.raises(ImportFailed) as error:
            imported(downloaded, target, downloads)
        assert len(error.value.problems) == 2
        assert "SMPLX_NEUTRAL_2020.npz" in str(error.value)
        assert "SMPLX_to_J14.pkl: file: refuses 'os.system'" in str(error.value)
    assert tree(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["body", "downloads"]


def test_an_interrupted_import_leaves_nothing(
    downloaded: Path, downloads: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_folder(downloaded, tmp_path / "body", downloads.SMALL, stop)
    assert [p.name for p in tmp_path.iterdir()] == ["downloads"]

    imported(downloaded, tmp_path / "body", downloads)
    before = tree(tmp_path / "body")
    real = importing.os.rename

    def failing(source: Path, target: Path) -> None:
        if str(source).endswith(".part"):
            raise OSError(28, "No space left on device", str(target))
        real(source, target)

    monkeypatch.setattr(importing.os, "rename", failing)
    with pytest.raises(ImportFailed, match="No space left"):
        imported(downloaded, tmp_path / "body", downloads)
    assert tree(tmp_path / "body") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["body", "downloads"]


def test_files_that_do_not_belong_together(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    np.save(downloaded / "SMPLX/SMPL-X__FLAME_vertex_ids.npy", np.zeros(40, np.int64))
    with pytest.raises(ImportFailed, match=r"body/SMPL-X__FLAME_vertex_ids.npy: .*repeated ids"):
        imported(downloaded, tmp_path / "body", downloads)
    assert not (tmp_path / "body").exists()


def test_another_tree_is_named_by_its_source(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    path = downloaded / "SMPLX/SMPLX_NEUTRAL_2020.npz"
    with np.load(path, allow_pickle=True) as file:
        arrays = dict(file)
    arrays["kintree_table"][0, 5] = 4
    np.savez(path, **arrays)
    with pytest.raises(ImportFailed, match=r"SMPLX_NEUTRAL_2020.npz: key 'kintree_table'"):
        imported(downloaded, tmp_path / "body", downloads)


def test_the_best_name_wins_and_the_others_are_reported(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    (downloaded / "SMPLX/SMPLX_NEUTRAL.npz").write_bytes(b"never opened")
    (downloaded / "SMPLX/SMPLX_MALE.npz").write_bytes(b"never opened")
    (downloaded / "FLAME/flame2023_no_jaw.pkl").write_bytes(b"never opened")
    shutil.copytree(downloaded / "FLAME/FLAME2020", downloaded / "copy")  # equal files are one
    report = imported(downloaded, tmp_path / "body", downloads)
    reasons = {path.name: reason for path, reason in report.unused}
    assert reasons == {
        "SMPLX_NEUTRAL.npz": "SMPLX_NEUTRAL_2020.npz is taken instead",
        "SMPLX_MALE.npz": "PEAR's network is trained on the neutral model",
        "flame2023_no_jaw.pkl": "its jaw does not turn, and PEAR moves the face by the jaw",
    }
    np.save(downloaded / "copy/l_eyelid.npy", np.ones((40, 3)))
    with pytest.raises(ImportFailed, match=r"l_eyelid\.npy: expected one file, found different"):
        imported(downloaded, tmp_path / "other", downloads)


def test_folders_that_cannot_be_the_result(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(ImportFailed, match="in or around"):
        imported(downloaded, downloaded, downloads)
    with pytest.raises(ImportFailed, match="in or around"):
        imported(downloaded, tmp_path, downloads)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").write_text("precious")
    with pytest.raises(ImportFailed, match="found another folder"):
        imported(downloaded, tmp_path / "full", downloads)
    assert (tmp_path / "full/thesis.tex").read_text() == "precious"
    with pytest.raises(ImportFailed, match="found a file"):
        imported(downloaded, tmp_path / "full/thesis.tex", downloads)
    with pytest.raises(ImportFailed, match="not a folder"):
        imported(tmp_path / "nowhere", tmp_path / "body", downloads)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImportFailed, match=r"no known file.*SMPLX_NEUTRAL_2020\.npz"):
        imported(tmp_path / "empty", tmp_path / "body", downloads)


def test_a_result_inside_the_source_is_no_source(downloaded: Path, downloads: ModuleType) -> None:
    imported(downloaded, downloaded / "body", downloads)
    report = imported(downloaded, downloaded / "body", downloads)
    assert all(one.reused for one in report.imported)
    assert not report.unused


def test_equal_sources_give_equal_bytes(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    imported(downloaded, tmp_path / "a", downloads)
    imported(downloaded, tmp_path / "b", downloads)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_no_result_holds_a_pickle(downloaded: Path, downloads: ModuleType, tmp_path: Path) -> None:
    imported(downloaded, tmp_path / "body", downloads)
    for path in (tmp_path / "body").glob("*.np[yz]"):
        content = np.load(path, allow_pickle=False)
        for array in [content] if isinstance(content, np.ndarray) else content.values():
            assert array.dtype.kind in "fiuUS"


def test_real_sizes_make_an_ehm(downloads: ModuleType, tmp_path: Path) -> None:
    """10475 and 5023 vertices: what a user with the real files does."""
    from pear_core.body.ehm import Ehm

    sizes = {**PUBLISHED, "SMPL vertices": 70, "SMPL faces": 100}
    folder = downloads.write(tmp_path / "downloads", sizes)
    assert import_folder(folder, tmp_path / "body", sizes).complete
    assert Ehm.from_folder(tmp_path / "body").faces.shape == (20908, 3)
