"""The body in numpy against the graphs it was read from and against torch."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from pear_core.body.ehm import J14_TO_EHM, Ehm
from pear_core.body.parameters import BodyParameters
from pear_ros.assets import DEFAULT_MODEL, find
from pear_ros.engine.folded import (
    KEPT_SHAPES,
    FoldedBody,
    FoldedJoints,
    FoldedMesh,
    contour_row,
    decoded,
    folded,
    made_up_people,
)
from pear_ros.engine.folded_constants import UnknownGraph, product, read_constants
from pear_ros.engine.onnx_graph import OnnxGraph, read_graph
from pear_ros.engine.onnxruntime import open_session
from pear_ros.types import Parameters

BODY, MESH = "body.onnx", "mesh.onnx"
ABOUT = "eyes"


def body_of(data: bytes, about: str = ABOUT) -> FoldedBody:
    return FoldedBody(read_constants(read_graph(data, "x")), about)


@pytest.fixture(scope="module")
def graphs(tiny_model: Any) -> dict[str, bytes]:
    return {name: (tiny_model.bundle / name).read_bytes() for name in (BODY, MESH)}


@pytest.fixture(scope="module")
def ehm(tiny_model: Any) -> Ehm:
    return Ehm.from_folder(tiny_model.body)


def torch_body(ehm: Ehm, parameters: Parameters) -> Any:
    tensors = {
        f.name: torch.from_numpy(np.ascontiguousarray(getattr(parameters, f.name)))
        for f in fields(Parameters)
    }
    with torch.no_grad():
        return ehm(BodyParameters(**tensors))


def mesh_inputs(parameters: Parameters) -> dict[str, np.ndarray]:
    names = [f.name for f in fields(Parameters) if f.name != "hand_scale"]
    return {name: np.ascontiguousarray(getattr(parameters, name)) for name in names}


@pytest.mark.parametrize("people", [1, 3])
def test_joints_are_the_graphs_and_torchs(graphs: Any, ehm: Ehm, people: int) -> None:
    raw = made_up_people(people)
    found = FoldedJoints(body_of(graphs[BODY])).run({"raw": raw})
    expected = open_session(graphs[BODY], BODY, 1).run({"raw": raw})
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)
    body = torch_body(ehm, decoded(raw))
    np.testing.assert_allclose(found["joints"], body.joints.numpy(), atol=1e-5)


@pytest.mark.parametrize("people", [1, 3])
def test_mesh_is_the_graphs_and_torchs(graphs: Any, ehm: Ehm, people: int) -> None:
    parameters = decoded(made_up_people(people))
    found = FoldedMesh(body_of(graphs[MESH])).run(mesh_inputs(parameters))["vertices"]
    expected = open_session(graphs[MESH], MESH, 1).run(mesh_inputs(parameters))["vertices"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found, torch_body(ehm, parameters).vertices.numpy(), atol=1e-5)
    assert found.flags.c_contiguous and found.dtype == np.float32


def test_people_of_a_call_do_not_influence_each_other(graphs: Any) -> None:
    body = body_of(graphs[BODY])
    everybody = decoded(made_up_people(4))
    together = body.joints(everybody)
    for i in range(4):
        np.testing.assert_allclose(body.joints(everybody.person(i))[0], together[i], atol=1e-6)


def test_a_remembered_shape_is_that_person_s(graphs: Any) -> None:
    # More people than are remembered, twice, and each time in another pose.
    body, fresh = body_of(graphs[MESH]), body_of(graphs[MESH])
    people = decoded(made_up_people(KEPT_SHAPES + 4))
    first = body.vertices(people)
    for i in (0, KEPT_SHAPES + 3, 5):
        own = people.person(i)
        moved = replace(own, jaw_pose=own.jaw_pose + np.float32(0.3))
        again = body.vertices(moved)
        np.testing.assert_allclose(again, fresh.vertices(moved), atol=1e-6)
        assert np.abs(again[0] - first[i]).max() > 1e-4
        np.testing.assert_allclose(body.vertices(own)[0], first[i], atol=1e-6)


def test_history_does_not_show_in_a_single_bit(graphs: Any) -> None:
    # The same bag gives the same bytes twice, whoever was remembered and whoever was new.
    body = body_of(graphs[MESH])
    people = decoded(made_up_people(3))
    expected = body_of(graphs[MESH]).vertices(people)
    body.vertices(people.person(1))
    assert np.array_equal(body.vertices(people), expected)
    assert np.array_equal(body.vertices(people), expected)


def test_what_is_returned_is_the_callers(graphs: Any) -> None:
    body = body_of(graphs[BODY])
    people = decoded(made_up_people(2))
    kept = body.joints(people)
    before = kept.copy()
    kept_again = body.joints(people)
    kept_again += 1.0
    assert np.array_equal(kept, before) and np.array_equal(body.joints(people), before)


def test_threads_get_their_own_answers(graphs: Any) -> None:
    body = body_of(graphs[BODY])
    people = decoded(made_up_people(KEPT_SHAPES + 8))
    expected = [body.joints(people.person(i)) for i in range(len(people))]
    jobs = list(range(len(people))) * 8
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: body.joints(people.person(i)), jobs))
    for i, joints in zip(jobs, found, strict=True):
        assert np.array_equal(joints, expected[i])


def test_doubles_give_the_same(graphs: Any) -> None:
    body = body_of(graphs[BODY])
    single = decoded(made_up_people(2))
    double = Parameters(**{f.name: getattr(single, f.name).astype(float) for f in fields(single)})
    found = body.joints(double)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, body.joints(single), atol=1e-6)


def test_a_person_of_nan_spoils_nobody_else(graphs: Any) -> None:
    body = body_of(graphs[BODY])
    raw = made_up_people(2)
    raw[0] = np.nan
    with np.errstate(all="ignore"):
        found = body.joints(decoded(raw))
    alone = body.joints(decoded(raw[1:]))
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1], alone[0], atol=1e-6)


@pytest.mark.parametrize(
    ("degrees", "row"), [(0, 0), (12.4, 12), (39, 39), (80, 39), (-1, 40), (-39, 78), (-70, 78)]
)
def test_contour_rows_by_hand(degrees: float, row: int) -> None:
    # Positive yaw is about -y; the root's turn does not matter.
    angle = np.radians(degrees)
    turn = np.array(
        [[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]],
        np.float32,
    )
    root = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
    assert contour_row(np.eye(3, dtype=np.float32), turn) == row
    assert contour_row(root, root @ turn) == row


def with_regressed_joints(data: bytes, matrix: np.ndarray) -> bytes:
    """The body graph with a 14-joint regressor, put together as the exporter does."""
    model = onnx.load_model_from_string(data)
    graph = model.graph
    last = next(n for n in graph.node if "joints" in n.output)
    kinematic = last.input[0]
    gathered = next(n for n in graph.node if n.op_type == "GatherElements")
    order = np.arange(55)
    order[list(J14_TO_EHM.values())] = 55 + np.arange(len(J14_TO_EHM))
    graph.initializer.extend(
        [numpy_helper.from_array(matrix, "ehm.j14"), numpy_helper.from_array(order, "order")]
    )
    graph.node.remove(last)
    end = [
        helper.make_node("MatMul", ["ehm.j14", gathered.input[0]], ["regressed"]),
        helper.make_node("Concat", [kinematic, "regressed"], ["both"], axis=1),
        helper.make_node("Gather", ["both", "order"], ["chosen"], axis=1),
        helper.make_node("Concat", ["chosen", last.input[1]], ["joints"], axis=1),
    ]
    at = next(i for i, n in enumerate(graph.node) if last.input[1] in n.output) + 1
    rest = list(graph.node[at:])
    del graph.node[at:]
    graph.node.extend([*end, *rest])
    return bytes(model.SerializeToString())


def test_regressed_joints_take_their_places(graphs: Any) -> None:
    vertices = read_constants(read_graph(graphs[BODY], "x")).weights.shape[1]
    matrix = np.random.default_rng(0).dirichlet(np.ones(vertices), 10).astype(np.float32)
    data = with_regressed_joints(graphs[BODY], matrix)
    raw = made_up_people(2)
    expected = open_session(data, "x", 1).run({"raw": raw})["joints"]
    found = FoldedJoints(body_of(data)).run({"raw": raw})["joints"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    plain = FoldedJoints(body_of(graphs[BODY])).run({"raw": raw})["joints"]
    changed = np.flatnonzero(np.abs(found - plain).max(axis=(0, 2)) > 1e-4)
    assert set(changed) == set(J14_TO_EHM.values())


class TestTakingTheGraphsPlace:
    """`folded` proves itself first."""

    @pytest.mark.parametrize(("name", "kind"), [(BODY, FoldedJoints), (MESH, FoldedMesh)])
    def test_where_they_agree(self, graphs: Any, tiny_model: Any, name: str, kind: type) -> None:
        manifest = json.loads((tiny_model.bundle / "manifest.json").read_text())
        about = manifest["body"]["scale_about"]
        session = open_session(graphs[name], name, 1)
        assert isinstance(folded(graphs[name], name, about, session), kind)

    @pytest.mark.parametrize(("name", "kind"), [(BODY, FoldedJoints), (MESH, FoldedMesh)])
    def test_on_the_model_that_ships(self, name: str, kind: type) -> None:
        # Left alone the graphs would go on working, only slower: nothing else would tell.
        folder = find(DEFAULT_MODEL)
        data = (folder / name).read_bytes()
        if data.startswith(b"version https://git-lfs"):
            pytest.skip("the model is a git-lfs pointer")
        about = json.loads((folder / "manifest.json").read_text())["body"]["scale_about"]
        assert isinstance(folded(data, name, about, open_session(data, name, 1)), kind)

    @pytest.mark.parametrize("name", [BODY, MESH])
    def test_not_where_they_differ(self, graphs: Any, name: str) -> None:
        session = open_session(graphs[name], name, 1)
        # The fixed point of the head's scale is not in the graph: the wrong one shows in the answers.
        assert folded(graphs[name], name, "origin", session) is session

    def test_not_for_graphs_of_another_kind(self, graphs: Any, tiny_model: Any) -> None:
        session = open_session(graphs[BODY], BODY, 1)
        network = (tiny_model.bundle / "network.onnx").read_bytes()
        for data in (network, b"", graphs[BODY][:-20]):
            assert folded(data, "x", ABOUT, session) is session

    def test_not_for_answers_that_are_not_finite(self, graphs: Any) -> None:
        plain = open_session(graphs[BODY], BODY, 1)

        class Broken:
            def run(self, inputs: Any) -> dict[str, np.ndarray]:
                return {k: np.full_like(v, np.nan) for k, v in plain.run(inputs).items()}

        broken = Broken()
        assert folded(graphs[BODY], BODY, ABOUT, broken) is broken


@pytest.mark.parametrize(
    ("rows", "inner", "columns"), [(1, 40, 900), (2, 3, 5), (24, 55, 1000), (7, 4000, 600)]
)
def test_products_in_pieces_are_products(rows: int, inner: int, columns: int) -> None:
    rng = np.random.default_rng(0)
    left, right = (
        rng.normal(size=shape).astype(np.float32) for shape in ((rows, inner), (inner, columns))
    )
    expected = left.astype(float) @ right.astype(float)
    found = product(left, right)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-6 * inner)


def test_missing_constants_are_named(graphs: Any) -> None:
    graph = read_graph(graphs[BODY], "x")
    constants = {k: v for k, v in graph.constants.items() if k != "ehm.skin.weights"}
    with pytest.raises(UnknownGraph, match=r"no constant ehm\.skin\.weights"):
        read_constants(OnnxGraph(graph.nodes, constants))
