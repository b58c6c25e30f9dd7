"""Stored features are what the stem says about the pictures, next to the same labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pear_core.body.fingerprint import body_fingerprint
from pear_core.data.records import RecordError
from pear_core.data.shards import Shards, write_shard
from pear_core.data.synthetic.studio import Studio
from pear_core.model.presets import preset
from pear_core.model.regressor import Regressor
from pear_core.train import features
from pear_core.train.batches import to_tensors
from pear_core.train.initialise import initialise

ROOT = Path(__file__).parents[3]
BODY, ENCODER = ROOT / "models" / "free_body", ROOT / features.ENCODER


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("features")
    records = Studio(BODY, seed=5, pool_size=2).batch(range(3))
    write_shard(root / "pictures" / "a", records, body_fingerprint(BODY))
    done = features.main(["--data", str(root / "pictures"), "--out", str(root / "out"),
                          "--encoder", str(ENCODER), "--body", str(BODY), "--variants", "0"])  # fmt: skip
    assert done == 0
    return root / "pictures", root / "out"


def test_features_give_what_pictures_give(folders: tuple[Path, Path]) -> None:
    pictures, stored = (Shards(folder) for folder in folders)
    assert stored.body_sha256 == pictures.body_sha256 == body_fingerprint(BODY)
    torch.manual_seed(0)
    small = preset("vit_ti", depth=1, dim=24, heads=3, decoder_depth=1, decoder_dim=16)
    regressor = Regressor(small).eval()
    initialise(regressor, pictures, 0, ENCODER)
    with torch.no_grad():
        for head in regressor.heads.heads.values():
            head.weight.normal_(std=0.1)  # type: ignore[union-attr, operator]
        seen = to_tensors(pictures.batch(range(3)))
        known = to_tensors(stored.batch(range(3)))
        # Half precision of the stored features is all that differs.
        torch.testing.assert_close(
            regressor.forward_features(known.picture),  # type: ignore[arg-type]
            regressor(seen.strip),
            atol=5e-3,
            rtol=0,
        )
    torch.testing.assert_close(known.target.joints, seen.target.joints)
    with pytest.raises(RecordError, match="not pictures"):
        _ = known.strip


def test_finished_shards_are_kept(folders: tuple[Path, Path]) -> None:
    out = folders[1]
    shard = next(out.iterdir())
    before = np.load(shard / "fine.npy").copy()
    np.save(shard / "fine.npy", before + 1)
    features.main(["--data", str(folders[0]), "--out", str(out), "--encoder", str(ENCODER),
                   "--body", str(BODY), "--variants", "0"])  # fmt: skip
    np.testing.assert_array_equal(np.load(shard / "fine.npy"), before + 1)
    np.save(shard / "fine.npy", before)
