"""What the self-test stores is torch's answer to the stored picture, and the tool adds it."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pear_core.body.ehm import Ehm
from pear_core.body.parameters import decode
from pear_core.export import selftest
from pear_core.export.selftest import main
from pear_core.model import checkpoint


def test_the_answer_is_torchs(tiny_model: Any) -> None:
    with np.load(tiny_model.bundle / "selftest.npz") as file:
        stored = dict(file)
    assert stored["square"].shape == (256, 256, 3) and stored["square"].dtype == np.uint8
    # By hand: the strip's columns, the network, the body.
    regressor, _ = checkpoint.load(tiny_model.bundle / "model.safetensors")
    strip = torch.from_numpy(stored["square"][:, 32:224].astype(np.float32) / 255)
    with torch.no_grad():
        parameters, camera = decode(regressor.eval()(strip.permute(2, 0, 1)[None]))
        body = Ehm.from_folder(tiny_model.body)(parameters)
    np.testing.assert_allclose(stored["camera"], camera[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(stored["rotations"], parameters.rotations[0].numpy(), atol=1e-5)
    vertices = body.vertices[0].numpy()[stored["vertex_ids"]]
    np.testing.assert_allclose(stored["vertices"], vertices, atol=1e-5)


def test_large_bodies_store_a_part_of_their_vertices(monkeypatch: pytest.MonkeyPatch) -> None:
    vertices = np.arange(13718 * 3, dtype=np.float32).reshape(1, -1, 3)
    monkeypatch.setattr(selftest, "torch_outputs", lambda *_: {"vertices": vertices})
    nobody: Any = None
    arrays = selftest.selftest_arrays(nobody, nobody, selftest.drawn_square())
    ids = arrays["vertex_ids"]
    assert len(ids) == selftest.COMPARED and (ids[0], ids[-1]) == (0, 13717)
    assert (np.diff(ids) > 5).all() and np.array_equal(arrays["vertices"][:, 0], 3 * ids)


def test_the_tool_adds_one_to_an_older_bundle(tiny_model: Any, tmp_path: Path, capsys: Any) -> None:
    folder = Path(shutil.copytree(tiny_model.bundle, tmp_path / "old"))
    (folder / "selftest.npz").unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["selftest.npz"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert main([str(folder), "--body", str(tiny_model.body)]) == 0
    data = (folder / "selftest.npz").read_bytes()
    found = json.loads((folder / "manifest.json").read_text())["files"]["selftest.npz"]
    assert found == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    with (
        np.load(folder / "selftest.npz") as added,
        np.load(tiny_model.bundle / "selftest.npz") as exported,
    ):
        assert added.files == exported.files
        for name in added.files:
            np.testing.assert_allclose(added[name], exported[name], atol=1e-5)
    assert main([str(tmp_path), "--body", str(tiny_model.body)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "selftest.npz").exists()
