"""Builds the two networks of the built-in person detector from MediaPipe's own files.

pip download --no-deps mediapipe==0.10.21        # a wheel; nothing of it is executed python
models/detector/build.py mediapipe-0.10.21-*.whl models/detector

Takes `pose_detection.tflite` and `pose_landmark_full.tflite` out of the wheel, lets OpenVINO read
them, and writes the same operations and the same half-precision weights as ONNX, so that OpenVINO
and ONNX Runtime run one file. Outputs nobody uses (heat maps, world landmarks) are left out and the
batch size is free. Needs openvino and onnx.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
NETWORKS = {
    "pose_detection": (
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        {"Identity": "boxes", "Identity_1": "scores"},
    ),
    "pose_landmark": (
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        {"Identity": "landmarks", "Identity_1": "presence", "Identity_2": "mask"},
    ),
}
"""Name -> file in the wheel, its sha256, and the outputs kept under new names."""


class Translator:
    """Rewrites the operations of an OpenVINO model as ONNX nodes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.constants: dict[Any, NDArray[Any]] = {}
        self.names: dict[Any, str] = {}
        self.transposed: dict[str, tuple[str, list[int]]] = {}
        self._count = 0

    def fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"

    def key(self, port: Any) -> tuple[str, int]:
        return port.get_node().get_friendly_name(), port.get_index()

    def source(self, node: Any, index: int) -> tuple[str, int]:
        return self.key(node.input(index).get_source_output())

    def constant(self, node: Any, index: int) -> NDArray[Any]:
        return self.constants[self.source(node, index)]

    def name(self, node: Any, index: int) -> str:
        """Name of an input; a constant becomes an initializer, weights in half precision with a
        cast.
        """
        key = self.source(node, index)
        if key not in self.names:
            self.names[key] = self.tensor(self.constants[key])
        return self.names[key]

    def tensor(self, array: NDArray[Any], half: bool = True) -> str:
        name = self.fresh("c")
        exact = half and array.dtype == np.float32 and array.size > 1
        small = array.astype(np.float16) if exact else array
        if exact and not np.array_equal(small.astype(np.float32), array):
            small, exact = array, False
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(small), name))
        if not exact:
            return name
        return self.emit("Cast", [name], to=TensorProto.FLOAT)

    def emit(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        output = self.fresh(kind.lower())
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def transpose(self, name: str, order: list[int]) -> str:
        """A transpose, or nothing where it undoes the one before."""
        if name in self.transposed:
            before, first = self.transposed[name]
            if [first[i] for i in order] == list(range(len(order))):
                return before
        output = self.emit("Transpose", [name], perm=order)
        self.transposed[output] = (name, order)
        return output

    def translate(self, node: Any) -> None:
        kind = node.get_type_name()
        key = (node.get_friendly_name(), 0)
        if kind == "Constant":
            self.constants[key] = np.array(node.get_data())
        elif kind == "ShapeOf":
            self.constants[key] = np.array(node.input(0).get_partial_shape().to_shape(), np.int64)
        elif kind in FOLDED and all(self.source(node, i) in self.constants for i in _inputs(node)):
            self.constants[key] = FOLDED[kind](*(self.constant(node, i) for i in _inputs(node)))
        elif kind != "Result":
            self.names[key] = self._operation(node, kind, node.get_attributes())

    def _operation(self, node: Any, kind: str, a: dict[str, Any]) -> str:
        if kind == "Add":
            return self.emit("Add", [self.name(node, 0), self.name(node, 1)])
        if kind == "Sigmoid":
            return self.emit("Sigmoid", [self.name(node, 0)])
        if kind == "Clamp":
            if a["min"] == 0 and a["max"] > 1e30:
                return self.emit("Relu", [self.name(node, 0)])
            ends = [self.tensor(np.array(a[end], np.float32), half=False) for end in ("min", "max")]
            return self.emit("Clip", [self.name(node, 0), *ends])
        if kind in ("Convolution", "GroupConvolution"):
            return self._convolution(node, kind, a)
        if kind == "MaxPool":
            return self.emit(
                "MaxPool", [self.name(node, 0)], kernel_shape=a["kernel"], **_window(a)
            )
        if kind == "Transpose":
            return self.transpose(self.name(node, 0), self.constant(node, 1).tolist())
        if kind == "Reshape":
            # The leading axis is the batch: 0 copies it.
            shape = np.array([0, *self.constant(node, 1)[1:]], np.int64)
            return self.emit("Reshape", [self.name(node, 0), self.tensor(shape)])
        if kind == "Concat":
            inputs = [self.name(node, i) for i in _inputs(node)]
            return self.emit("Concat", inputs, axis=a["axis"])
        if kind == "Pad":
            pads = np.concatenate([self.constant(node, 1), self.constant(node, 2)]).astype(np.int64)
            value = self.tensor(np.float32(self.constant(node, 3)), half=False)
            return self.emit(
                "Pad", [self.name(node, 0), self.tensor(pads), value], mode=a["pad_mode"]
            )
        if kind == "DepthToSpace":
            mode = {"blocks_first": "DCR", "depth_first": "CRD"}[a["mode"]]
            return self.emit(kind, [self.name(node, 0)], blocksize=a["block_size"], mode=mode)
        if kind == "Interpolate":
            return self._interpolate(node, a)
        raise NotImplementedError(f"operation {kind} of {node.get_friendly_name()}")

    def _convolution(self, node: Any, kind: str, a: dict[str, Any]) -> str:
        weights = self.constant(node, 1)
        group = 1
        if kind == "GroupConvolution":
            group = weights.shape[0]
            weights = weights.reshape(-1, *weights.shape[2:])
        inputs = [self.name(node, 0), self.tensor(weights)]
        return self.emit("Conv", inputs, group=group, kernel_shape=weights.shape[2:], **_window(a))

    def _interpolate(self, node: Any, a: dict[str, Any]) -> str:
        """Bilinear doubling of channels-last maps, done channels-first where every runtime has
        it.
        """
        if a["mode"] != "linear_onnx" or a["coordinate_transformation_mode"] != "half_pixel":
            raise NotImplementedError(str(a))
        before, after = (
            list(port.get_partial_shape().to_shape()) for port in (node.input(0), node.output(0))
        )
        scales = np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32)
        first = self.transpose(self.name(node, 0), [0, 3, 1, 2])
        inputs = [first, "", self.tensor(scales, half=False)]
        grown = self.emit(
            "Resize", inputs, mode="linear", coordinate_transformation_mode="half_pixel"
        )
        return self.transpose(grown, [0, 2, 3, 1])


