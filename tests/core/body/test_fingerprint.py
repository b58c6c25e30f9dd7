"""The body's fingerprint follows content, not dates."""

import hashlib
from pathlib import Path

import pytest

from pear_core.body.files import BODY_FILES, BodyFileError
from pear_core.body.fingerprint import body_fingerprint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in BODY_FILES:
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def test_fingerprint_is_the_hash_of_names_and_hashes(folder: Path) -> None:
    lines = "".join(f"{n} {hashlib.sha256(n.encode()).hexdigest()}\n" for n in BODY_FILES)
    assert body_fingerprint(folder) == hashlib.sha256(lines.encode()).hexdigest()


def test_other_files_do_not_matter_but_every_body_file_does(folder: Path) -> None:
    first = body_fingerprint(folder)
    (folder / "README.md").write_text("words")
    assert body_fingerprint(folder) == first
    (folder / "SMPLX_to_J14.npz").write_bytes(b"x")
    with_j14 = body_fingerprint(folder)
    (folder / "r_eyelid.npy").write_bytes(b"moved")
    assert len({first, with_j14, body_fingerprint(folder)}) == 3


def test_absent_file_is_named(folder: Path) -> None:
    (folder / "FLAME.npz").unlink()
    with pytest.raises(BodyFileError, match=r"FLAME\.npz: no such file"):
        body_fingerprint(folder)
