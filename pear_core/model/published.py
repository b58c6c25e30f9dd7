"""The published PEAR checkpoint, both ways: its key names and its habits live here and nowhere else.

Source: PEAR facts 1, 3 and 16 (items 1, 2, 11). The habits: the pose gets the checkpoint's own
constant (mean pose, stored in SPIN order and read in another) before Gram-Schmidt, the camera gets
(0, 0, 1.5), scales are raw numbers, the hand scale is predicted and ignored, a joint-offset head is
stored and never called. Constants are folded into biases; `Kept` remembers what folding rounds off,
so that writing back is exact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pear_core import layout
from pear_core.model.presets import PRESETS, ConfigError, ModelConfig
from pear_core.model.regressor import Regressor

CAMERA_CONSTANT = 1.5
"""Added to the camera's s by the published code; it is in no file."""
POSE_CONSTANT = 22 * 6
"""Numbers of `init_body_pose` that act: root and 21 body joints."""
BUFFERS = {
    "init_body_pose": 318,
    "init_betas": 10,
    "init_betas_kid": 11,
    "init_cam": 3,
    "init_expression": 10,
}
OFFSET_HEAD, OFFSET_WIDTH = "smplx_joint_decoder", 165
HEAD_NAMES = {
    "pose": "smplx_poses_decoder",
    "scale": "smplx_scale_decoder",
    "shape": "smplx_shape_decoder",
    "expression": "smplx_expression_decoder",
    "flame_pose": "flame_poses_decoder",
    "flame_shape": "flame_shape_decoder",
    "flame_expression": "flame_expression_decoder",
    "camera": "cam_decoder",
}
"""Head of pear_core.layout -> published name."""
POSE, CAMERA = "heads.heads.pose.bias", "heads.heads.camera.bias"
EXTRAS = {
    "meta_cfg": "settings of the published training run",
    "global_iter": "steps of the published training run",
    "optimizer": "state of the published optimiser",
}
"""Top-level entries beside the two state dicts, and why they are not needed."""
_MEAN = "head.init_body_pose"
_SPARE = {
    f"head.{OFFSET_HEAD}.{kind}": "joint offsets: stored, never applied by the published code"
    for kind in ("weight", "bias")
} | {
    f"head.{name}": "a start value that the published code never reads"
    for name in BUFFERS
    if name != "init_body_pose"
}
"""Keys of a published checkpoint that no result depends on, and why."""


class PublishedError(ValueError):
    """A state dict that is not the published network, or cannot be written as one."""


@dataclass(frozen=True)
class KeyReport:
    """What became of every key: used; unused -> why; missing -> why it can be done without."""

    used: tuple[str, ...]
    unused: dict[str, str]
    missing: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"used": list(self.used)}


