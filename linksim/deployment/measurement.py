"""What exported encoders cost and lose: error through the whole chain, difference of codewords, latency, size."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from channels.source import BLOCK_SIZE
from feedback.codec import Codec
from feedback.compressor import Complexity, Compressor
from feedback.csi_report.codeword import Codeword
from feedback.encoder_export.formats import ExportFormat
from feedback.encoder_export.onnx_encoder import OnnxEncoder
from feedback.encoder_export.size import encoder_size
from feedback.layers.images import to_unit_interval
from feedback.neural import NeuralCompressor
from linksim.chain.chain import Chain
from linksim.chain.report_times import ReportTimes
from linksim.errors import InputError
from linksim.preparation.estimator_fit import fitted_estimator, load_estimator
from linksim.preparation.prepared_point import fallback_file, load_fallback
from linksim.scenario.model import Scenario
from linksim.scenario.sources import device_of, source_of
from linksim.statistics.accumulator import Estimate
from linksim.statistics.measurements import Measurements, merge

PYTORCH = "pytorch"
METRIC = "nmse_db"

# Sums of thousands of float32 products in another order, relative to the largest value of any codeword.
_TOLERANCE = 1e-5
_EXACT = {"float", "packed"}
_ROUNDS = 20
_REPORTS_PER_ROUND = 25


@dataclass(frozen=True)
class EncoderFigures:
    """One encoder in the chain.

    Attributes:
        format: ``pytorch``, or that of the file.
        nmse_db: error of the chain with this encoder [dB], 95 % interval ``ci_low`` to ``ci_high``, ``n`` channels.
        codeword_difference: largest difference of a codeword value from PyTorch's.
        codeword_largest: largest modulus of PyTorch's codeword values.
        latency_us: median time of one report on one thread [us].
        parameters: as in ``EncoderSize``, and so ``float_parameters`` and ``weight_bytes``.
        file_bytes: real size of the file, 0 without one.
        file: its path, empty without one.
    """

    format: str
    nmse_db: float
    ci_low: float | None
    ci_high: float | None
    n: int
    codeword_difference: float
    codeword_largest: float
    latency_us: float
    parameters: int
    float_parameters: int
    weight_bytes: int
    file_bytes: int
    file: str = ""


class ExportedCompressor(Compressor):
    """A network whose encoder is an exported file; the decoder is its own.

    Attributes:
        largest_difference: of a codeword value from what the network's own encoder makes of the same channel, so far.
        largest_value: largest modulus of the values of those codewords.
    """

    def __init__(self, network: NeuralCompressor, encoder: OnnxEncoder) -> None:
        super().__init__(network.settings, network.shape)
        self.length = network.length
        self.network = network
        self.encoder = encoder
        self.largest_difference = 0.0
        self.largest_value = 0.0

    def encode(self, csi: Tensor) -> Codeword:
        """As ``Compressor.encode``, one report at a time."""
        values = self.encoder(to_unit_interval(csi))
        wanted = self.network.encode(csi).values
        self.largest_difference = max(self.largest_difference, float((values - wanted).abs().max()))
        self.largest_value = max(self.largest_value, float(wanted.abs().max()))
        return Codeword(values)

    def decode(self, received: Codeword) -> Tensor:
        """As ``Compressor.decode``."""
        return self.network.decode(received)

    def complexity(self) -> Complexity:
        """That of the network."""
        return self.network.complexity()


def measure(
    scenario: Scenario,
    scheme: Codec,
    fitted: Path,
    files: Mapping[ExportFormat, Path],
    image: Tensor,
) -> list[EncoderFigures]:
    """Measures a network's own encoder and exported ones.

    Args:
        scenario: the point; its metric is ``nmse_db``.
        scheme: the fitted network, normalisation, quantiser and denoiser.
        fitted: folder of what else the chain has fitted.
        files: exported encoders.
        image: what latencies are measured on, ``[1, 2, Na, Nt]``.

    Returns:
        One entry an encoder, that of PyTorch first.

    Raises:
        InputError: if an encoder in a format of full precision makes other codewords than the network's own.
    """
    network = scheme.compressor
    assert isinstance(network, NeuralCompressor)
    exported: dict[str, ExportedCompressor] = {}
    sizes = {PYTORCH: encoder_size(network.encoder, "float")}
    file_bytes = {PYTORCH: 0}
    for format_, file in files.items():
        exported[format_] = ExportedCompressor(network, OnnxEncoder(file))
        sizes[format_] = encoder_size(network.encoder, format_)
        file_bytes[format_] = file.stat().st_size
    errors = errors_in_chain(scenario, scheme, fitted, {PYTORCH: network, **exported})
    differences = {PYTORCH: 0.0} | {name: compressor.largest_difference for name, compressor in exported.items()}
    largest = max((compressor.largest_value for compressor in exported.values()), default=0.0)
    for name in sorted(_EXACT & exported.keys()):
        if not differences[name] <= _TOLERANCE * largest:
            raise InputError(
                f"{name}: got codewords that differ from PyTorch's by {differences[name]:.1e}, expected at most "
                f"{_TOLERANCE * largest:.1e}"
            )
    encoders: dict[str, Callable[[Tensor], Tensor]] = {PYTORCH: network.encoder}
    encoders |= {name: compressor.encoder for name, compressor in exported.items()}
    latencies = latencies_us(encoders, image)
    return [
        EncoderFigures(
            format=name,
            nmse_db=error.value,
            ci_low=error.low,
            ci_high=error.high,
            n=error.n,
            codeword_difference=differences[name],
            codeword_largest=largest,
            latency_us=latencies[name],
            parameters=sizes[name].parameters,
            float_parameters=sizes[name].float_parameters,
            weight_bytes=sizes[name].bytes,
            file_bytes=file_bytes[name],
        )
        for name, error in errors.items()
    ]


def errors_in_chain(
    scenario: Scenario, scheme: Codec, fitted: Path, compressors: Mapping[str, Compressor]
) -> dict[str, Estimate]:
    """NMSE of each compressor in the place of a scheme's own, on the test channels of a point."""
    source, device = source_of(scenario), device_of(scenario)
    schemes = {name: replace(scheme, compressor=compressor) for name, compressor in compressors.items()}
    estimator = load_estimator(scenario, fitted_estimator(scenario, fitted))
    chain = Chain(scenario, source, schemes, device, load_fallback(fallback_file(scenario, fitted)), estimator)
    measurements: Measurements = {}
    snapshots = ReportTimes.of(scenario.feedback).snapshots
    for first in range(0, scenario.monte_carlo.samples, BLOCK_SIZE):
        stop = min(first + BLOCK_SIZE, scenario.monte_carlo.samples)
        merge(measurements, chain.measure(source.read("test", first, stop, snapshots), first))
    estimates = {name: measurements[name, METRIC].estimate() for name in compressors}
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}


@torch.no_grad()
def latencies_us(encoders: Mapping[str, Callable[[Tensor], Tensor]], image: Tensor) -> dict[str, float]:
    """Median time that one report takes in this thread [us]: what the core worked, not what it waited for others.

    The encoders take turns, so that they meet the same state of the machine.

    Args:
        encoders: by name.
        image: what they encode, ``[1, 2, Na, Nt]``.
    """
    seconds: dict[str, list[float]] = {name: [] for name in encoders}
    for number in range(_ROUNDS):
        for name, encoder in encoders.items():
            for _ in range(_REPORTS_PER_ROUND):
                start = time.thread_time()
                encoder(image)
                seconds[name].append(time.thread_time() - start)
            if number == 0:
                seconds[name].clear()
    return {name: 1e6 * median(times) for name, times in seconds.items()}
