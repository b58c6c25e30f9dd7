"""The whole network: normalisation, strip, token dropping."""

import pytest
import torch

from pear_core.model.presets import preset
from pear_core.model.regressor import Regressor


@pytest.fixture(scope="module")
def model() -> Regressor:
    torch.manual_seed(0)
    model = Regressor(preset("vit_ti", depth=2, dim=48, heads=3, decoder_depth=1)).eval()
    with torch.no_grad():
        for head in model.heads.heads.values():
            head.weight.normal_(std=0.1)  # type: ignore[union-attr, operator]
    return model


@torch.no_grad()
def test_imagenet_normalisation_is_inside(model: Regressor) -> None:
    strip = torch.rand(2, 3, 256, 192)
    # Published constants, applied by hand channel by channel.
    by_hand = torch.stack(
        [
            (strip[:, 0] - 0.485) / 0.229,
            (strip[:, 1] - 0.456) / 0.224,
            (strip[:, 2] - 0.406) / 0.225,
        ],
        1,
    )
    expected = model.heads(model.decoder(model.backbone(by_hand)))
    torch.testing.assert_close(model(strip), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_square_sees_columns_32_to_223_only(model: Regressor) -> None:
    square = torch.rand(1, 3, 256, 256)
    other = square.clone()
    other[..., :32] = 0
    other[..., 224:] = 1
    assert torch.equal(model.forward_square(square), model.forward_square(other))
    other[..., 32] += 0.5
    assert not torch.equal(model.forward_square(square), model.forward_square(other))
    assert torch.equal(model.forward_square(square), model(square[..., 32:224].contiguous()))


@torch.no_grad()
def test_keeping_every_token_changes_nothing(model: Regressor) -> None:
    strip = torch.rand(2, 3, 256, 192)
    torch.testing.assert_close(model(strip, keep=1.0), model(strip), atol=1e-5, rtol=0)
    torch.manual_seed(1)
    half = model(strip, keep=0.5)
    assert half.shape == (2, 935) and not torch.allclose(half, model(strip), atol=1e-4)


@torch.no_grad()
def test_people_of_a_batch_are_independent(model: Regressor) -> None:
    strip = torch.rand(3, 3, 256, 192)
    one_by_one = torch.cat([model(s[None]) for s in strip])
    torch.testing.assert_close(model(strip), one_by_one, atol=1e-5, rtol=0)


def test_every_parameter_learns(model: Regressor) -> None:
    model.zero_grad()
    model(torch.rand(2, 3, 256, 192)).square().sum().backward()
    learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
    silent = {n for n, p in learning.items() if p.grad is None or not p.grad.any()}
    # The query's input is the number zero.
    assert silent == {"decoder.token.weight"}
