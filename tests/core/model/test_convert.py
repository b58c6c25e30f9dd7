"""Checkpoint files: what is read, what is refused, and that nothing half-written stays."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pear_core.model import checkpoint
from pear_core.model.checkpoint import CheckpointError
from pear_core.model.convert import convert, convert_back, mean_pose_of
from pear_core.model.foreign import ForeignError
from pear_core.model.presets import ModelConfig
from pear_core.model.published import PublishedError, backbone_names, to_published
from pear_core.model.regressor import Regressor

CONFIG = ModelConfig(
    "published", 1, 12, 3, 2.0, 0.0, 1, 10, 2, 4, 14, "published"
)  # fmt: skip
SIZES = {"heads": 3, "decoder_heads": 2}


def content() -> dict[str, Any]:
    torch.manual_seed(3)
    made = to_published(Regressor(CONFIG).state_dict(), CONFIG)
    made["head"]["init_body_pose"].normal_()
    made["head"]["smplx_poses_decoder.bias"].normal_()
    return {**made, "global_iter": 7, "meta_cfg": {"HEAD": {"heads": 2}}}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.save(content(), tmp_path / "pear_model.pt")
    return tmp_path / "pear_model.pt"


def test_there_and_back_through_files(source: Path, tmp_path: Path) -> None:
    report = convert(source, tmp_path / "model.safetensors", **SIZES)
    assert {"global_iter", "meta_cfg"} <= set(report.unused)
    regressor, info = checkpoint.load(tmp_path / "model.safetensors")
    assert info.config == CONFIG and regressor.config.start == "published"
    convert_back(tmp_path / "model.safetensors", tmp_path / "back.pt")
    back = torch.load(tmp_path / "back.pt", weights_only=True)
    for part in ("backbone", "head"):
        for name, value in content()[part].items():
            assert torch.equal(back[part][name], value), name
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"pear_model.pt", "model.safetensors", "back.pt"}


def test_a_mapped_checkpoint_may_be_changed_without_its_file_changing(tmp_path: Path) -> None:
    model = Regressor(CONFIG)
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, model)
    before = path.read_bytes()
    loaded, _ = checkpoint.load(path)
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.add_(1.0)
    assert path.read_bytes() == before
    again, _ = checkpoint.load(path)
    assert torch.equal(again.decoder.position, model.decoder.position)


def test_float64_all_the_way(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, Regressor(CONFIG).double())
    loaded, _ = checkpoint.load(path, dtype=torch.float64)
    assert {p.dtype for p in loaded.parameters()} == {torch.float64}
    # The constants are those of the method, not float32's rounding of them.
    assert loaded.mean.flatten().tolist() == [0.485, 0.456, 0.406]
    single = checkpoint.load(path)[0]
    assert single.double().std.flatten().tolist() == [0.229, 0.224, 0.225]
    strip = torch.rand(1, 3, 256, 192, dtype=torch.float64)
    with torch.no_grad():
        double, rounded = loaded(strip), checkpoint.load(path)[0](strip.float())
    assert float((double - rounded).abs().max()) < 1e-5 * float(double.abs().max())


def test_mean_parameters_are_kept_in_their_stored_order(source: Path, tmp_path: Path) -> None:
    pose = np.random.default_rng(0).normal(size=144)
    np.savez(tmp_path / "smpl_mean_params.npz", pose=pose, shape=np.zeros(10), cam=np.zeros(3))
    numbers = mean_pose_of(tmp_path / "smpl_mean_params.npz")
    assert numbers.shape == (1, 318)
    np.testing.assert_array_equal(numbers[0, :144], pose.astype(np.float32))
    # SPIN's order stores a rotation's first two columns row by row: identity is 1 0 0 1 0 0.
    identity = np.eye(3)[:, :2].ravel()
    np.testing.assert_array_equal(numbers[0, 144:].reshape(29, 6), np.tile(identity, (29, 1)))

    without = content()
    del without["head"]["init_body_pose"]
    torch.save(without, source)
    convert(source, tmp_path / "m.safetensors",
            mean_parameters=tmp_path / "smpl_mean_params.npz", **SIZES)  # fmt: skip
    bias = checkpoint.load(tmp_path / "m.safetensors")[0].heads.heads["pose"].bias
    added = bias.detach() - without["head"]["smplx_poses_decoder.bias"]  # type: ignore[union-attr, operator]
    np.testing.assert_allclose(added[:132], pose[:132], atol=1e-6)
    assert not added[132:].any()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"shape": np.zeros(10)}, "npz with key 'pose'"),
        ({"pose": np.zeros(72)}, r"expected 144 finite floats, found \(72,\)"),
        ({"pose": np.full(144, np.nan)}, "expected 144 finite floats"),
        ({"pose": np.array([object()] * 144)}, "npz with key 'pose'"),
    ],
)
def test_other_mean_parameters_are_refused(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(PublishedError, match=message):
        mean_pose_of(tmp_path / "m.npz")


def test_classes_of_others_are_named_and_never_made(source: Path, tmp_path: Path) -> None:
    torch.save(content() | {"meta_cfg": Hostile(str(tmp_path / "harm"))}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match=r"not loaded for safety: .*os.* strip it with"):
        convert(tmp_path / "evil.pt", tmp_path / "out.safetensors", **SIZES)
    assert not (tmp_path / "harm").exists() and not (tmp_path / "out.safetensors").exists()


class Hostile:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        import os

        return os.mkdir, (self.path,)


def not_a_zip(path: Path) -> None:
    path.write_bytes(pickle.dumps({"backbone": {}}))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def broken_pickle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.find(b"data.pkl") + 100
    data[at : at + 200] = bytes(200)
    path.write_bytes(bytes(data))


def a_list(path: Path) -> None:
    torch.save([1, 2], path)


def no_file(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (not_a_zip, "expected a file of torch.save"),
        (cut_off, "found another kind or a cut-off file"),
        (broken_pickle, "a damaged file of torch.save"),
        (a_list, "expected a dictionary, found list"),
        (no_file, "no such file"),
    ],
)
def test_damaged_files_are_one_error(
    source: Path, tmp_path: Path, damage: Any, message: str
) -> None:
    damage(source)
    with pytest.raises(CheckpointError, match=message) as caught:
        convert(source, tmp_path / "out.safetensors", **SIZES)
    assert str(caught.value).startswith(str(source))
    assert {p.name for p in tmp_path.iterdir()} <= {"pear_model.pt"}


def test_a_place_that_cannot_be_written_is_one_error(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"absent.m\.safetensors: cannot be written"):
        convert(source, tmp_path / "absent" / "m.safetensors", **SIZES)
    convert(source, tmp_path / "m.safetensors", **SIZES)
    with pytest.raises(CheckpointError, match=r"absent.back\.pt: cannot be written"):
        convert_back(tmp_path / "m.safetensors", tmp_path / "absent" / "back.pt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match=r"folder: cannot be written"):
        convert(source, tmp_path / "folder", **SIZES)
    assert {p.name for p in tmp_path.iterdir()} == {"pear_model.pt", "m.safetensors", "folder"}


def test_wrong_content_names_the_file(source: Path, tmp_path: Path) -> None:
    wrong = content()
    del wrong["head"]["cam_decoder.bias"]
    torch.save(wrong, source)
    with pytest.raises(PublishedError, match=r"pear_model\.pt: 1 keys missing: head\.cam_decoder"):
        convert(source, tmp_path / "out.safetensors", **SIZES)
    with pytest.raises(PublishedError, match="tells its own sizes"):
        convert(source, tmp_path / "out.safetensors", model="vit_b")
    assert {p.name for p in tmp_path.iterdir()} == {"pear_model.pt"}


def test_a_backbone_becomes_a_start_for_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pear_core.model import presets

    monkeypatch.setitem(presets.PRESETS, "small", CONFIG)
    torch.manual_seed(9)
    donor = Regressor(CONFIG)
    state = donor.backbone.state_dict()
    bare = {theirs: state[ours] for ours, theirs in backbone_names(1).items()}
    torch.save({"state_dict": bare}, tmp_path / "vitpose_backbone.pth")
    out = tmp_path / "start.safetensors"
    with pytest.raises(ForeignError, match="say which model"):
        convert(tmp_path / "vitpose_backbone.pth", out)
    torch.manual_seed(1)
    expected_next = torch.rand(3)
    torch.manual_seed(1)
    report = convert(tmp_path / "vitpose_backbone.pth", out, model="small")
    # Somebody else's random numbers are left alone.
    assert torch.equal(torch.rand(3), expected_next)
    loaded, info = checkpoint.load(out)
    assert len(report.used) == 17 and info.extra == {"start": "vitpose_backbone.pth"}
    for name, value in loaded.backbone.state_dict().items():
        assert torch.equal(value, state[name]), name
