"""8-bit models by ONNX Runtime: dynamic as in QACRNet (Ansari, Feghhi), and static with calibration.

Weights and activations are unsigned: the products of signed weights overflow 16 bits in pairs on x86 machines without
VNNI, silently.
"""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor

FULLY_CONNECTED = ("Gemm", "MatMul")


def quantise_dynamic(model: onnx.ModelProto) -> onnx.ModelProto:
    """Fully connected layers of 8-bit weights, one scale an output; inputs are quantised over their range at the time.

    Convolutions stay float32, unless there is no fully connected layer: then they are quantised, with one scale each.
    """
    has_fc = any(node.op_type in FULLY_CONNECTED for node in model.graph.node)
    with TemporaryDirectory() as folder:
        target = Path(folder) / "quantised.onnx"
        quantize_dynamic(
            _prepared(model, Path(folder)),
            target,
            weight_type=QuantType.QUInt8,
            per_channel=has_fc,
            op_types_to_quantize=FULLY_CONNECTED if has_fc else ("Conv",),
        )
        return onnx.load(target)


def quantise_static(model: onnx.ModelProto, calibration: Tensor) -> onnx.ModelProto:
    """All layers with 8-bit weights and 8-bit activations, 32-bit sums; the codeword is what the last sum scales to.

    Rounding of values that all images share, such as the level of zero, moves codewords by a constant; the last layer's
    biases take back its mean over the calibration images (bias correction; Nagel and others, 2021).

    Args:
        model: float32.
        calibration: images that ranges are the smallest and largest values of, ``[n, 2, Na, Nt]``, float32.
    """
    images = calibration.numpy()
    with TemporaryDirectory() as folder:
        target = Path(folder) / "quantised.onnx"
        quantize_static(
            _prepared(model, Path(folder)),
            target,
            _Images(model.graph.input[0].name, images),
            quant_format=QuantFormat.QDQ,
            weight_type=QuantType.QUInt8,
            activation_type=QuantType.QUInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": list(FULLY_CONNECTED)},
        )
        quantised = onnx.load(target)
    _correct_bias(quantised, mean_codeword(quantised, images) - mean_codeword(model, images))
    return quantised


def mean_codeword(model: onnx.ModelProto, images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean over images of a model's codewords, ``[M]``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = model.graph.input[0].name
    codewords = [session.run(None, {name: image[None]})[0][0] for image in images]
    mean: NDArray[np.float64] = np.mean(codewords, axis=0, dtype=np.float64)
    return mean


class _Images(CalibrationDataReader):
    def __init__(self, name: str, images: Iterable[NDArray[np.float32]]) -> None:
        self._feeds = ({name: image[None]} for image in images)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next image, ``None`` after the last."""
        return next(self._feeds, None)


def _correct_bias(model: onnx.ModelProto, offset: NDArray[np.float64]) -> None:
    """Takes a constant off the codewords of a static model, if its last layer is fully connected and has biases."""
    layer = model.graph.node[-1]
    if layer.op_type != "Gemm" or len(layer.input) < 3:
        return
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    (source,) = (node for node in model.graph.node if layer.input[2] in node.output)
    bias, scale = (numpy_helper.to_array(tensors[name]) for name in source.input[:2])
    corrected = np.round(bias - offset / scale).astype(bias.dtype)
    tensors[source.input[0]].CopyFrom(numpy_helper.from_array(corrected, source.input[0]))


def _prepared(model: onnx.ModelProto, folder: Path) -> Path:
    """The model with the shapes of all values, as ONNX Runtime's quantisers ask for."""
    path = folder / "prepared.onnx"
    quant_pre_process(model, path, skip_optimization=True, skip_symbolic_shape=True)
    return path
