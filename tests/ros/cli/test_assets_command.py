"""`pear assets`: what a user sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fabricated import downloads


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small files under their published names; the command takes their sizes for the real ones."""
    from pear_core.assets import importing

    real = importing.import_folder

    def small(source: str, out: str, progress: object) -> object:
        return real(source, out, downloads.SMALL, progress)

    monkeypatch.setattr(importing, "import_folder", small)
    monkeypatch.chdir(tmp_path)
    return Path(downloads.write(tmp_path / "downloads", downloads.SMALL))


def test_import_then_list(pear, folder: Path, tmp_path: Path) -> None:
    ran = pear("assets", "import", folder)
    assert ran.code == 0, ran.err
    assert "FLAME/FLAME2020/generic_model.pkl" in ran.out
    assert "left out: hands_coeffsl, joint2num, part2num" in ran.out
    assert f"complete: --body {tmp_path / 'body'}" in ran.out
    ran = pear("assets", "list")
    assert ran.code == 0
    assert ran.out.count(" ready  ") == 21 and "missing" not in ran.out
    assert "complete: a whole body" in ran.out and "non-commercial" in ran.out


def test_what_is_missing_says_what_it_prevents_and_where_to_obtain_it(
    pear, folder: Path, tmp_path: Path
) -> None:
    (folder / "FLAME/FLAME2020/generic_model.pkl").unlink()
    (folder / "SMPLX2SMPL/data/smplx2smpl.pkl").unlink()
    for ran in (
        pear("assets", "import", folder, "--out", tmp_path / "b"),
        pear("assets", "list", "b"),
    ):
        assert ran.code == 0
        lines = ran.out.splitlines()
        at = next(i for i, line in enumerate(lines) if line.split()[:2] == ["FLAME.npz", "missing"])
        assert "FLAME head" in lines[at] and "prevents: EHM-s" in lines[at + 1]
        assert "obtain: generic_model.pkl, https://flame.is.tue.mpg.de" in lines[at + 2]
        assert "evaluation on SMPL ground truth (3DPW" in ran.out
        assert "complete: " not in ran.out.replace("not complete: ", "")
    assert "not complete" in pear("assets", "import", folder, "--out", tmp_path / "b").out


def test_json(pear, folder: Path, tmp_path: Path) -> None:
    (folder / "SMPLX/SMPLX_to_J14.pkl").unlink()
    content = json.loads(pear("assets", "import", folder, "--out", "b", "--json").out)
    assert content["ok"] and content["complete"] and len(content["imported"]) == 20
    assert [one["file"] for one in content["missing"]] == ["SMPLX_to_J14.npz"]
    content = json.loads(pear("assets", "list", "b", "--json").out)
    by_state = {one["file"]: one["state"] for one in content["files"]}
    assert by_state.pop("SMPLX_to_J14.npz") == "missing" and set(by_state.values()) == {"ready"}


def test_a_folder_to_import_says_what_comes_next(pear, folder: Path) -> None:
    ran = pear("assets", "list", folder)
    assert f"next: pear assets import {folder}" in ran.out
    assert "from SMPLX/SMPLX_NEUTRAL_2020.npz" in ran.out


def test_a_wrong_file_is_one_line_and_nothing_is_left(pear, folder: Path, tmp_path: Path) -> None:
    (folder / "FLAME/FLAME_masks.pkl").write_bytes(b"cos\nsystem\n(S'touch x'\ntR.")
    ran = pear("assets", "import", folder)
    assert ran.code == 1 and ran.out == ""
    assert ran.err.startswith("pear: error: nothing was imported: ")
    assert "FLAME_masks.pkl: file: refuses 'os.system'" in ran.err and ran.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["downloads"]


def test_usage(pear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pear("assets").code == 2
    assert pear("assets", "import").code == 2
    ran = pear("assets", "import", tmp_path / "nowhere")
    assert ran.code == 1 and "not a folder" in ran.err
    monkeypatch.chdir(tmp_path)
    ran = pear("assets", "list")
    assert ran.code == 0 and "(not there)" in ran.out and ran.out.count(" missing  ") == 21
