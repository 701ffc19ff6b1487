"""A codebook at one rank: what the UE selects of it, how that is written, and the precoder that it stands for."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from feedback.codebooks.targets import eigenvectors


class SeenChannel:
    """What a UE selects a report from.

    Args:
        targets: unit eigenvectors of each unit, the strongest first, ``[batch, units, P, layers]``, complex128; by
            default those of the covariances.
        covariance: mean of ``H^H H`` of each unit, ``[batch, units, P, P]``, complex128; ``None`` for who knows
            eigenvectors only.
        n_layers: eigenvectors to make of covariances.
        noisy: whether covariances are relative to the noise power.
    """

    def __init__(
        self, targets: Tensor | None = None, covariance: Tensor | None = None, n_layers: int = 1, noisy: bool = False
    ) -> None:
        self._targets, self._covariance, self._n_layers, self.noisy = targets, covariance, n_layers, noisy

    @property
    def covariance(self) -> Tensor:
        """Covariances of the units, ``[batch, units, P, P]``, complex128.

        Raises:
            ValueError: if only eigenvectors are known.
        """
        if self._covariance is None:
            raise ValueError("channel: got eigenvectors only, expected covariances")
        return self._covariance

    def targets(self, rank: int) -> Tensor:
        """The ``rank`` strongest eigenvectors of each unit, ``[batch, units, P, rank]``, complex128."""
        if self._targets is None:
            self._targets, _ = eigenvectors(self.covariance, self._n_layers)
        return self._targets[..., :rank]


class Codebook(ABC):
    """The reports of one codebook at one rank; a report is a data class of tensors, batch first.

    Attributes:
        n_indicators: fields of part 1 that say how long part 2 is; the same at every rank that may be reported.
        indicator_bits: bits of each.
        longest: bits of the longest PMI.
    """

    n_indicators: int = 0
    indicator_bits: int = 0
    longest: int

    @abstractmethod
    def select(self, seen: SeenChannel) -> Any:
        """At the UE: the report of each channel."""

    def indicators(self, report: Any) -> Tensor:
        """Values of the indicators, ``[batch, n_indicators]``, int64; none by default."""
        some: Tensor = next(iter(vars(report).values()))
        return torch.zeros(len(some), 0, dtype=torch.int64, device=some.device)

    @abstractmethod
    def write(self, report: Any) -> tuple[Tensor, Tensor]:
        """The PMI, ``[batch, longest of these]``, uint8, zeros behind each one's end; and lengths ``[batch]``."""

    @abstractmethod
    def read(self, indicators: Tensor, bits: Tensor) -> tuple[Any, Tensor]:
        """At the BS: the report of a PMI ``[batch, any]``, int64, and which are valid, ``[batch]``, bool."""

    @abstractmethod
    def precoder(self, report: Any) -> Tensor:
        r"""The precoder of a report, ``[batch, units, P, rank]``, complex128, columns of norm :math:`1 / \sqrt\nu`.

        One unit for a wideband report.
        """


def rows_of(report: Any, rows: Tensor) -> Any:
    """Some of the reports of a batch."""
    return type(report)(*(None if value is None else value[rows] for value in vars(report).values()))