def _inputs(node: Any) -> range:
    return range(len(node.inputs()))


def _window(a: dict[str, Any]) -> dict[str, Any]:
    """Strides, dilations and padding of a convolution or pooling."""
    found: dict[str, Any] = {"strides": a["strides"], "dilations": a["dilations"]}
    if a["auto_pad"] in ("same_upper", "same_lower"):
        found["auto_pad"] = a["auto_pad"].upper()
    else:
        found["pads"] = [*a["pads_begin"], *a["pads_end"]]
    return found


def _unsqueeze(array: NDArray[Any], axes: NDArray[Any]) -> NDArray[Any]:
    return np.expand_dims(array, tuple(np.atleast_1d(axes).tolist()))


FOLDED = {
    "Gather": lambda array, indices, axis: array[indices],
    "Convert": lambda array: array.astype(np.float32),
    "Unsqueeze": _unsqueeze,
    "Transpose": lambda array, order: array.transpose(order),
    "Reshape": lambda array, shape: array.reshape(shape),
}
"""What happens to weights before they are used, done once here."""


def convert(tflite: Path, kept: dict[str, str], about: dict[str, str]) -> onnx.ModelProto:
    """The ONNX model of a TFLite file with the outputs `kept` (old name -> new name)."""
    model = openvino.convert_model(tflite)
    translator = Translator()
    (parameter,) = model.get_parameters()
    translator.names[(parameter.get_friendly_name(), 0)] = "image"
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Parameter":
            translator.translate(node)
    outputs = []
    for port in model.outputs:
        if port.any_name not in kept:
            continue
        source = translator.source(port.get_node(), 0)
        shape = list(port.get_partial_shape().to_shape())
        _rename(translator.nodes, translator.names[source], kept[port.any_name])
        outputs.append(
            helper.make_tensor_value_info(kept[port.any_name], TensorProto.FLOAT, ["n", *shape[1:]])
        )
    size = list(parameter.get_partial_shape().to_shape())
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", *size[1:]])
    nodes = _needed(translator.nodes, {value.name for value in outputs})
    read = {name for node in nodes for name in node.input}
    initializers = [tensor for tensor in translator.initializers if tensor.name in read]
    graph = helper.make_graph(nodes, tflite.stem, [image], outputs, initializers)
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    helper.set_model_props(result, about)
    onnx.checker.check_model(result)
    return result


def _rename(nodes: list[onnx.NodeProto], old: str, new: str) -> None:
    """Calls a tensor by another name everywhere."""
    for node in nodes:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]


def _needed(nodes: list[onnx.NodeProto], wanted: set[str]) -> list[onnx.NodeProto]:
    """The nodes that lead to the wanted outputs, in order."""
    kept = []
    for node in reversed(nodes):
        if node.output[0] in wanted:
            kept.append(node)
            wanted = wanted | set(node.input)
    return kept[::-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    files: dict[str, dict[str, str]] = {}
    with zipfile.ZipFile(options.wheel) as wheel:
        for name, (member, sha256, kept) in NETWORKS.items():
            data = wheel.read(member)
            if hashlib.sha256(data).hexdigest() != sha256:
                raise SystemExit(f"{member}: not the file this script was written for")
            about = {"source": member, "source_sha256": sha256, "licence": "Apache-2.0, MediaPipe"}
            with tempfile.TemporaryDirectory() as folder:
                tflite = Path(folder) / f"{name}.tflite"
                tflite.write_bytes(data)
                model = convert(tflite, kept, about)
            path = options.folder / f"{name}.onnx"
            path.write_bytes(model.SerializeToString(deterministic=True))
            own = hashlib.sha256(path.read_bytes()).hexdigest()
            files[path.name] = {"sha256": own, "source": member, "source_sha256": sha256}
            print(path, path.stat().st_size, own)
    provenance = {
        "about": "networks of the built-in person detector",
        "licence": "Apache-2.0",
        "origin": "mediapipe 0.10.21, PyPI",
        "files": files,
    }
    (options.folder / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")


if __name__ == "__main__":
    main()
