"""Sizes of a Type II report, TS 38.214 clause 5.2.2.2.3; without PyTorch."""

from dataclasses import dataclass

from feedback.codebooks.layout import bits_for
from feedback.codebooks.plan import CodebookPlan
from feedback.errors import FeedbackInputError

# K2 by the number of beams, Table 5.2.2.2.3-4: coefficients that get full phase resolution and a subband amplitude.
_FINE = {2: 4, 3: 4, 4: 6}


@dataclass(frozen=True)
class Type2Plan(CodebookPlan):
    """Sizes of a Type II report: ranks 1 and 2.

    Attributes:
        n_beams: beams L per polarisation, 2 to 4.
        n_phases: 4 or 8.
        subband_amplitude: whether amplitudes are refined in each subband.
    """

    codebook = "type2"
    clause = "5.2.2.2.3"
    least_ports = 4
    most_rank = 2

    n_beams: int = 4
    n_phases: int = 8
    subband_amplitude: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_beams not in _FINE or (self.layout.ports == 4 and self.n_beams != 2):
            raise FeedbackInputError(
                f"n_beams: got {self.n_beams} with {self.layout.ports} ports, expected 2 to 4, and 2 with 4 ports"
            )
        if self.n_phases not in (4, 8):
            raise FeedbackInputError(f"n_phases: got {self.n_phases}, expected 4 or 8")

    @property
    def beam_bits(self) -> int:
        """Bits of i12, the set of beams."""
        return bits_for(self.layout.beam_sets(self.n_beams))

    @property
    def n_fine(self) -> int:
        """Coefficients per layer, the strongest among them, that may have a subband amplitude."""
        return _FINE[self.n_beams]