@dataclass(frozen=True)
class Kept:
    """What our state dict has no place for: the buffers, and biases as they were before folding."""

    buffers: dict[str, list[float]]
    pose_bias: list[float]
    camera_bias: list[float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; floats survive it exactly."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Any) -> Kept:
        """The inverse. Raises PublishedError for a record of another form."""
        try:
            kept = cls(**record)
            widths = {name: len(values) for name, values in kept.buffers.items()}
            whole = (len(kept.pose_bias), len(kept.camera_bias)) == (312, 3)
            if not whole or any(BUFFERS.get(name) != width for name, width in widths.items()):
                raise ValueError("other lengths")
        except (TypeError, ValueError, AttributeError) as error:
            raise PublishedError(f"not the record of a conversion ({error})") from None
        return kept


@dataclass(frozen=True)
class Converted:
    """A published state in our names: load `state` into Regressor(config) (see `regressor`)."""

    state: dict[str, Tensor]
    config: ModelConfig
    report: KeyReport
    kept: Kept

    def regressor(self) -> Regressor:
        """The network in evaluation mode; it shares the memory of `state`."""
        return assigned(self.config, self.state)


def assigned(config: ModelConfig, state: Mapping[str, Tensor]) -> Regressor:
    """A regressor in evaluation mode whose parameters are the tensors of `state`, not copies."""
    with torch.device("meta"):
        model = Regressor(config)
    model.load_state_dict(dict(state), assign=True)
    model.set_constants(model.backbone.positions.device, model.backbone.positions.dtype)
    return model.eval()


def backbone_names(depth: int) -> dict[str, str]:
    """Our key -> the key of ViTPose and HMR2, both without a prefix for the whole backbone."""
    names = dict(
        _linear("patches", "patch_embed.proj") + [("positions", "pos_embed")]
        + _linear("norm", "last_norm")
    )  # fmt: skip
    parts = (
        ("norm1", "norm1"), ("qkv", "attn.qkv"), ("out", "attn.proj"),
        ("norm2", "norm2"), ("mlp1", "mlp.fc1"), ("mlp2", "mlp.fc2"),
    )  # fmt: skip
    for i in range(depth):
        for ours, theirs in parts:
            names |= _linear(f"blocks.{i}.{ours}", f"blocks.{i}.{theirs}")
    return names


def decoder_names(depth: int) -> dict[str, str]:
    """Our key -> the key of HMR2's transformer decoder, without prefixes."""
    names = dict(_linear("token", "to_token_embedding") + [("position", "pos_embedding")])
    for i in range(depth):
        ours, theirs = f"layers.{i}", f"transformer.layers.{i}"
        for branch in range(3):
            names |= _linear(f"{ours}.norm{branch + 1}", f"{theirs}.{branch}.norm")
        names[f"{ours}.self_qkv.weight"] = f"{theirs}.0.fn.to_qkv.weight"
        names |= _linear(f"{ours}.self_out", f"{theirs}.0.fn.to_out.0")
        names[f"{ours}.cross_q.weight"] = f"{theirs}.1.fn.to_q.weight"
        names[f"{ours}.cross_kv.weight"] = f"{theirs}.1.fn.to_kv.weight"
        names |= _linear(f"{ours}.cross_out", f"{theirs}.1.fn.to_out.0")
        names |= _linear(f"{ours}.mlp1", f"{theirs}.2.fn.net.0")
        names |= _linear(f"{ours}.mlp2", f"{theirs}.2.fn.net.3")
    return names


def key_names(config: ModelConfig) -> dict[str, str]:
    """Our key -> published key, every one of the network (517 less buffers and offsets: 510)."""
    names = {f"backbone.{a}": f"backbone.{b}" for a, b in backbone_names(config.depth).items()}
    names |= {
        f"decoder.{a}": f"head.transformer.{b}"
        for a, b in decoder_names(config.decoder_depth).items()
    }
    for ours, theirs in HEAD_NAMES.items():
        names |= _linear(f"heads.heads.{ours}", f"head.{theirs}")
    return names


def from_published(
    content: Mapping[str, Any],
    *,
    heads: int | None = None,
    decoder_heads: int | None = None,
    mean_pose: Tensor | None = None,
    dtype: torch.dtype | None = None,
    ignore: Collection[str] = (),
) -> Converted:
    """A published checkpoint {"backbone": ..., "head": ...} in our names.

    heads, decoder_heads: number of attention heads where the sizes are not the published ones (no
    shape tells). mean_pose [1, 318]: used if the checkpoint lacks `init_body_pose`. dtype: cast
    before folding; None keeps the file's, and then used tensors stay the same memory. ignore: keys
    that are not known and shall be left out. Raises PublishedError: a key that is missing, unknown,
    of another shape or type.
    """
    flat, unused = _flatten(content, ignore)
    config = config_of(flat, heads, decoder_heads)
    names = key_names(config)
    missing = {key: why for key, why in _SPARE.items() if key not in flat}
    if _MEAN not in flat and mean_pose is not None:
        flat[_MEAN], missing[_MEAN] = mean_pose, "taken from the mean parameters that were given"
    _check(flat, names, config)
    known = {_MEAN, *names.values()}
    for key in flat:
        if key not in known:
            why = _SPARE.get(key) or ("ignored as asked" if key in ignore else "")
            if not why:
                raise PublishedError(f"{key}: not a key of the published network")
            unused[key] = why
    state = {ours: flat[theirs] if dtype is None else flat[theirs].to(dtype)
             for ours, theirs in names.items()}  # fmt: skip
    kinds = {str(value.dtype) for value in state.values()}
    if len(kinds) > 1:
        raise PublishedError(f"expected tensors of one type, found {', '.join(sorted(kinds))}")
    kept = Kept(
        {name: flat[f"head.{name}"].flatten().tolist() for name in BUFFERS
         if f"head.{name}" in flat},
        state[POSE].tolist(),
        state[CAMERA].tolist(),
    )  # fmt: skip
    for ours, constant in _constants(kept, state[POSE].dtype).items():
        state[ours] = state[ours] + constant.to(state[ours].device)
    used = tuple(sorted(known - set(missing)))
    return Converted(state, config, KeyReport(used, unused, missing), kept)


def to_published(
    state: Mapping[str, Tensor], config: ModelConfig, kept: Kept | None = None
) -> dict[str, dict[str, Tensor]]:
    """Our state dict as {"backbone": ..., "head": ...} under the published names.

    With the `kept` of a conversion every number that did not change since comes back exactly, and
    changed biases lose the constant again. Without it the pose constant is written as zeros, which
    is the same network. The joint-offset head, which no forward calls, is zeros. Raises
    PublishedError for a network with a stem of its own.
    """
    if config.stem != "patch":
        raise PublishedError(
            f"{config.name}: the published network has a patch convolution, found stem "
            f"{config.stem!r}"
        )
    kept = kept or Kept({}, [], [])
    flat = {theirs: state[ours].detach() for ours, theirs in key_names(config).items()}
    names = key_names(config)
    for ours, constant in _constants(kept, state[POSE].dtype).items():
        value = state[ours].detach()
        plain = value - constant.to(value.device)
        before = kept.pose_bias if ours == POSE else kept.camera_bias
        if before:
            original = torch.tensor(before, dtype=value.dtype, device=value.device)
            unchanged = original + constant.to(value.device) == value
            plain = torch.where(unchanged, original, plain)
        flat[names[ours]] = plain
    like = flat["head.cam_decoder.weight"]
    for name, width in BUFFERS.items():
        values = kept.buffers.get(name, [0.0] * width)
        flat[f"head.{name}"] = torch.tensor([values], dtype=like.dtype)
    flat[f"head.{OFFSET_HEAD}.weight"] = like.new_zeros(OFFSET_WIDTH, like.shape[1])
    flat[f"head.{OFFSET_HEAD}.bias"] = like.new_zeros(OFFSET_WIDTH)
    split: dict[str, dict[str, Tensor]] = {"backbone": {}, "head": {}}
    for key, value in flat.items():
        part, _, rest = key.partition(".")
        split[part][rest] = value
    return split


def config_of(
    flat: Mapping[str, Any], heads: int | None = None, decoder_heads: int | None = None
) -> ModelConfig:
    """The sizes that the shapes of a flat published state imply; heads as in `from_published`.

    Raises PublishedError: a key that tells a size is missing or of another rank, or heads are
    needed.
    """
    layer = "head.transformer.transformer.layers"
    dim = _shape(flat, "backbone.pos_embed", 3)[2]
    mlp = _shape(flat, "backbone.blocks.0.mlp.fc1.weight", 2)[0]
    decoder_dim = _shape(flat, "head.transformer.pos_embedding", 3)[2]
    inner = _shape(flat, f"{layer}.0.1.fn.to_q.weight", 2)[0]
    decoder_mlp = _shape(flat, f"{layer}.0.2.fn.net.0.weight", 2)[0]
    depth, decoder_depth = _count(flat, "backbone.blocks."), _count(flat, f"{layer}.")
    known = next(
        (p for p in PRESETS.values()
         if p.stem == "patch" and (p.depth, p.dim, p.mlp_dim) == (depth, dim, mlp)), None
    )  # fmt: skip
    if heads is None and known is None:
        raise PublishedError(
            f"heads of the backbone: no shape tells them and depth {depth}, width {dim} is no "
            "published size; say how many"
        )
    published = PRESETS["vit_h"]
    if decoder_heads is None:
        if inner != published.decoder_heads * published.decoder_head_dim:
            raise PublishedError(
                f"heads of the decoder: no shape tells them and an attention width of {inner} is "
                "no published size; say how many"
            )
        decoder_heads = published.decoder_heads
    if decoder_heads < 1 or inner % decoder_heads:
        raise PublishedError(
            f"an attention width of {inner} cannot be split into {decoder_heads} decoder heads"
        )
    try:
        config = ModelConfig(
            known.name if known else "published", depth, dim,
            heads if heads is not None else known.heads if known else 1, mlp / dim,
            known.drop_path if known else 0.0, decoder_depth, decoder_dim, decoder_heads,
            inner // decoder_heads, decoder_mlp, "published",
        )  # fmt: skip
    except ConfigError as error:
        raise PublishedError(str(error)) from None
    if known and config == replace(known, start="published"):
        return config
    return replace(config, name="published")


def _linear(ours: str, theirs: str) -> list[tuple[str, str]]:
    return [(f"{ours}.{kind}", f"{theirs}.{kind}") for kind in ("weight", "bias")]


def _flatten(
    content: Mapping[str, Any], ignore: Collection[str]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by dotted name, and the top-level entries that are left out, with the reason."""
    flat: dict[str, Tensor] = {}
    unused: dict[str, str] = {}
    for key, value in content.items():
        if key in ("backbone", "head") and isinstance(value, Mapping):
            for name, tensor in _tensors(value, key):
                flat[name] = tensor
        elif key.startswith(("backbone.", "head.")) and isinstance(value, Tensor):
            flat[key] = value
        elif key in EXTRAS or key in ignore:
            unused[key] = EXTRAS.get(key, "ignored as asked")
        else:
            raise PublishedError(
                f"{key}: not a part of a published checkpoint, expected backbone, head, "
                f"{', '.join(EXTRAS)}"
            )
    return flat, unused


def _tensors(part: Mapping[str, Any], name: str) -> Iterator[tuple[str, Tensor]]:
    for key, value in part.items():
        if not isinstance(value, Tensor):
            raise PublishedError(f"{name}.{key}: expected a tensor, found {type(value).__name__}")
        yield f"{name}.{key}", value


def _check(flat: Mapping[str, Tensor], names: Mapping[str, str], config: ModelConfig) -> None:
    with torch.device("meta"):
        shapes = {names[k]: tuple(v.shape) for k, v in Regressor(config).state_dict().items()}
    shapes[_MEAN] = (1, BUFFERS["init_body_pose"])
    absent = sorted(set(shapes) - set(flat))
    if absent:
        more = ", ..." if len(absent) > 3 else ""
        raise PublishedError(f"{len(absent)} keys missing: {', '.join(absent[:3])}{more}")
    for key, shape in shapes.items():
        if tuple(flat[key].shape) != shape:
            raise PublishedError(f"{key}: expected shape {shape}, found {tuple(flat[key].shape)}")
        if not flat[key].is_floating_point():
            raise PublishedError(f"{key}: expected floats, found {flat[key].dtype}")


def _constants(kept: Kept, dtype: torch.dtype) -> dict[str, Tensor]:
    """Key of a bias of ours -> what the published code adds to that head's output."""
    pose = torch.zeros(layout.FIELDS["pose_6d"].width, dtype=dtype)
    mean = kept.buffers.get("init_body_pose", [])[:POSE_CONSTANT]
    pose[: len(mean)] = torch.tensor(mean, dtype=dtype)
    camera = torch.zeros(layout.FIELDS["camera"].width, dtype=dtype)
    camera[2] = CAMERA_CONSTANT
    return {POSE: pose, CAMERA: camera}


def _shape(flat: Mapping[str, Any], key: str, rank: int) -> tuple[int, ...]:
    if key not in flat:
        raise PublishedError(f"{key}: missing, expected in every published checkpoint")
    shape = tuple(flat[key].shape)
    if len(shape) != rank:
        raise PublishedError(f"{key}: expected {rank} axes, found shape {shape}")
    return shape


def _count(flat: Mapping[str, Any], prefix: str) -> int:
    return len({key.removeprefix(prefix).split(".")[0] for key in flat if key.startswith(prefix)})
