"""A compressor that is to be checked, and the channels and codewords that it is checked with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from feedback.compressor import Compressor, CompressorParameters
from feedback.csi_report.codeword import Codeword
from feedback.training_set import TrainingSet

Shape = tuple[int, int]


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
        ratio = self.compression_ratio if compression_ratio is None else compression_ratio
        return self.compressor(self.parameters(ratio), shape or self.shape)

    def fit(self, shape: Shape | None = None) -> Compressor:
        """A new compressor that has learnt from a few channels."""
        made = self.build(shape)
        training = TrainingSet(channels(60, made.shape), channels(10, made.shape, seed=1))
        made.fit(training, torch.Generator().manual_seed(2))
        return made

    def twin(self) -> Compressor:
        """Another object that holds what the fitted one has learnt, and nothing else of it."""
        made = self.build()
        made.load_state({name: tensor.clone() for name, tensor in self.fitted.state().items()})
        return made

    @cached_property
    def fitted(self) -> Compressor:
        """A fitted compressor, for all checks that leave it as it is."""
        return self.fit()

    @cached_property
    def csi(self) -> Tensor:
        """Test channels ``[7, Na, Nt]``."""
        return channels(7, self.shape, seed=3)


def channels(n: int, shape: Shape, seed: int = 0) -> Tensor:
    """Sparse-looking matrices ``[n, Na, Nt]``, complex64, with falling delay rows and a largest modulus of 1."""
    generator = torch.Generator().manual_seed(seed)
    csi = torch.randn(n, *shape, dtype=torch.complex64, generator=generator)
    csi = csi * csi.abs() ** 2 * torch.exp(-torch.arange(shape[0]) / 4)[:, None]
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def delivered(sent: Codeword) -> Codeword:
    """What a perfect link makes of a codeword: its content, and no object of the UE."""
    return Codeword(sent.values.clone(), {name: side.clone() for name, side in sent.side.items()}, sent.side_bits)
