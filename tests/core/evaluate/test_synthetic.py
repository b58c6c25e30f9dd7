"""The report on synthetic crops: truth scores zero, the mean pose is what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pear_core.body.ehm import Ehm
from pear_core.body.parameters import decode, encode
from pear_core.data.records import Record, stack
from pear_core.data.shards import Shards, write_shard
from pear_core.data.synthetic.studio import Studio
from pear_core.evaluate import synthetic
from pear_core.evaluate.metrics import Parts
from pear_core.train.batches import to_tensors

BODY = Path(__file__).parents[3] / "models" / "free_body"


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return Studio(BODY, seed=21, pool_size=2).batch(range(6))


@pytest.fixture(scope="module")
def shards(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Shards:
    folder = tmp_path_factory.mktemp("shards")
    write_shard(folder / "a", records)
    return Shards(folder)


def _truth(records: list[Record]) -> Tensor:
    target = to_tensors(stack(records)).target
    return encode(target.parameters, target.camera)


def test_truth_has_no_error_but_the_camera_model(records: list[Record], shards: Shards) -> None:
    ehm = Ehm.from_folder(BODY)
    answer = _truth(records)
    values = synthetic.errors(lambda strip: answer, ehm, Parts.from_assets(ehm.assets), shards)
    for name in ("mpjpe", "pa_mpjpe", "pve", "pve_hands", "pve_face", "root_degrees"):
        assert np.abs(values[name]).max() < 0.05, name
    assert values["keypoints_px"].max() < 15


def test_mean_pose_is_close_to_the_chordal_mean(records: list[Record]) -> None:
    predict = synthetic.mean_pose([stack(records[:2]), stack(records[2:])])
    raw = predict(torch.zeros(3, 3, 256, 192))
    assert raw.shape == (3, 935) and torch.equal(raw[0], raw[2])
    parameters, camera = decode(raw[:1])
    truth, cameras = decode(_truth(records))
    torch.testing.assert_close(parameters.betas[0], truth.betas.mean(dim=0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(camera[0], cameras.mean(dim=0), atol=1e-5, rtol=1e-4)
    mean = truth.rotations[:, 5].mean(dim=0).double()
    u, _, v = torch.linalg.svd(mean)
    exact = (
        u @ torch.diag(torch.tensor([1.0, 1.0, float(torch.det(u @ v))], dtype=torch.float64)) @ v
    )
    # Gram-Schmidt of the mean's columns against the exact projection: equal to first order.
    angle = torch.arccos(
        ((parameters.rotations[0, 5].double().T @ exact).trace() - 1).clamp(-2, 2) / 2
    )
    assert float(torch.rad2deg(angle)) < 8


def test_report_compares_with_the_mean_pose(records: list[Record], shards: Shards) -> None:
    answer = _truth(records)
    half = 0.5 * (answer + answer.mean(dim=0))
    report = synthetic.evaluate(lambda strip: half, BODY, shards, shards.in_order(4))
    assert report["mean_pose"]["all"]["crops"] == 6
    assert 0 < report["pa_mpjpe_ratio_to_mean_pose"]["all"] < 1
    groups = report["model"]
    assert groups["whole_body"]["crops"] + groups["cut"]["crops"] == 6
