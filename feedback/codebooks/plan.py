"""Sizes of the reports of a codebook at one rank, which UE and BS both know; without PyTorch."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from feedback.codebooks.layout import PortLayout
from feedback.errors import FeedbackInputError


@dataclass(frozen=True)
class CodebookPlan(ABC):
    """What the plans of all codebooks have; each adds its own sizes, and checks what they depend on first.

    Attributes:
        codebook: name of the codebook, for messages.
        least_ports: ports from which on the standard has the codebook.
        layout: the ports.
        n_units: frequency units with a precoder each: subbands, parts of them, or the band.
        rank: layers.

    Raises:
        FeedbackInputError: where the standard allows no such report.
    """

    codebook: ClassVar[str]
    least_ports: ClassVar[int]

    layout: PortLayout
    n_units: int
    rank: int = 1

    def __post_init__(self) -> None:
        ports = self.layout.ports
        if ports < self.least_ports:
            raise FeedbackInputError(
                f"ports: got {ports}, expected at least {self.least_ports} for {self.codebook} (TS 38.214)"
            )
        if not 1 <= self.rank <= self.most_rank:
            raise FeedbackInputError(
                f"rank: got {self.rank}, expected {one_to(self.most_rank)} for {self.codebook} with {ports} ports "
                f"(TS 38.214, {self.clause})"
            )
        if self.n_units < 1:
            raise FeedbackInputError(f"subbands: got {self.n_units}, expected at least 1")

    @property
    @abstractmethod
    def clause(self) -> str:
        """Clause of TS 38.214 that has the codebook."""

    @property
    @abstractmethod
    def most_rank(self) -> int:
        """Layers that the codebook has precoders for."""

    @property
    def sending_order(self) -> list[int]:
        """Units in the order of their fields: even ones, then odd ones (TS 38.212, 6.3.2.1.2)."""
        return [*range(0, self.n_units, 2), *range(1, self.n_units, 2)]


def one_to(most: int) -> str:
    """The numbers from 1 to ``most``, at least 2, in words of a message."""
    return "1 or 2" if most == 2 else f"1 to {most}"
