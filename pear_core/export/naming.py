"""Names for the nodes of a traced graph: the torch module they came from, then the operator.

"backbone.blocks.0.qkv/MatMul" says more in a profile than "node_MatMul_316", and precision is
decided by module: `scope` gives it back from a stored graph.
"""

from __future__ import annotations

import ast
from collections import Counter

import onnx_ir as ir

_SCOPES = "pkg.torch.onnx.name_scopes"
_WRAPPER = "regressor."


def name_nodes(model: ir.Model) -> None:
    """Rename every node by the scopes that torch's exporter left in its metadata."""
    seen: Counter[str] = Counter()
    for node in model.graph:
        name = f"{_module(node.metadata_props.get(_SCOPES, ''))}/{node.op_type}"
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}_{seen[name]}"


def scope(node: ir.Node) -> str:
    """Module path of a node that `name_nodes` named, "" where it has none."""
    return (node.name or "").rpartition("/")[0]


def block(scope: str) -> str:
    """The unit that precision is decided for: a numbered block of a module list, else the module two
    levels deep. "backbone.blocks.3.qkv" -> "backbone.blocks.3", "heads.heads.pose" -> "heads.heads".
    """
    parts = scope.split(".")
    for index, part in enumerate(parts):
        if part.isdigit():
            return ".".join(parts[: index + 1])
    return ".".join(parts[:2] if parts[0] != "backbone" else parts[:4])


def group(block: str) -> str:
    """The module that a `block` is measured with first: its list or its parent, three levels deep at
    most. "backbone.blocks.3" -> "backbone.blocks", "backbone.patches.encoder.head.1" ->
    "backbone.patches.encoder".
    """
    above = [part for part in block.split(".")[:-1] if not part.isdigit()]
    return ".".join(above[:3]) or block


def inside(scope: str, places: frozenset[str]) -> bool:
    """Whether a module is one of `places` or within one."""
    return any(scope == place or scope.startswith(place + ".") for place in places)


def _module(scopes: str) -> str:
    try:
        paths = ast.literal_eval(scopes)[:-1]
    except (ValueError, SyntaxError):
        return ""
    path = str(paths[-1]) if paths else ""
    if path.startswith("_"):
        return ""
    return path.removeprefix(_WRAPPER) if path.startswith(_WRAPPER) else path
