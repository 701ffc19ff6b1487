"""Compressed sensing: a random projection at the UE, which nothing is learnt for, and sparse recovery at the BS."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor

from feedback.compressor import Complexity, complex_codeword_length
from feedback.csi_report.codeword import Codeword
from feedback.eigenvector_compressor import MatrixCompressor
from feedback.errors import FeedbackInputError
from feedback.random_projection_parameters import RandomProjectionParameters
from feedback.training_set import TrainingSet

# Channels that the threshold is chosen on.
_CHANNELS = 200


class RandomProjection(MatrixCompressor):
    r"""Reports ``m = M / 2`` random projections of the angular-delay matrix, which the BS takes for sparse.

    .. math:: y = A x, \quad x = \mathrm{vec}(H_a), \qquad A_{ij} \sim \mathcal{CN}(0, 1/m)

    UE and BS draw ``A`` from the same seed. What suits the BS's threshold is learnt: the one of least mean NMSE on some
    validation channels.
    """

    settings: RandomProjectionParameters
    threshold: Tensor
    # Thresholds to choose from.
    thresholds: tuple[float, ...]

    def __init__(self, parameters: RandomProjectionParameters, shape: tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        self.length = complex_codeword_length(shape, parameters.compression_ratio)
        self.declare(threshold=())

    @abstractmethod
    def recover(self, measured: Tensor, threshold: Tensor) -> Tensor:
        """Sparse vectors ``[n, Na Nt]`` of projections ``[n, m]``, complex64.

        Args:
            measured: the projections.
            threshold: what is learnt, a number.
        """

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Chooses the threshold; draws nothing.

        Raises:
            FeedbackInputError: if all channels are zero.
        """
        known = self.settings.fixed_threshold
        if known is not None:
            self.threshold = torch.tensor(known)
            return
        csi = (training.train if len(training.validation) == 0 else training.validation).flatten(1)
        csi = csi[csi.abs().sum(1) > 0][:_CHANNELS]
        if len(csi) == 0:
            raise FeedbackInputError(f"{self.settings.name}: got training channels that are all zero, expected others")
        measured, energy = csi @ self.projection(csi.device).T, csi.abs().square().sum(1)

        def nmse(threshold: float) -> float:
            error = self.recover(measured, torch.tensor(threshold, device=csi.device)) - csi
            return float((error.abs().square().sum(1) / energy).double().mean())

        self.threshold = torch.tensor(min(self.thresholds, key=nmse))

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """The threshold is not negative."""
        if state["threshold"] < 0:
            found = float(state["threshold"])
            raise FeedbackInputError(f"{self.settings.name}: got a threshold of {found:g}, expected 0 or more")

    def encode(self, csi: Tensor) -> Codeword:
        """Projections: real parts, then imaginary parts."""
        measured = csi.flatten(1) @ self.projection(csi.device).T
        return Codeword(torch.cat([measured.real, measured.imag], dim=1))

    def decode(self, received: Codeword) -> Tensor:
        """The sparse matrices that suit the received projections."""
        real, imaginary = received.values.chunk(2, dim=1)
        found = self.recover(torch.complex(real, imaginary), self.threshold.to(real.device))
        return found.unflatten(1, self.shape)

    def projection(self, device: torch.device) -> Tensor:
        """The matrix ``A``, ``[m, Na Nt]``, complex64."""
        return self._projection.to(device)

    @cached_property
    def _projection(self) -> Tensor:
        count, entries = self.length // 2, self.shape[0] * self.shape[1]
        generator = torch.Generator().manual_seed(self.settings.projection_seed)
        drawn = torch.randn(count, entries, dtype=torch.complex64, generator=generator)
        return drawn / math.sqrt(count)

    def complexity(self) -> Complexity:
        """One complex product at the UE, two an iteration at the BS, 4 real multiply-adds an entry.

        Neither side has learnt the projection: it comes from its seed, and takes ``4 M Na Nt`` bytes where it is kept.
        """
        macs = 4 * (self.length // 2) * self.shape[0] * self.shape[1]
        return Complexity(
            ue_macs=macs, bs_macs=2 * self.settings.iterations * macs, ue_parameters=0, bs_parameters=1, ue_bytes=0
        )


def soft_threshold(values: Tensor, threshold: Tensor) -> Tensor:
    r"""Complex numbers with their moduli less a threshold, zero below it: :math:`x \max(0, 1 - \theta / |x|)`."""
    return values * (1 - threshold / values.abs().clamp_min(torch.finfo(torch.float32).tiny)).clamp_min(0)
