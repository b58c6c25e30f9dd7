"""The constants of EHM-s out of the body or mesh graph of a bundle.

Torch names every buffer in the graph it exports ("ehm.body_template"); index lists have no name and
are found by what they are used for. Layout here: components first, so that a set of points is
(3, n) and a basis (columns, 3 n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pear_core import layout
from pear_ros.engine.onnx_graph import Node, OnnxGraph
from pear_ros.types import FloatArray

IntArray = NDArray[np.int64]
_PREFIX = "ehm."
_STATIC, _SURFACE = 51, 22
_ALONE = 200_000
"""Multiplications of one BLAS call; OpenBLAS starts threads from 262,144."""
_WIDE = 256
"""Columns of a piece that are worth a call."""


@dataclass(frozen=True)
class Basis:
    """Offsets linear in coefficients; columns: those that are not zero throughout."""

    columns: IntArray
    directions: FloatArray

    def __call__(self, coefficients: FloatArray) -> FloatArray:
        """Coefficients (N, width) -> offsets (N, n)."""
        used = coefficients.take(self.columns, axis=1).astype(np.float32, copy=False)
        return product(used, self.directions)


@dataclass(frozen=True)
class Landmarks:
    """The 90 surface joints: triangles and weights (79, 90, 3), a row for every yaw of the head."""

    triangles: IntArray
    weights: FloatArray


@dataclass(frozen=True)
class BodyConstants:
    """Everything the body is made of, for the V vertices a graph computes, head vertices last.

    head (3, H), body (3, V - h): templates; the first h head vertices are skinned, all H give rest
    joints. shape, expression: to body, rest joints (3, 55) and anchor (3,), one behind the other;
    head_shape, head_expression: to head and FLAME joints (3, 5). order: where each vertex of the
    mesh lies; None where the graph gives joints. j14: joints of a regressor and the order they
    belong to, if the body has one.
    """

    head: FloatArray
    head_joints: FloatArray
    head_shape: Basis
    head_expression: Basis
    head_weights: FloatArray
    head_correctives: Basis | None
    eyelids: FloatArray
    head_regressor: FloatArray
    body: FloatArray
    joints: FloatArray
    anchor: FloatArray
    shape: Basis
    expression: Basis
    weights: FloatArray
    correctives: Basis | None
    order: IntArray | None
    landmarks: Landmarks | None
    j14: FloatArray | None
    j14_order: IntArray | None

    @property
    def skinned_head(self) -> int:
        """h."""
        return int(self.weights.shape[1] - self.body.shape[1])


class UnknownGraph(ValueError):
    """A graph that is not built like the ones this was written for."""


def read_constants(graph: OnnxGraph) -> BodyConstants:
    """The constants of a body or mesh graph. Raises UnknownGraph."""
    found = _Found(graph)
    head, body = found.points("flame.template"), found.points("body_template")
    head_joints, joints = found.points("flame.joint_template"), found.points("joint_template")
    anchor = found.points("anchor_template")
    sizes, head_sizes = (body, joints, anchor), (head, head_joints)
    landmarks = found.landmarks() if found.has("landmarks.contour_triangles") else None
    return BodyConstants(
        head=head,
        head_joints=head_joints,
        head_shape=found.bases(
            ("flame.shape_basis", "flame.joint_shape_basis"), head_sizes, layout.NUM_FLAME_SHAPE
        ),
        head_expression=found.bases(
            ("flame.expression_basis", "flame.joint_expression_basis"),
            head_sizes,
            layout.NUM_FLAME_EXPRESSION,
        ),
        head_weights=found.array("flame.skin.weights"),
        head_correctives=found.optional("flame.skin.correctives", head, 36),
        eyelids=_components_first(found.array("eyelids")),
        head_regressor=found.array("head_regressor").T.copy(),
        body=body,
        joints=joints,
        anchor=anchor,
        shape=found.bases(("body_shape", "joint_shape", "anchor_shape"), sizes, layout.NUM_BETAS),
        expression=found.bases(
            ("body_expression", "joint_expression", "anchor_expression"),
            sizes,
            layout.NUM_EXPRESSION,
        ),
        weights=found.array("skin.weights"),
        correctives=found.optional("skin.correctives", found.array("skin.weights"), 486),
        order=found.order() if "vertices" in found.producers else None,
        landmarks=landmarks,
        j14=found.array("j14") if found.has("j14") else None,
        j14_order=found.j14_order() if found.has("j14") else None,
    )


class _Found:
    """Look-ups in one graph."""

    def __init__(self, graph: OnnxGraph) -> None:
        self.nodes, self.constants = graph.nodes, graph.constants
        self.producers = graph.producers()

    def has(self, name: str) -> bool:
        return _PREFIX + name in self.constants

    def array(self, name: str) -> FloatArray:
        if not self.has(name):
            raise UnknownGraph(f"no constant {_PREFIX}{name}")
        return np.ascontiguousarray(self.constants[_PREFIX + name], np.float32)

    def points(self, name: str) -> FloatArray:
        """Points (n, 3) as (3, n)."""
        return np.ascontiguousarray(self.array(name).T)

    def bases(self, names: tuple[str, ...], sizes: tuple[FloatArray, ...], width: int) -> Basis:
        """Several bases over the same coefficients as one; a basis without columns is not stored."""
        parts = [
            self._dense(name, 3 * points.shape[1], width)
            for name, points in zip(names, sizes, strict=True)
        ]
        return _basis(np.concatenate(parts, axis=1))

    def optional(self, name: str, points: FloatArray, width: int) -> Basis | None:
        """A basis that most bodies have and the free one has not."""
        if not self.has(f"{name}.directions"):
            return None
        return _basis(self._dense(name, 3 * points.shape[1], width))

    def landmarks(self) -> Landmarks:
        contour = np.asarray(self.constants[_PREFIX + "landmarks.contour_triangles"], np.int64)
        (static, static_weights), (surface, surface_weights) = (
            self._fixed_landmarks(count) for count in (_STATIC, _SURFACE)
        )
        rows = len(contour)
        triangles = (_repeated(static, rows), contour, _repeated(surface, rows))
        weights = (
            _repeated(static_weights, rows),
            self.array("landmarks.contour_bary"),
            _repeated(surface_weights, rows),
        )
        return Landmarks(np.concatenate(triangles, axis=1), np.concatenate(weights, axis=1))

    def order(self) -> IntArray:
        """The vertices of the mesh among the computed ones: what the output gathers."""
        last = self.producers["vertices"]
        order = self._list(last.inputs[1]) if last.op == "Gather" else None
        return np.arange(self.array("skin.weights").shape[1]) if order is None else order

    def j14_order(self) -> IntArray:
        """The index list behind the joining of kinematic and regressed joints."""
        regressed = next(n.outputs[0] for n in self.nodes if _PREFIX + "j14" in n.inputs)
        joined = next(n for n in self.nodes if n.op == "Concat" and regressed in n.inputs)
        return self._gathered(self._user("Gather", joined.outputs[0]))

    def _dense(self, name: str, size: int, width: int) -> FloatArray:
        """A basis (width, 3 n) with its zero columns, components first."""
        full = np.zeros((width, size), np.float32)
        if self.has(f"{name}.directions"):
            directions = _components_first(self.array(f"{name}.directions"))
            columns = self._columns(_PREFIX + f"{name}.directions", width)
            if directions.shape != (len(columns), size):
                raise UnknownGraph(f"{name}: {directions.shape} over {len(columns)} columns")
            full[columns] = directions
        return full

    def _columns(self, directions: str, width: int) -> IntArray:
        """Which coefficients a product with `directions` uses: those its left side gathers."""
        product = self._user("MatMul", directions)
        left = self.producers.get(product.inputs[0])
        gathered = self._list(left.inputs[1]) if left is not None and left.op == "Gather" else None
        return np.arange(width) if gathered is None else gathered

    def _fixed_landmarks(self, count: int) -> tuple[IntArray, FloatArray]:
        """Triangles and weights (count, 3): the vertices gathered for a product with such weights."""
        for node in self.nodes:
            for name in node.inputs:
                weights = self.constants.get(name)
                if node.op != "Mul" or weights is None or weights.shape != (count, 3, 1):
                    continue
                other = next(value for value in node.inputs if value != name)
                triangles = self._gathered(self._behind_shapes(other))
                return triangles.reshape(count, 3), np.asarray(weights[..., 0], np.float32)
        raise UnknownGraph(f"no landmarks of {count} points")

    def _behind_shapes(self, value: str) -> Node:
        node = self.producers[value]
        while node.op == "Reshape":
            node = self.producers[node.inputs[0]]
        return node

    def _gathered(self, node: Node) -> IntArray:
        """What a node gathers, if it is a Gather with constant indices."""
        found = self._list(node.inputs[1]) if node.op == "Gather" else None
        if found is None:
            raise UnknownGraph(f"{node.outputs[0]} does not gather constants")
        return found

    def _list(self, value: str) -> IntArray | None:
        """A constant index list, reshaped or not; None for values that are computed."""
        while value not in self.constants:
            node = self.producers.get(value)
            if node is None or node.op != "Reshape":
                return None
            value = node.inputs[0]
        return np.asarray(self.constants[value], np.int64).reshape(-1)

    def _user(self, op: str, value: str) -> Node:
        for node in self.nodes:
            if node.op == op and value in node.inputs:
                return node
        raise UnknownGraph(f"no {op} of {value}")


def product(left: FloatArray, right: FloatArray) -> FloatArray:
    """left (n, k) @ right (k, m), in pieces too small for BLAS to start threads.

    Its threads wait for each other by spinning: on a busy machine a call of 0.3 ms then takes 10,
    and on a quiet one they take the cores from the network and the detector.
    """
    rows, inner = left.shape
    if rows == 1:
        # Matrix-vector products start threads far earlier; this one is bound by memory anyway.
        vector: FloatArray = np.einsum("k,km->m", left[0], right)
        return vector[None]
    if rows * inner * right.shape[1] <= _ALONE:
        whole: FloatArray = left @ right
        return whole
    out = np.empty((rows, right.shape[1]), np.float32)
    together = max(2, _ALONE // (inner * _WIDE))
    for top in range(0, rows, together):
        some = left[top : top + together]
        step = max(1, _ALONE // some.size)
        for at in range(0, right.shape[1], step):
            part = slice(at, at + step)
            np.matmul(some, right[:, part], out=out[top : top + together, part])
    return out


def _basis(dense: FloatArray) -> Basis:
    columns = np.flatnonzero(dense.any(axis=1))
    return Basis(columns, np.ascontiguousarray(dense[columns]))


def _components_first(directions: FloatArray) -> FloatArray:
    """(C, 3 n) with the components of a point together -> each component of all points together."""
    columns = len(directions)
    return np.ascontiguousarray(
        directions.reshape(columns, -1, 3).transpose(0, 2, 1).reshape(columns, -1)
    )


def _repeated(array: NDArray[np.generic], rows: int) -> NDArray[np.generic]:
    return np.broadcast_to(array, (rows, *array.shape))
