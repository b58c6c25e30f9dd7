"""Nodes are named by the module that they came from, and modules are grouped into units."""

import onnx_ir as ir
import pytest

from pear_core.export.naming import block, group, inside, name_nodes, scope


def node(scopes: str, kind: str = "Add") -> ir.Node:
    made = ir.Node("", kind, [])
    if scopes:
        made.metadata_props["pkg.torch.onnx.name_scopes"] = scopes
    return made


def test_names_tell_module_and_operator() -> None:
    nodes = [
        node("['', 'regressor', 'regressor.backbone', 'regressor.backbone.norm', 'norm']"),
        node("['', 'regressor', 'regressor.backbone', 'regressor.backbone.norm', 'x']"),
        node("['', 'body', 'y']", "Mul"),
        node("['', 'y']", "Mul"),
        node("['_empty_nn_module_stack_from_metadata_hook', 'sym_size']", "Shape"),
        node("", "Split"),
        node("not a list", "Split"),
    ]
    name_nodes(ir.Model(ir.Graph([], [], nodes=nodes), ir_version=10))
    assert [n.name for n in nodes] == [
        "backbone.norm/Add", "backbone.norm/Add_2", "body/Mul", "/Mul", "/Shape", "/Split",
        "/Split_2",
    ]  # fmt: skip
    assert [scope(n) for n in nodes] == ["backbone.norm"] * 2 + ["body"] + [""] * 4


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("backbone.blocks.3.qkv", "backbone.blocks.3"),
        ("backbone.patches.encoder.blocks.10.widen", "backbone.patches.encoder.blocks.10"),
        ("backbone.patches.encoder.first_depth", "backbone.patches.encoder.first_depth"),
        ("backbone.patches.projections.fine", "backbone.patches.projections.fine"),
        ("backbone.patches", "backbone.patches"),
        ("decoder.layers.0.cross_kv", "decoder.layers.0"),
        ("heads.heads.pose", "heads.heads"),
        ("", ""),
    ],
)
def test_units(path: str, unit: str) -> None:
    assert block(path) == unit


def test_inside_goes_by_whole_names() -> None:
    places = frozenset({"backbone.blocks.1", ""})
    assert inside("backbone.blocks.1", places) and inside("backbone.blocks.1.qkv", places)
    assert not inside("backbone.blocks.10", places) and not inside("backbone.blocks", places)
    assert inside("", places) and not inside("heads", places)


@pytest.mark.parametrize(
    ("unit", "whole"),
    [
        ("backbone.blocks.3", "backbone.blocks"),
        ("backbone.patches.encoder.blocks.10", "backbone.patches.encoder"),
        ("backbone.patches.encoder.head.1", "backbone.patches.encoder"),
        ("backbone.patches.encoder.widen", "backbone.patches.encoder"),
        ("backbone.patches.projections.fine", "backbone.patches.projections"),
        ("decoder.layers.0", "decoder.layers"),
        ("heads.heads", "heads"),
        ("stem", "stem"),
    ],
)
def test_units_are_measured_with_their_list_or_parent_first(unit: str, whole: str) -> None:
    assert group(unit) == whole
