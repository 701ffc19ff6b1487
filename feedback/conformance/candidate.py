"""A compressor that is to be checked, and the channels and codewords that it is checked with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from feedback.codebooks.targets import covariances, eigenvectors
from feedback.compressor import Compressor, CompressorParameters
from feedback.csi_report.codeword import Codeword
from feedback.layers.set_later import weights_set_later
from feedback.observation import CsiDimensions
from feedback.training_set import TrainingSet

Shape = tuple[int, int]

_OF_NETWORKS = 24
_REPORTS, _CHANGE = 2, 0.2


@dataclass(frozen=True)
class Candidate:
    """A compressor to be checked.

    Args:
        compressor: its class.
        given: parameters other than the compression ratio; by default the class's own.
        shape: ``(Na, Nt)``.
        compression_ratio: of the fitted compressor.
        quick: parameters, if any, that make ``fit`` quick.
    """

    compressor: type[Compressor]
    given: Mapping[str, object] = field(default_factory=dict)
    shape: Shape = (16, 16)
    compression_ratio: float = 16.0
    quick: Mapping[str, object] = field(default_factory=dict)

    def parameters(self, compression_ratio: float | None) -> CompressorParameters:
        """Parameters at a compression ratio."""
        document = {**self.given, **self.quick, "compression_ratio": compression_ratio}
        return self.compressor.Parameters.model_validate(document)

    def build(self, shape: Shape | None = None, compression_ratio: float | None = None) -> Compressor:
        """A new compressor that has learnt nothing."""
        ratio = (compression_ratio or self.compression_ratio) if self.compressor.has_ratio else None
        return self.made(self.parameters(ratio), shape)

    def made(self, parameters: CompressorParameters, shape: Shape | None = None) -> Compressor:
        """A new compressor of some parameters."""
        return self.compressor.build(parameters, dimensions(shape or self.shape))

    def fit(self, shape: Shape | None = None) -> Compressor:
        """A new compressor that has learnt from a few channels."""
        made = self.build(shape)
        # Steps of a network cost time with every channel; others need as many as they have axes.
        count = _OF_NETWORKS if self.quick else 60
        made_for = csi_for
        if made.learns_over_time:
            made_for, count = sequences_for, count // _REPORTS
        training = TrainingSet(made_for(made, count), made_for(made, 10, seed=1))
        made.fit(training, torch.Generator().manual_seed(2))
        return made

    def twin(self) -> Compressor:
        """Another object that holds what the fitted one has learnt, and nothing else of it."""
        with weights_set_later():
            made = self.build()
        made.load_state({name: tensor.clone() for name, tensor in self.fitted.state().items()})
        return made

    @cached_property
    def fitted(self) -> Compressor:
        """A fitted compressor, for all checks that leave it as it is."""
        return self.fit()

    @cached_property
    def csi(self) -> Tensor:
        """Test channels ``[7, ...]`` in the form that the compressor takes."""
        return csi_for(self.build(), 7, seed=3)


def channels(n: int, shape: Shape, seed: int = 0) -> Tensor:
    """Sparse-looking matrices ``[n, Na, Nt]``, complex64, with falling delay rows and a largest modulus of 1."""
    generator = torch.Generator().manual_seed(seed)
    csi = torch.randn(n, *shape, dtype=torch.complex64, generator=generator)
    csi = csi * csi.abs() ** 2 * torch.exp(-torch.arange(shape[0]) / 4)[:, None]
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def dimensions(shape: Shape) -> CsiDimensions:
    """A channel of such matrices: two polarisations of two rows where the ports allow it, four subbands."""
    n_delay, n_tx = shape
    crossed = n_tx % 4 == 0
    # Half as many delays as subcarriers.
    bands = tuple((start * n_delay // 2, (start + 1) * n_delay // 2) for start in range(4))
    return CsiDimensions(n_delay, n_tx, n_polarizations=2 if crossed else 1, n_rows=2 if crossed else 1, bands=bands)


def csi_for(compressor: Compressor, n: int, seed: int = 0) -> Tensor:
    """Channels ``[n, ...]`` in the form that a compressor takes, complex64."""
    known = compressor.dimensions
    csi = channels(n, known.matrix, seed)
    if compressor.takes == "truncated":
        return csi
    n_subcarriers = known.n_subcarriers
    ports = torch.fft.ifft(csi, dim=2, norm="ortho")
    response = torch.fft.fft(ports, n=n_subcarriers, dim=1, norm="ortho").unflatten(2, (known.n_rx, known.n_tx))
    if compressor.takes in ("estimate", "whitened"):
        return response.transpose(1, 2).contiguous()
    vectors, _ = eigenvectors(covariances(response, known.slices), compressor.n_layers)
    return vectors.permute(0, 3, 1, 2).to(torch.complex64)


def sequences_for(compressor: Compressor, n: int, seed: int = 0) -> Tensor:
    """Channels over time ``[n, T, ...]``: two reports, the second with a little of another channel in it."""
    parts = [csi_for(compressor, n, seed + 100 * report) for report in range(_REPORTS)]
    return torch.stack([parts[0] + _CHANGE * sum(parts[1 : report + 1]) for report in range(_REPORTS)], dim=1)


def delivered(sent: Codeword) -> Codeword:
    """What a perfect link makes of a codeword: its content, and no object of the UE."""
    bits = sent.value_bits
    return Codeword(
        sent.values.clone(),
        {name: side.clone() for name, side in sent.side.items()},
        sent.side_bits,
        bits.clone() if isinstance(bits, Tensor) else bits,
        sent.level_bits,
    )


def rows_of(sent: Codeword, rows: slice) -> Codeword:
    """Some of the reports of a batch."""
    bits = sent.value_bits
    return Codeword(
        sent.values[rows],
        {name: side[rows] for name, side in sent.side.items()},
        sent.side_bits,
        bits[rows] if isinstance(bits, Tensor) else bits,
        sent.level_bits,
    )
