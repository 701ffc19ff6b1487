"""Speed of a binary fully connected layer at the UE, one report at a time on one thread, against the float layer.

The float layer is PyTorch's, 2048 real numbers to a codeword. The ways to evaluate signs and one scale differ in what
they keep in memory and what they do for each report. All are checked against the float product of the same weights; the
bit planes and the 8-bit file round the input to 8 bits. What counts is the time that the core worked, so that other
load on the machine matters little.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from feedback.encoder_export.onnx import export_encoder
from feedback.encoder_export.onnx_encoder import OnnxEncoder
from feedback.layers.binary import BinaryLinear, PackedLinear, scale_of, signs_of, unpack_signs

N_IN = 2048
LENGTHS = (512, 64)
N_ROUNDS = 15
REPORTS = 20

Report = Callable[[Tensor], Tensor]


def main() -> None:
    default_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for length in LENGTHS:
        Console(width=130).print(speed_table(length))
    torch.set_num_threads(default_threads)


@torch.no_grad()
def speed_table(length: int) -> Table:
    layer = BinaryLinear(N_IN, length)
    nn.init.normal_(layer.weight, std=0.02, generator=torch.Generator().manual_seed(1))
    x = torch.randn(1, N_IN, generator=torch.Generator().manual_seed(2))
    ways = evaluations(layer)
    reference = layer(x)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(N_ROUNDS + 1):
        for name, (evaluate, _) in ways.items():
            for _ in range(REPORTS):
                start = time.thread_time()
                evaluate(x)
                if number > 0:
                    seconds[name].append(time.thread_time() - start)
    peer = median(seconds["float layer, PyTorch"])

    table = Table(title=f"{N_IN} to {length}, batch 1, 1 thread, median of {N_ROUNDS * REPORTS} reports")
    table.add_column("evaluation")
    for column in ("us of core time", "speed over float layer", "weights in memory, kB", "largest relative error"):
        table.add_column(column, justify="right")
    for name, (evaluate, n_bytes) in ways.items():
        error = float((evaluate(x) - reference).abs().max() / reference.abs().max())
        us = 1e6 * median(seconds[name])
        table.add_row(name, f"{us:.0f}", f"{1e6 * peer / us:.2f}", f"{n_bytes / 1000:.0f}", f"{error:.1e}")
    return table


def evaluations(layer: BinaryLinear) -> dict[str, tuple[Report, int]]:
    """Ways to evaluate a layer, each with the bytes of weights that it keeps in memory."""
    n_weights = layer.weight.numel()
    scale, signs, bias = scale_of(layer.weight), signs_of(layer.weight), layer.bias
    packed = PackedLinear(layer)
    weight = scale * signs
    onnx_float, onnx_int8, onnx_packed, onnx_unpacking = onnx_layers(layer)
    return {
        "float layer, PyTorch": (lambda x: nn.functional.linear(x, weight, bias), 4 * n_weights),
        "signs unpacked each time, PyTorch": (packed, n_weights // 8),
        "signs unpacked once, PyTorch": (lambda x: scale * (x @ signs.T) + bias, 4 * n_weights),
        "tables of byte sums, NumPy": (byte_tables(packed), n_weights),
        "bit planes of 8-bit input, NumPy": (bit_planes(packed), n_weights // 8),
        "float layer, ONNX Runtime": (onnx_float, 4 * n_weights),
        "8-bit weights, ONNX Runtime": (onnx_int8, n_weights),
        "packed file, unpacked on load, ONNX Runtime": (onnx_packed, 4 * n_weights),
        "packed file, unpacked each time, ONNX Runtime": (onnx_unpacking, n_weights // 8),
    }


def byte_tables(packed: PackedLinear) -> Report:
    """Sums of 8 inputs under each of the 256 patterns of signs, then one look-up for 8 weights.

    The places in the tables are kept as 64-bit numbers, a byte a weight.
    """
    patterns = unpack_signs(torch.arange(256, dtype=torch.uint8), 8 * 256).view(256, 8).T.contiguous()
    n_groups = packed.in_features // 8
    places = packed.bits.view(packed.out_features, n_groups).numpy() + 256 * np.arange(n_groups)
    scale, bias = packed.scale.numpy(), packed.bias.numpy()

    def evaluate(x: Tensor) -> Tensor:
        sums = (x.view(n_groups, 8) @ patterns).flatten().numpy()
        return torch.from_numpy(scale * sums.take(places).sum(1) + bias)[None]

    return evaluate


def bit_planes(packed: PackedLinear) -> Report:
    r"""Input rounded to 8 bits; each plane of bits against the signs by `and` and a count of ones, 64 at a time.

    .. math:: \sum_j b_j x_j = 2 \sum_{b_j = 1} x_j - \sum_j x_j
    """
    signs = packed.bits.view(packed.out_features, -1).numpy().view(np.uint64)
    scale, bias = packed.scale.numpy(), packed.bias.numpy()
    counts = np.bitwise_count(signs).sum(1, dtype=np.int32)
    powers = torch.exp2(torch.arange(7.0, -1.0, -1.0)).repeat_interleave(signs.shape[1])

    def evaluate(x: Tensor) -> Tensor:
        values: NDArray[np.float32] = x.numpy()[0]
        low = values.min()
        step = (values.max() - low) / 255
        levels = np.round((values - low) / step).astype(np.uint8)
        bits = np.ascontiguousarray(np.unpackbits(levels[:, None], axis=1).T)
        planes = np.packbits(bits, axis=1).view(np.uint64)
        ones = np.bitwise_count(signs[:, None] & planes).reshape(len(signs), -1)
        # Whole numbers below 2^20: exact in float32.
        under_plus = step * (torch.from_numpy(ones).float() @ powers).numpy() + low * counts
        total = step * levels.sum(dtype=np.int64) + low * len(values)
        return torch.from_numpy((scale * (2 * under_plus - total) + bias).astype(np.float32))[None]

    return evaluate


def onnx_layers(layer: BinaryLinear) -> tuple[Report, Report, Report, Report]:
    """The layer from its float file, its 8-bit file, and its packed file with and without the runtime's folding."""
    shape = (N_IN // 64, 32)
    network = nn.Sequential(nn.Flatten(), layer)
    images = torch.zeros(1, 2, *shape)
    models = export_encoder(network, shape, ("float", "int8", "packed"), images)
    with TemporaryDirectory() as folder:
        files = {format_: Path(folder) / f"{format_}.onnx" for format_ in models}
        for format_, model in models.items():
            files[format_].write_bytes(model.SerializeToString())
        encoders = [OnnxEncoder(files[format_]) for format_ in ("float", "int8", "packed")]
        encoders.append(OnnxEncoder(files["packed"], optimise=False))

    def on_vector(encoder: OnnxEncoder) -> Report:
        return lambda x: torch.from_numpy(encoder.report(x.numpy().reshape(1, 2, *shape)))

    float_, int8, packed, unpacking = map(on_vector, encoders)
    return float_, int8, packed, unpacking


if __name__ == "__main__":
    main()
