"""ViTPose and HMR2 checkpoints as a start for training.

Their backbone is the published one, key for key, and HMR2's decoder is too (facts 3.1, 3.2). What
predicts key points or an SMPL body there has no counterpart here and starts fresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pear_core.model.published import KeyReport, backbone_names, decoder_names
from pear_core.model.regressor import Regressor

STATE = "state_dict"
_HEAD, _DECODER, _BACKBONE = "smpl_head.", "smpl_head.transformer.", "backbone."
_REASONS = {
    "keypoint_head.": "ViTPose's heat maps of key points",
    "associate_keypoint_heads.": "ViTPose's heat maps of other data sets",
    _HEAD: "HMR2's read-out of SMPL parameters",
    "smpl.": "HMR2's body model",
    "discriminator.": "HMR2's critic",
    "initialized": "HMR2's training",
}
"""Start of a key -> what it belongs to."""


class ForeignError(ValueError):
    """A checkpoint that is neither ViTPose's nor HMR2's, or does not fit the network."""


def start_from_foreign(regressor: Regressor, content: Mapping[str, Any]) -> KeyReport:
    """Copies the backbone, and HMR2's decoder if it has the same sizes, into `regressor`.

    content: {"state_dict": ...} of torch.save, with or without `backbone.` before the keys. The
    report's `missing` are our keys that stay as they are. Raises ForeignError, and then nothing was
    copied: not such a file, a key of the backbone missing, unknown or of another shape.
    """
    config = regressor.config
    if config.stem != "patch":
        raise ForeignError(
            f"{config.name} has stem {config.stem!r}; these weights need a patch convolution "
            "(vit_b, vit_h)"
        )
    state = _state(content)
    own = dict(regressor.named_parameters())
    prefix = _BACKBONE if any(key.startswith(_BACKBONE) for key in state) else ""
    backbone = {
        f"backbone.{ours}": prefix + key for ours, key in backbone_names(config.depth).items()
    }
    unused = {key: _reason(key) for key in set(state) - set(backbone.values())}
    unknown = sorted(key for key, why in unused.items() if not why)
    if unknown:
        raise ForeignError(
            f"{unknown[0]}: not a key of a ViTPose or HMR2 with {config.depth} blocks"
        )
    faults = _misfits(own, state, backbone)
    if faults:
        raise ForeignError(f"backbone of {config.name}: {faults[0]} ({len(faults)} such keys)")
    taken = backbone
    if any(key.startswith(_DECODER) for key in state):
        decoder = {
            f"decoder.{ours}": _DECODER + key
            for ours, key in decoder_names(config.decoder_depth).items()
        }
        extra = {key for key in state if key.startswith(_DECODER)} - set(decoder.values())
        faults = _misfits(own, state, decoder) + [f"{key}: no counterpart" for key in sorted(extra)]
        if not faults:
            taken = backbone | decoder
        for key in decoder.values():
            if faults and key in state:
                unused[key] = f"decoder of other sizes: {faults[0]}"
            else:
                unused.pop(key, None)
    with torch.no_grad():
        for ours, key in taken.items():
            own[ours].copy_(state[key])
    fresh = {ours: "starts fresh" for ours in own if ours not in taken}
    return KeyReport(tuple(sorted(taken.values())), dict(sorted(unused.items())), fresh)


def _state(content: Mapping[str, Any]) -> dict[str, Tensor]:
    state = content.get(STATE)
    if not isinstance(state, Mapping):
        raise ForeignError(
            f"expected the weights under {STATE!r}, found the keys {sorted(map(str, content))[:5]}"
        )
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise ForeignError(f"{key}: expected a tensor, found {type(value).__name__}")
    return dict(state)


def _misfits(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], names: Mapping[str, str]
) -> list[str]:
    """One line per key that is missing or has another shape."""
    faults = []
    for ours, key in names.items():
        expected = tuple(own[ours].shape)
        found = tuple(state[key].shape) if key in state else "nothing"
        if expected != found:
            faults.append(f"{key}: expected shape {expected}, found {found}")
    return faults


def _reason(key: str) -> str:
    return next((why for start, why in _REASONS.items() if key.startswith(start)), "")
