"""Exported encoders against the networks they are from: same codewords, errors of 8 bits within their steps, sizes."""

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.encoder_export.formats import ExportFormat, checked_formats
from feedback.encoder_export.onnx import export_encoder, plain
from feedback.encoder_export.onnx_encoder import OnnxEncoder
from feedback.encoder_export.packing import pack_binary
from feedback.encoder_export.quantisation import quantise_dynamic, quantise_static
from feedback.encoder_export.size import encoder_size
from feedback.errors import FeedbackInputError
from feedback.layers.binary import BinaryLinear, scale_of
from feedback.neural import NeuralCompressor

pytestmark = pytest.mark.usefixtures("operators_listed_once")
# Sums of at most 2000 float32 products in another order, relative to the largest codeword value.
FLOAT_TOLERANCE = 1e-5
NETWORKS = sorted(str(name) for name in COMPRESSORS.keys() if COMPRESSORS.get_class(name).trained)  # noqa: SIM118
# One of each kind of layer; `make validate` takes all.
QUICK = {"bacrnet-1x", "cl-csinet", "ds-nlcsinet"}


def network(name: str, shape: tuple[int, int] = (8, 8), ratio: float = 4, **parameters: object) -> NeuralCompressor:
    """A network of drawn weights, biases, and statistics of batch norm."""
    network_class = COMPRESSORS.get_class(name)
    made = network_class(network_class.Parameters(name=name, compression_ratio=ratio, **parameters), shape)
    assert isinstance(made, NeuralCompressor)
    generator = torch.Generator().manual_seed(3)
    made.initialise(generator)
    for layer in made.encoder.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor in (layer.weight.data, layer.running_var):
                tensor.uniform_(0.5, 2, generator=generator)
            for tensor in (layer.bias.data, layer.running_mean):
                tensor.normal_(generator=generator)
        elif isinstance(layer, nn.Linear) and layer.bias is not None:
            layer.bias.data.normal_(generator=generator)
            if hasattr(layer, "centre"):
                layer.centre.fill_(0.7)
    return made


def images(shape: tuple[int, int] = (8, 8), n: int = 5) -> Tensor:
    return torch.rand(n, 2, *shape, generator=torch.Generator().manual_seed(4))


def exported(
    encoder: nn.Module, folder: Path, *formats: ExportFormat, shape: tuple[int, int] = (8, 8)
) -> dict[ExportFormat, Path]:
    models = export_encoder(encoder, shape, formats, images(shape))
    for format_, model in models.items():
        (folder / f"{format_}.onnx").write_bytes(model.SerializeToString())
    return {format_: folder / f"{format_}.onnx" for format_ in models}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.validate) for name in NETWORKS]
)
def test_codewords_are_those_of_the_network(name: str, tmp_path: Path) -> None:
    encoder = network(name).encoder
    before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
    with torch.no_grad():
        wanted = encoder(images())
    files = exported(encoder, tmp_path, *(() if name in QUICK else ("float",)))
    assert all(torch.equal(before[key], tensor) for key, tensor in encoder.state_dict().items())
    assert ("packed" in files) == (name == "bacrnet-1x")
    allowed = FLOAT_TOLERANCE * float(wanted.abs().max())
    for format_, file in files.items():
        onnx.checker.check_model(file, full_check=True)
        run = OnnxEncoder(file)
        codewords = run(images())
        assert codewords.dtype == torch.float32
        # A report does not depend on its neighbours, to the digit.
        assert torch.equal(run(images()[3:]), codewords[3:])
        difference = float((codewords - wanted).abs().max())
        if format_ in ("float", "packed"):
            assert difference < allowed
            assert onnx.load(file).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
            session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
            (at_once,) = session.run(None, {"image": images().numpy()})
            assert np.abs(at_once - wanted.numpy()).max() < allowed
        else:
            assert allowed < difference < 0.3 * float(wanted.abs().max())
    # In one batch, reports would share the range of their values.
    assert "int8" not in files or onnx.load(files["int8"]).graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_centre_comes_off_before_8_bits(tmp_path: Path) -> None:
    layer = BinaryLinear(18, 9)
    generator = torch.Generator().manual_seed(6)
    layer.weight.data.normal_(generator=generator)
    layer.bias.data.normal_(generator=generator)
    layer.centre.fill_(20)
    inputs = images((3, 3)) + 20
    with torch.no_grad():
        wanted = layer(inputs.flatten(1))
    files = exported(nn.Sequential(nn.Flatten(), layer), tmp_path, "float", "int8", "packed", shape=(3, 3))
    for format_ in ("float", "packed"):
        difference = OnnxEncoder(files[format_])(inputs) - wanted  # type: ignore[index]
        assert float(difference.abs().max()) < FLOAT_TOLERANCE * float(wanted.abs().max())
    # A step of 1 / 255 for inputs that lie in [0, 1] without the centre, and of 2 a / 255 for 18 weights of a or -a.
    a = float(scale_of(layer.weight.detach()))
    assert float((OnnxEncoder(files["int8"])(inputs) - wanted).abs().max()) <= 18 * a / 255 + 18 * 2 * a / 255


