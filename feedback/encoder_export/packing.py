"""Binary fully connected layers of an ONNX model with one bit a weight in the file.

Standard operators inside the model unpack them. A runtime that folds constants, as ONNX Runtime does by default, does
so once as it loads the file, and then works with float32 signs in memory.
"""

import math

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from feedback.layers.binary import pack_signs

_BITS = 8
_BITS_NAME = "/bits"
# From this version of the operator set on there is an `and` of bits.
_OPSET = 18


def pack_binary(model: onnx.ModelProto) -> onnx.ModelProto:
    r"""A copy of a model whose fully connected layers of weights :math:`\pm\alpha` are packed.

    Their signs are stored row by row, 1 for plus, most significant bit first, zeros at the end, as one uint8 tensor
    ``[ceil(out in / 8), 1]``, named ``LAYER.weight/bits``; :math:`\alpha` is an attribute of the product.
    """
    packed = onnx.ModelProto()
    packed.CopyFrom(model)
    graph = packed.graph
    assert all(opset.version >= _OPSET for opset in packed.opset_import if not opset.domain)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, NDArray[np.generic]] = {}
    for node in graph.node:
        weight = numpy_helper.to_array(tensors[node.input[1]]) if node.op_type == "Gemm" else np.zeros(0)
        if weight.size and np.ptp(np.abs(weight)) == 0:
            name = node.input[1]
            graph.initializer.remove(tensors[name])
            signs, unpacking = _unpacking(name, weight.shape, constants)
            constants[f"{name}{_BITS_NAME}"] = pack_signs(torch.from_numpy(weight.copy())).numpy()[:, None]
            nodes += unpacking
            node.input[1] = signs
            _set_alpha(node, float(np.abs(weight).flat[0]))
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    _shorten(packed)
    return packed


def _unpacking(
    name: str, shape: tuple[int, ...], constants: dict[str, NDArray[np.generic]]
) -> tuple[str, list[onnx.NodeProto]]:
    """Name of a weight's signs, and the nodes that unpack them; adds the constants that those need."""
    count = math.prod(shape)
    constants |= {
        "bit/masks": 1 << np.arange(_BITS - 1, -1, -1).astype(np.uint8),
        "bit/plus": np.array(1, np.float32),
        "bit/minus": np.array(-1, np.float32),
        f"{name}/shape": np.array(shape),
    }
    nodes = [
        helper.make_node("BitwiseAnd", [f"{name}{_BITS_NAME}", "bit/masks"], [f"{name}/masked"]),
        helper.make_node("Cast", [f"{name}/masked"], [f"{name}/ones"], to=TensorProto.BOOL),
        helper.make_node("Where", [f"{name}/ones", "bit/plus", "bit/minus"], [f"{name}/padded"]),
    ]
    last = f"{name}/padded"
    if count % _BITS:
        constants |= {"bit/flat": np.array([-1]), "bit/first": np.array([0]), f"{name}/count": np.array([count])}
        nodes += [
            helper.make_node("Reshape", [last, "bit/flat"], [f"{name}/flat"]),
            helper.make_node("Slice", [f"{name}/flat", "bit/first", f"{name}/count"], [f"{name}/all"]),
        ]
        last = f"{name}/all"
    nodes.append(helper.make_node("Reshape", [last, f"{name}/shape"], [f"{name}/signs"]))
    return f"{name}/signs", nodes


def _shorten(model: onnx.ModelProto) -> None:
    """Leaves out what a file need not say: at high ratios, names and defaults are a twentieth of a packed file."""
    (version,) = (opset.version for opset in model.opset_import if not opset.domain)
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    kept |= {tensor.name for tensor in graph.initializer if tensor.name.endswith(_BITS_NAME)}
    used = {name for node in graph.node for name in (*node.input, *node.output)}
    short = {name: str(number) for number, name in enumerate(sorted(used - kept))}
    for tensor in graph.initializer:
        tensor.name = short.get(tensor.name, tensor.name)
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        for names in (node.input, node.output):
            names[:] = [short.get(name, name) for name in names]
        defaults = onnx.defs.get_schema(node.op_type, version).attributes
        said = [attribute for attribute in node.attribute if not _is_default(attribute, defaults[attribute.name])]
        del node.attribute[:]
        node.attribute.extend(said)
    model.ClearField("producer_version")


def _is_default(attribute: onnx.AttributeProto, schema: onnx.defs.OpSchema.Attribute) -> bool:
    value = helper.get_attribute_value(attribute)
    if attribute.name in ("strides", "dilations"):
        return set(value) == {1}
    return bool(schema.default_value.name) and value == helper.get_attribute_value(schema.default_value)


def _set_alpha(node: onnx.NodeProto, alpha: float) -> None:
    kept = [attribute for attribute in node.attribute if attribute.name != "alpha"]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("alpha", alpha)])
