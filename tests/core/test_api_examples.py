"""docs/api.md runs: all its blocks, in order, on fabricated files under the names it uses.

The blocks assert shapes and numbers themselves; the tests here recompute some of their results
another way, and hold the page's table of terms against the code.
"""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from fabricated import bodies
from pear_core.body import regressors
from pear_core.evaluate import expressive
from pear_core.losses.published import PublishedWeights
from pear_core.model.presets import PRESETS, ModelConfig
from pear_core.model.published import to_published
from pear_core.model.regressor import Regressor

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "api.md"
BODY_VERTICES, HEAD_VERTICES, SMPL_VERTICES = 90, 40, 6890
SMALL = ModelConfig(
    "small", depth=1, dim=32, heads=2, mlp_ratio=2.0, decoder_depth=1, decoder_dim=24,
    decoder_mlp=16, start="published",
)  # fmt: skip
REDUCED = ModelConfig(
    "reduced", depth=2, dim=16, heads=2, mlp_ratio=3.0, decoder_depth=1, decoder_dim=12,
    decoder_heads=4, decoder_head_dim=5, decoder_mlp=8, start="published",
)  # fmt: skip


def python_blocks(text: str) -> list[tuple[int, str]]:
    """(line, code) of every fenced python block."""
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text[: match.start(1)].count("\n") + 1, match.group(1)) for match in found]


def write_checkpoint(path: Path, config: ModelConfig) -> None:
    """Random weights under the published names, with the pose constant of an upright person."""
    torch.manual_seed(3)
    state = Regressor(config).state_dict()
    for name, value in state.items():
        if name.startswith("heads.") and "camera" not in name:
            value.mul_(10)
    content: dict[str, Any] = to_published(state, config)
    upright = [1.0, 0, 0, 0, -1, 0] + [1.0, 0, 0, 0, 1, 0] * 52
    content["head"]["init_body_pose"] = torch.tensor([upright])
    torch.save(content | {"global_iter": 7}, path)


def write_body(folder: Path) -> None:
    """A body folder of few vertices with the regressors that metrics and key points want."""
    rng = np.random.default_rng(5)
    bodies.write_folder(
        folder, vertices=BODY_VERTICES, head=HEAD_VERTICES, faces=(150, 60), regions=(6, 5, 2)
    )
    bodies.write_j14(folder, vertices=BODY_VERTICES)
    hands = rng.permutation(BODY_VERTICES)[:20].reshape(2, 10)
    np.savez(folder / "MANO_SMPLX_vertex_ids.npz", left_hand=hands[0], right_hand=hands[1])
    for name, joints in (("J_regressor_h36m", 17), ("SMPL_to_J19", 19)):
        np.save(folder / f"{name}.npy", bodies.regressor(rng, joints, SMPL_VERTICES))
    np.savez(folder / "SMPL_NEUTRAL.npz", J_regressor=bodies.regressor(rng, 24, SMPL_VERTICES))
    corners = rng.integers(0, BODY_VERTICES, SMPL_VERTICES * 3)
    rows = np.repeat(np.arange(SMPL_VERTICES), 3)
    values = rng.dirichlet(np.ones(3), SMPL_VERTICES).ravel()
    matrix = sparse.csr_array((values, (rows, corners)), shape=(SMPL_VERTICES, BODY_VERTICES))
    sparse.save_npz(folder / "smplx2smpl.npz", matrix)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's files are."""
    folder = tmp_path_factory.mktemp("api")
    write_checkpoint(folder / "pear_model.pt", SMALL)
    write_checkpoint(folder / "reduced.pt", REDUCED)
    write_body(folder / "body")
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> dict[str, Any]:
    """The names that exist after all blocks ran."""
    names: dict[str, Any] = {}
    before = Path.cwd()
    tips = dict(zip(("index", "middle", "pinky", "ring", "thumb"), range(5), strict=True))
    with pytest.MonkeyPatch.context() as patch:
        # The page needs no head count because its checkpoint has a published size: here SMALL.
        patch.setitem(PRESETS, "small", SMALL)
        patch.setattr(regressors, "SMPLX_VERTICES", BODY_VERTICES)
        patch.setattr(expressive, "SMPLX_FINGERTIPS", (tips, tips))
        os.chdir(folder)
        try:
            torch.manual_seed(0)
            for line, code in python_blocks(PAGE.read_text()):
                # Blank lines before the code make tracebacks show the page's line numbers.
                exec(compile("\n" * (line - 1) + code, str(PAGE), "exec"), names)
        finally:
            os.chdir(before)
    return names


