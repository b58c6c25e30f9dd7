"""Where known files are looked for."""

from __future__ import annotations

from pathlib import Path

from pear_core.assets.found import find
from pear_core.assets.known import KNOWN

FLAME = next(known for known in KNOWN if known.output == "FLAME.npz")


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_any_depth_any_case_best_name_first(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/Generic_Model.PKL", "a/flame2023.pkl", "c/generic_model.pkl", "x.txt")
    found = find(tmp_path)
    names = [str(path.relative_to(tmp_path)) for path in found.files["FLAME.npz"]]
    assert names == ["a/b/Generic_Model.PKL", "c/generic_model.pkl", "a/flame2023.pkl"]
    assert len(found.best(FLAME)) == 2
    assert set(found.files) == {"FLAME.npz"}


def test_hidden_and_imported_folders_are_not_entered(tmp_path: Path) -> None:
    touch(tmp_path, ".cache/generic_model.pkl", "body/imported.json", "body/l_eyelid.npy")
    assert not find(tmp_path).files
    assert set(find(tmp_path / "body").files) == {"l_eyelid.npy"}


def test_files_left_alone_have_a_reason(tmp_path: Path) -> None:
    touch(tmp_path, "smplx/SMPLX_FEMALE.pkl", "MANO_LEFT.pkl")
    assert {path.name: bool(reason) for path, reason in find(tmp_path).unused} == {
        "SMPLX_FEMALE.pkl": True, "MANO_LEFT.pkl": True,
    }  # fmt: skip
