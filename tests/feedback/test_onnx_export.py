"""Exported encoders against the networks they are from: same codewords, errors of 8 bits within their steps, sizes."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

import feedback.compressors  # noqa: F401 - registers the compressors
from feedback.binary_fc import BinaryLinear, pack_signs, signs_of
from feedback.compressor import COMPRESSORS
from feedback.encoder_size import encoder_size
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.onnx_encoder import OnnxEncoder
from feedback.onnx_export import export_encoder
from feedback.onnx_format import ExportFormat, checked_formats

# Sums of at most 2000 float32 products in another order, relative to the largest codeword value.
FLOAT_TOLERANCE = 1e-5
NETWORKS = sorted(str(name) for name in COMPRESSORS.keys() if COMPRESSORS.get_class(name).trained)  # noqa: SIM118
# One of each kind of layer; `make validate` takes all.
QUICK = {"acrnet-1x", "bcrnet", "cl-csinet"}


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
        elif isinstance(layer, nn.Linear):
            layer.bias.data.normal_(generator=generator)
            if hasattr(layer, "centre"):
                layer.centre.uniform_(generator=generator)
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
    assert ("packed" in files) == (name == "bcrnet")
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
            session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
            (at_once,) = session.run(None, {"image": images().numpy()})
            assert np.abs(at_once - wanted.numpy()).max() < allowed
        else:
            assert allowed < difference < 0.3 * float(wanted.abs().max())


class OneLayer(nn.Module):
    """Images straight into a fully connected layer."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, image: Tensor) -> Tensor:
        codewords: Tensor = self.layer(image.flatten(1))
        return codewords


def steep_layer() -> OneLayer:
    """Large weights of one sign beside each other, on which sums of signed 8-bit products in 16 bits overflow."""
    layer = nn.Linear(128, 32)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        layer.weight.uniform_(0.5, 1, generator=generator)
        layer.weight[:16] *= -1
        layer.weight[::4, 64:] *= -0.3
        layer.bias.normal_(generator=generator)
    return OneLayer(layer)


def test_8_bit_errors_lie_within_the_steps(tmp_path: Path) -> None:
    encoder = steep_layer()
    files = exported(encoder, tmp_path, "int8", "int8-static")
    x, weight = images().flatten(1).double(), encoder.layer.weight.detach().double()
    wanted = x @ weight.T + encoder.layer.bias.detach()

    def step(low: Tensor, high: Tensor) -> Tensor:
        return (high.clamp(min=0) - low.clamp(max=0)) / 255

    # Half a step of rounding, and half a step where rounding of the zero point cuts the range's end.
    own_range = step(x.amin(1, keepdim=True), x.amax(1, keepdim=True))
    by_output = step(weight.amin(1), weight.amax(1))
    bound = own_range * weight.abs().sum(1) + (x.abs() + own_range).sum(1, keepdim=True) * by_output
    codewords = OnnxEncoder(files["int8"])(images())
    assert ((codewords - wanted).abs() <= bound).all()

    whole_range, of_matrix = step(x.min(), x.max()), step(weight.min(), weight.max())
    bound = whole_range * weight.abs().sum(1) + (x.abs() + whole_range).sum(1, keepdim=True) * of_matrix
    codewords = OnnxEncoder(files["int8-static"])(images())
    # The correction of the biases is a mean of such errors.
    assert ((codewords - wanted).abs() <= 2 * bound).all()
    # After it the mean error over the calibration images is the rounding of a bias to its step, and of float32 sums.
    left = (codewords - wanted).mean(0).abs()
    assert (left <= whole_range * of_matrix / 2 + 1e-5 * wanted.abs().max()).all()
    # Without it, some mean would be larger: all weights lie off their grid by a constant of the same sign.
    assert float(bound.max()) > 10 * float(left.max())


def test_8_bit_files_hold_8_bit_weights(tmp_path: Path) -> None:
    files = exported(network("csinet").encoder, tmp_path, "int8", "int8-static")
    for format_, n_small in (("int8", 128 * 32), ("int8-static", 128 * 32 + 36)):
        tensors = [numpy_helper.to_array(tensor) for tensor in onnx.load(files[format_]).graph.initializer]  # type: ignore[index]
        # Zero points are 8-bit numbers as well, at most one an output.
        assert n_small <= sum(tensor.size for tensor in tensors if tensor.dtype == np.uint8) <= n_small + 32 + 8
    dynamic, static = (onnx.load(files[format_]) for format_ in ("int8", "int8-static"))  # type: ignore[index]
    batch = [model.graph.input[0].type.tensor_type.shape.dim[0] for model in (dynamic, static)]
    assert (batch[0].dim_value, batch[1].dim_param) == (1, "batch")


def test_packed_layer_of_odd_size(tmp_path: Path) -> None:
    layer = BinaryLinear(18, 9)
    generator = torch.Generator().manual_seed(6)
    layer.weight.data.normal_(generator=generator)
    layer.centre.fill_(0.5)
    (file,) = exported(OneLayer(layer), tmp_path, "packed", shape=(3, 3)).values()
    bits = [tensor for tensor in onnx.load(file).graph.initializer if tensor.name == "layer.weight/bits"]
    # 162 weights in 21 bytes.
    assert torch.equal(torch.from_numpy(numpy_helper.to_array(bits[0]).copy())[:, 0], pack_signs(signs_of(layer.weight)))
    with torch.no_grad():
        wanted = layer(images((3, 3)).flatten(1))
    codewords = OnnxEncoder(file)(images((3, 3)))
    assert float((codewords - wanted).abs().max()) < FLOAT_TOLERANCE * float(wanted.abs().max())
    # Also where the runtime folds nothing.
    unfolded = OnnxEncoder(file, optimise=False)(images((3, 3)))
    assert float((unfolded - wanted).abs().max()) < FLOAT_TOLERANCE * float(wanted.abs().max())


def test_packed_file_is_30_times_smaller_than_csinet(tmp_path: Path) -> None:
    overheads = {}
    for ratio in (4, 32):
        encoder = network("bcsinet-a2", (32, 32), ratio).encoder
        (file,) = exported(encoder, tmp_path, "packed", shape=(32, 32)).values()
        overheads[ratio] = file.stat().st_size - encoder_size(encoder, "packed").bytes
    # Operators and shapes: the same at every ratio but for the lengths of a few numbers.
    assert abs(overheads[4] - overheads[32]) < 16
    for ratio in (4, 8, 16, 32):
        n_bytes = encoder_size(network("bcsinet-a2", (32, 32), ratio).encoder, "packed").bytes + max(overheads.values())
        assert 30 * n_bytes < encoder_size(network("csinet", (32, 32), ratio).encoder, "float").bytes


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
    with pytest.raises(FeedbackInputError, match="got 'int4', expected float, int8, int8-static$"):
        checked_formats(["int4"], encoder)