def test_every_python_block_is_found() -> None:
    text = PAGE.read_text()
    assert len(python_blocks(text)) == text.count("```python\n") >= 15


def test_the_fabricated_files_are_small_and_wired(page: dict[str, Any]) -> None:
    assert page["body"].vertices.shape == (2, BODY_VERTICES, 3)
    assert page["converted"].config.name == "small" and page["small"].config.depth == 2
    assert page["report"].unused["global_iter"]
    # Two pictures give two people: the pictures reach the parameters.
    betas = page["parameters"].betas.detach()
    assert float((betas[0] - betas[1]).abs().max()) > 1e-6


def test_projection_of_the_page_is_a_pinhole_of_half_field_1_24(page: dict[str, Any]) -> None:
    """OpenCV axes: K [R|t] with focal 24 half-widths and translation (-tx, -ty, 24/s)."""
    joints = page["body"].joints[1].detach().double().numpy()
    tx, ty, s = page["camera"][1].detach().double().numpy()
    camera = joints + np.array([-tx, -ty, 24 / s])
    matrix = np.array([[12.0, 0, 0.5], [0, 12.0, 0.5], [0, 0, 1]])
    homogeneous = camera @ matrix.T
    expected = homogeneous[:, :2] / homogeneous[:, 2:]
    assert np.abs(page["uv"][1].detach().numpy() - expected).max() < 1e-5


def test_key_points_of_the_page_by_their_definition(folder: Path, page: dict[str, Any]) -> None:
    """Of the 44, 39 is row 14 of SMPL_to_J19 and 14 SMPL's left ankle (7), on the SMPL mesh."""
    smpl = page["smpl"].detach().double().numpy()
    j19 = np.load(folder / "body" / "SMPL_to_J19.npy")
    with np.load(folder / "body" / "SMPL_NEUTRAL.npz") as file:
        rows = {39: j19[14], 14: file["J_regressor"][7]}
    for point, row in rows.items():
        expected = np.einsum("v,bvc->bc", row, smpl)
        found = page["keypoints"][:, point].detach().numpy()
        assert np.abs(found - expected).max() < 1e-5, point


def test_losses_of_the_page_in_numpy(page: dict[str, Any]) -> None:
    parameters = {
        name: getattr(page["parameters"], name).detach().double().numpy()
        for name in ("rotations", "betas", "expression", "head_scale", "eye_pose", "jaw_pose",
                     "eyelids", "flame_expression", "flame_shape")
    }  # fmt: skip
    # Labels are the rest pose: identities, scales 1, the rest 0. Only the first body is valid.
    turned = ((parameters["rotations"] - np.eye(3)) ** 2).sum(axis=(2, 3))
    expected = {
        "body_pose": 1.21 * turned[0, 1:22].sum() + 0.01 * turned[1, 1:22].sum(),
        "hand_pose": turned[0, 22:].sum(),
        "head_scale": ((parameters["head_scale"] - 1) ** 2).sum(),
        "expression": (parameters["expression"] ** 2).sum(),
        "betas": (parameters["betas"] ** 2).sum(),
        "keypoints_3d": 0.0,
        "keypoints_2d": 0.0,
    }
    for name in ("eye_pose", "jaw_pose", "eyelids", "flame_expression", "flame_shape"):
        expected[name] = 1.1 * np.abs(parameters[name]).sum()
    away = np.abs(page["dwpose"].detach().double().numpy() - 0.8).sum(axis=2)
    expected["dwpose"] = np.delete(away, [8, 11], axis=1).sum()
    assert {n: float(t) for n, t in page["terms"].items()} == pytest.approx(expected, rel=1e-5)
    weights = table_of_terms()
    total = sum(weights[name] * value for name, value in expected.items())
    assert float(page["total"].detach()) == pytest.approx(total, rel=1e-5)
    gradient = page["network"].backbone.positions.grad
    assert gradient is not None and float(gradient.abs().max()) > 0


def table_of_terms() -> dict[str, float]:
    """Weight of each term as the page's table prints it."""
    weights = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`(\w+)`", cells[0])
        if len(cells) == 4 and names:
            weights.update(dict.fromkeys(names, float(cells[3])))
    return weights


def test_the_table_of_terms_is_that_of_the_code() -> None:
    weights = PublishedWeights()
    assert table_of_terms() == {f.name: getattr(weights, f.name) for f in fields(weights)}