def test_plain_network_makes_the_same_codewords() -> None:
    encoder = network("bcrnet").encoder
    for centre in (torch.tensor(0.7), torch.rand(128, generator=torch.Generator().manual_seed(7))):
        encoder.get_buffer("fc.centre").copy_(centre)
        with torch.no_grad():
            wanted, made = encoder(images()), plain(encoder)(images())
        assert float((made - wanted).abs().max()) < FLOAT_TOLERANCE * float(wanted.abs().max())


def small_model(layer: nn.Linear, convolution: nn.Conv2d | None = None) -> onnx.ModelProto:
    """Images, perhaps through a 3x3 convolution, into a fully connected layer."""
    nodes = [
        helper.make_node("Flatten", ["features"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["codeword"], transB=1),
    ]
    tensors = {"weight": layer.weight, "bias": layer.bias}
    if convolution is None:
        nodes[0].input[0] = "image"
    else:
        nodes.insert(0, helper.make_node("Conv", ["image", "kernel"], ["features"], pads=[1, 1, 1, 1]))
        tensors["kernel"] = convolution.weight
    side = math.isqrt(layer.in_features // 2)
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, ["batch", 2, side, side])],
        [helper.make_tensor_value_info("codeword", onnx.TensorProto.FLOAT, ["batch", layer.out_features])],
        [numpy_helper.from_array(tensor.detach().numpy(), name) for name, tensor in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def codewords_of(model: onnx.ModelProto, inputs: Tensor, folder: Path, **options: bool) -> Tensor:
    onnx.checker.check_model(model, full_check=True)
    file = folder / "model.onnx"
    file.write_bytes(model.SerializeToString())
    return OnnxEncoder(file, **options)(inputs)


def steep_layer() -> nn.Linear:
    """Large weights of one sign beside each other, on which sums of signed 8-bit products in 16 bits overflow."""
    layer = nn.Linear(128, 32)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        layer.weight.uniform_(0.5, 1, generator=generator)
        layer.weight[:16] *= -1
        layer.weight[::4, 64:] *= -0.3
        layer.bias.normal_(generator=generator)
    return layer


def test_8_bit_errors_lie_within_the_steps(tmp_path: Path) -> None:
    layer = steep_layer()
    x, weight = images().flatten(1).double(), layer.weight.detach().double()
    wanted = x @ weight.T + layer.bias.detach()

    def step(low: Tensor, high: Tensor) -> Tensor:
        return (high.clamp(min=0) - low.clamp(max=0)) / 255

    # Half a step of rounding, and half a step where rounding of the zero point cuts the range's end.
    own_range = step(x.amin(1, keepdim=True), x.amax(1, keepdim=True))
    by_output = step(weight.amin(1), weight.amax(1))
    bound = own_range * weight.abs().sum(1) + (x.abs() + own_range).sum(1, keepdim=True) * by_output
    error = codewords_of(quantise_dynamic(small_model(layer)), images(), tmp_path) - wanted
    assert (error.abs() <= bound).all()

    whole_range, of_matrix = step(x.min(), x.max()), step(weight.min(), weight.max())
    bound = whole_range * weight.abs().sum(1) + (x.abs() + whole_range).sum(1, keepdim=True) * of_matrix
    error = codewords_of(quantise_static(small_model(layer), images()), images(), tmp_path) - wanted
    # The correction of the biases is a mean of such errors.
    assert (error.abs() <= 2 * bound).all()
    # Over the calibration images it leaves the rounding of a bias to its step, and of float32 sums.
    assert (error.mean(0).abs() <= whole_range * of_matrix / 2 + 1e-5 * wanted.abs().max()).all()
    assert float(error.abs().max()) > 10 * float(error.mean(0).abs().max())


def test_8_bit_models_hold_8_bit_weights() -> None:
    model = small_model(steep_layer(), nn.Conv2d(2, 2, 3))

    def counts(quantised: onnx.ModelProto) -> tuple[int, int]:
        tensors = [numpy_helper.to_array(tensor) for tensor in quantised.graph.initializer]
        floats = sum(tensor.size for tensor in tensors if tensor.dtype == np.float32)
        return sum(tensor.size for tensor in tensors if tensor.dtype == np.uint8), floats

    # Dynamic: a scale and a zero point an output beside the layer's weights; its biases and the kernel are float32.
    assert counts(quantise_dynamic(model)) == (32 * 128 + 32, 32 + 32 + 36)
    # Static: a scale and a zero point each for image, features, kernel and weights, and a scale of the biases.
    small, floats = counts(quantise_static(model, images()))
    assert 32 * 128 + 36 <= small <= 32 * 128 + 36 + 8
    assert floats <= 8


def test_packed_layer_of_odd_size(tmp_path: Path) -> None:
    layer = nn.Linear(18, 9)
    signs = torch.randn(9, 18, generator=torch.Generator().manual_seed(6)).sign()
    layer.weight.data = 0.03 * signs
    model = pack_binary(small_model(layer))
    (bits,) = (numpy_helper.to_array(tensor) for tensor in model.graph.initializer if tensor.name == "weight/bits")
    # 162 weights in 21 bytes.
    assert bits.shape == (21, 1)
    assert np.array_equal(np.unpackbits(bits.ravel(), count=162), (signs.flatten() > 0).numpy())
    with torch.no_grad():
        wanted = layer(images((3, 3)).flatten(1))
    for optimise in (True, False):
        codewords = codewords_of(model, images((3, 3)), tmp_path, optimise=optimise)
        assert float((codewords - wanted).abs().max()) < FLOAT_TOLERANCE * float(wanted.abs().max())


def test_packed_file_is_30_times_smaller_than_csinet(tmp_path: Path) -> None:
    encoder = network("bcsinet-a2", (32, 32), 32).encoder
    (file,) = exported(encoder, tmp_path, "packed", shape=(32, 32)).values()
    # The operators and shapes: the same at every ratio, but for the digits of a few numbers.
    overhead = file.stat().st_size - encoder_size(encoder, "packed").bytes + 16
    for ratio in (4, 8, 16, 32):
        n_bytes = encoder_size(network("bcsinet-a2", (32, 32), ratio).encoder, "packed").bytes
        assert n_bytes == 2048 * (2048 // ratio) // 8 + 4 * (1 + 2048 // ratio + 36 + 4)
        assert 30 * (n_bytes + overhead) < encoder_size(network("csinet", (32, 32), ratio).encoder, "float").bytes


@pytest.mark.parametrize(("name", "published"), [("acrnet-1x", 2632), ("acrnet-10x", 23_000)])
@pytest.mark.parametrize("ratio", [4, 8, 16])
def test_parameters_of_the_qacrnet_table(name: str, published: int, ratio: float) -> None:
    made = network(name, (32, 32), ratio)
    sizes = [encoder_size(side, "int8") for side in (made.encoder, made.decoder)]
    counted = sum(size.float_parameters for size in sizes)
    # The table rounds what is above ten thousand to thousands.
    assert (counted if published < 10_000 else round(counted, -3)) == published
    weights = 2 * 2048 * round(2048 / ratio)
    assert sum(size.bytes for size in sizes) == 4 * made.complexity().parameters - 3 * weights


def test_formats_that_do_not_fit() -> None:
    encoder = network("csinet").encoder
    assert checked_formats([], encoder) == ("float", "int8", "int8-static")
    assert checked_formats(["int8", "float", "int8"], encoder) == ("float", "int8")
    with pytest.raises(FeedbackInputError, match="got 'packed', expected float, int8, int8-static: no layer"):
        checked_formats(["packed"], encoder)
    with pytest.raises(FeedbackInputError, match=r"got 'int4', expected float, int8, int8-static$"):
        checked_formats(["int4"], encoder)
