"""What is there and what is missing."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from pear_core.assets.importing import import_folder
from pear_core.assets.known import KNOWN
from pear_core.assets.listing import complete, list_folder


def states(folder: Path) -> dict[str, str]:
    return {one.known.output: one.state for one in list_folder(folder)}


def test_nothing_there(tmp_path: Path) -> None:
    assert set(states(tmp_path / "nowhere").values()) == {"missing"}
    assert not complete(list_folder(tmp_path))
    assert len(list_folder(tmp_path)) == len(KNOWN)


def test_downloads_are_to_import(downloaded: Path) -> None:
    (downloaded / "SMPLX/SMPLX_to_J14.pkl").unlink()
    found = states(downloaded)
    assert found.pop("SMPLX_to_J14.npz") == "missing"
    assert set(found.values()) == {"to import"}
    flame = next(one for one in list_folder(downloaded) if one.known.output == "FLAME.npz")
    assert flame.path == downloaded / "FLAME/FLAME2020/generic_model.pkl"


def test_an_imported_folder_is_ready_until_it_changes(
    downloaded: Path, downloads: ModuleType, tmp_path: Path
) -> None:
    import_folder(downloaded, tmp_path / "body", downloads.SMALL)
    assert set(states(tmp_path / "body").values()) == {"ready"}
    assert complete(list_folder(tmp_path / "body"))
    with (tmp_path / "body/FLAME.npz").open("ab") as file:
        file.write(b"x")
    (tmp_path / "body/l_eyelid.npy").unlink()
    found = states(tmp_path / "body")
    assert found["FLAME.npz"] == "changed" and found["l_eyelid.npy"] == "missing"
    assert not complete(list_folder(tmp_path / "body"))


def test_the_free_body_is_a_body_that_was_not_imported() -> None:
    folder = Path(__file__).parents[3] / "models/free_body"
    found = states(folder)
    assert complete(list_folder(folder))
    assert found["MANO_SMPLX_vertex_ids.npz"] == "ready"
    assert found["smplx2smpl.npz"] == "missing"
