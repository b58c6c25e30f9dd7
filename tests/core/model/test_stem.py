"""The pretrained stem: where its cells lie, what learns, what a token is made of."""

from __future__ import annotations

import pytest
import torch

from pear_core.model.stem import Features, PretrainedStem


@pytest.fixture(scope="module")
def stem() -> PretrainedStem:
    torch.manual_seed(0)
    return PretrainedStem(5).eval()


def test_cells_are_those_of_the_strip_in_a_black_square(stem: PretrainedStem) -> None:
    strip = torch.rand(1, 3, 256, 192)
    square = torch.zeros(1, 3, 256, 256)
    square[..., 32:224] = strip
    with torch.inference_mode():
        fine, coarse, context = stem.encoder(square)
        found = stem.features(strip)
    # Columns 32..223 are columns 2..13 of cells of 16 pixels, and 1..6 of cells of 32.
    for token in (0, 11, 12, 191):
        row, column = divmod(token, 12)
        torch.testing.assert_close(found.fine[0, token], fine[0, :, row, 2 + column])
    for cell in (0, 5, 6, 47):
        row, column = divmod(cell, 6)
        torch.testing.assert_close(found.coarse[0, cell], coarse[0, :, row, 1 + column])
    torch.testing.assert_close(found.context, context)


def test_a_token_is_the_sum_of_three_projections(stem: PretrainedStem) -> None:
    features = Features(torch.randn(1, 192, 88), torch.randn(1, 48, 288), torch.randn(1, 1152))
    with torch.inference_mode():
        tokens = stem.join(features)
        token = 7 * 12 + 5  # row 7, column 5: coarse cell row 3, column 2
        parts = {
            "fine": features.fine[0, token],
            "coarse": features.coarse[0, 3 * 6 + 2],
            "context": features.context[0],
        }
        expected = torch.zeros(5)
        for name, part in parts.items():
            centred = part - part.mean()
            normal = centred / (centred.square().mean() + 1e-5).sqrt()
            layer = stem.projections[name]
            expected += layer.weight @ normal + layer.bias  # type: ignore[operator]
    assert tokens.shape == (1, 192, 5)
    torch.testing.assert_close(tokens[0, token], expected, atol=1e-5, rtol=1e-5)


def test_only_the_projections_learn(stem: PretrainedStem) -> None:
    learning = {n.split(".")[0] for n, p in stem.named_parameters() if p.requires_grad}
    assert learning == {"norms", "projections"}


def test_the_encoder_learns_from_a_block_on() -> None:
    stem = PretrainedStem(5)
    stem.learn_from(6)
    learning = {n for n, p in stem.encoder.named_parameters() if p.requires_grad}
    blocks = {int(n.split(".")[1]) for n in learning if n.startswith("blocks.")}
    assert blocks == set(range(6, 14))
    rest = {n.split(".")[0] for n in learning} - {"blocks"}
    assert rest == {"widen", "depth1", "depth2", "narrow", "head"}
    features = stem.features(torch.rand(1, 3, 256, 192))
    total = features.fine.sum() + features.context.sum()
    torch.autograd.backward(total)
    gradients = {n for n, p in stem.encoder.named_parameters() if p.grad is not None}
    assert gradients and gradients <= learning


def test_the_encoder_stays_in_float32_under_autocast(stem: PretrainedStem) -> None:
    strip = torch.rand(1, 3, 256, 192)
    with torch.inference_mode():
        plain = stem.features(strip)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = stem.features(strip)
    assert mixed.fine.dtype == torch.float32
    assert torch.equal(mixed.fine, plain.fine)


def test_an_exported_stem_keeps_the_names_of_its_modules(stem: PretrainedStem) -> None:
    """Precision is decided by them."""
    graph = torch.export.export(stem, (torch.rand(1, 3, 256, 192),)).graph
    scopes = {
        path.rpartition(".")[0]
        for node in graph.nodes
        if "conv" in node.name
        for path, _ in node.meta["nn_module_stack"].values()
    }
    assert {"encoder", "encoder.blocks.3", "encoder.head.2"} <= scopes
