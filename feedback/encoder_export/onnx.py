"""The encoder at the UE as an ONNX model: images ``[batch, 2, Na, Nt]`` in, codewords ``[batch, M]`` out.

Every format is made from the float32 model. Batch norm is merged into the convolutions before it. Needs the packages of
the extra ``export``.
"""

import copy
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from feedback.encoder_export.formats import ExportFormat, checked_formats
from feedback.encoder_export.packing import pack_binary
from feedback.encoder_export.quantisation import quantise_dynamic, quantise_static
from feedback.layers.basic import CentredLinear, ConvBn
from feedback.layers.binary import BinaryLinear, scale_of, signs_of
from feedback.layers.dynamic_linear import DynamicLinear, FixedDynamicLinear

INPUT, OUTPUT = "image", "codeword"


def export_encoder(
    encoder: nn.Module, shape: tuple[int, int], formats: Sequence[ExportFormat], calibration: Tensor
) -> dict[ExportFormat, onnx.ModelProto]:
    """An encoder in several formats.

    ``float``: float32. ``int8``: fully connected layers of 8-bit weights, activations quantised report by report
    (QACRNet); the convolutions in networks that have nothing else. ``int8-static``: 8-bit weights and activations
    throughout, ranges from calibration. ``packed``: binary layers with one bit a weight, the rest float32.

    Args:
        encoder: the network at the UE, in eval mode.
        shape: ``(Na, Nt)``.
        formats: which; empty for all that the encoder can have.
        calibration: training images that give ``int8-static`` its ranges, ``[n, 2, Na, Nt]``, float32.

    Returns:
        Models by format. The batch size is free, but 1 in ``int8``, where reports would share one range.

    Raises:
        FeedbackInputError: for ``packed`` without a binary layer.
    """
    base = float_model(encoder, shape)
    makers = {
        "float": lambda: base,
        "int8": lambda: _one_report(quantise_dynamic(base)),
        "int8-static": lambda: quantise_static(base, calibration),
        "packed": lambda: pack_binary(base),
    }
    models = {format_: makers[format_]() for format_ in checked_formats(formats, encoder)}
    for model in models.values():
        onnx.checker.check_model(model, full_check=True)
    return models


def float_model(encoder: nn.Module, shape: tuple[int, int]) -> onnx.ModelProto:
    """An encoder as a float32 model of free batch size, without the exporter's notes.

    Args:
        encoder: the network at the UE, in eval mode; left as it is.
        shape: ``(Na, Nt)``.
    """
    example = torch.zeros(2, 2, *shape)
    with _quiet():
        program = torch.onnx.export(
            plain(encoder),
            (example,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    assert program is not None
    # Read back from bytes: the exporter's own message points at tensors in this process.
    model = onnx.load_from_string(program.model_proto.SerializeToString())
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    for number, node in enumerate(model.graph.node):
        node.name, node.doc_string = f"{node.op_type}{number}", ""
        del node.metadata_props[:]
    return model


def plain(encoder: nn.Module) -> nn.Module:
    """A copy of an encoder for inference: batch norm in the convolutions, other layers as products.

    What fully connected layers take off their input stays: without it, 8-bit weights would multiply a common level that
    is far beyond what the values differ by. A constant is one number.
    """
    twin = nn.ModuleList([copy.deepcopy(encoder)]).eval()
    for name, layer in list(twin.named_modules()):
        if isinstance(layer, ConvBn):
            layer.conv = fuse_conv_bn_eval(layer.conv, layer.norm)
            layer.norm = nn.Identity()  # type: ignore[assignment]
        elif isinstance(layer, DynamicLinear):
            twin.set_submodule(name, FixedDynamicLinear(layer))
        elif isinstance(layer, CentredLinear):
            twin.set_submodule(name, _multiplied_out(layer))
    return twin[0]


def _multiplied_out(layer: CentredLinear) -> CentredLinear:
    linear = CentredLinear(layer.in_features, layer.out_features)
    weight = layer.weight
    with torch.no_grad():
        linear.weight.copy_(scale_of(weight) * signs_of(weight) if isinstance(layer, BinaryLinear) else weight)
        linear.bias.copy_(layer.bias)
    constant = bool((layer.centre == layer.centre[0]).all())
    linear.centre = layer.centre[:1].clone() if constant else layer.centre.clone()
    return linear


def _one_report(model: onnx.ModelProto) -> onnx.ModelProto:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own workings and of packages that no network here needs."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
