"""Sizes of an enhanced Type II report, TS 38.214 clauses 5.2.2.2.5, 5.2.2.2.6 and 5.2.2.2.10; without PyTorch."""

import math
from dataclasses import dataclass
from fractions import Fraction

from feedback.codebooks.layout import PortLayout, bits_for
from feedback.errors import FeedbackInputError

# (L, p for ranks 1 and 2, p for ranks 3 and 4, beta) of paramCombination-r16, Table 5.2.2.2.5-1.
PARAMETER_COMBINATIONS = {
    1: (2, Fraction(1, 4), Fraction(1, 8), Fraction(1, 4)),
    2: (2, Fraction(1, 4), Fraction(1, 8), Fraction(1, 2)),
    3: (4, Fraction(1, 4), Fraction(1, 8), Fraction(1, 4)),
    4: (4, Fraction(1, 4), Fraction(1, 8), Fraction(1, 2)),
    5: (4, Fraction(1, 4), Fraction(1, 4), Fraction(3, 4)),
    6: (4, Fraction(1, 2), Fraction(1, 4), Fraction(1, 2)),
    7: (6, Fraction(1, 4), None, Fraction(1, 2)),
    8: (6, Fraction(1, 4), None, Fraction(3, 4)),
}
_MOST_RANK = 4
_MOST_PORT_SELECTION = 6
_MOST_PORT_STEP = 4
# The same of paramCombination-Doppler-r18, Table 5.2.2.2.10-1.
PREDICTED_COMBINATIONS = {
    1: (2, Fraction(1, 8), Fraction(1, 16), Fraction(1, 4)),
    2: (2, Fraction(1, 4), Fraction(1, 8), Fraction(1, 2)),
    3: (4, Fraction(1, 4), Fraction(1, 8), Fraction(1, 4)),
    4: (4, Fraction(1, 4), Fraction(1, 4), Fraction(1, 4)),
    5: (4, Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)),
    6: (4, Fraction(1, 4), Fraction(1, 4), Fraction(3, 4)),
    7: (4, Fraction(1, 2), Fraction(1, 4), Fraction(1, 2)),
    8: (6, Fraction(1, 4), None, Fraction(1, 2)),
    9: (6, Fraction(1, 4), None, Fraction(3, 4)),
}
# Above this many frequency units the taps come from a window that all layers share.
FREE_TAPS_UP_TO = 19


def largest_rank(combination: int, predicted: bool = False) -> int:
    """Layers that a ``paramCombination-r16``, or one for predicted PMI, has precoders for."""
    combinations = PREDICTED_COMBINATIONS if predicted else PARAMETER_COMBINATIONS
    return 2 if combinations[combination][2] is None else _MOST_RANK


@dataclass(frozen=True)
class EnhancedType2Plan:
    """Sizes of a report, which both sides know.

    Attributes:
        layout: the ports.
        n_units: frequency units N3 with a precoder each.
        rank: layers, 1 to 4.
        combination: ``paramCombination-r16``, 1 to 8.
        units_per_subband: R, 1 or 2.
        port_step: portSelectionSamplingSize d where L consecutive ports take the place of L beams, clause 5.2.2.2.6;
            ``None`` for beams.
        predicted: whether the combination is one of ``paramCombination-Doppler-r18``, clause 5.2.2.2.10.
        n_intervals: N4, instants with a precoder each; more than one with ``predicted`` only.

    Raises:
        FeedbackInputError: where the standard allows no such report.
    """

    layout: PortLayout
    n_units: int
    rank: int = 1
    combination: int = 1
    units_per_subband: int = 1
    port_step: int | None = None
    predicted: bool = False
    n_intervals: int = 1

    def __post_init__(self) -> None:
        if self.layout.ports < 4:
            raise FeedbackInputError(f"ports: got {self.layout.ports}, expected at least 4 for etype2 (TS 38.214)")
        if self.combination not in self._combinations:
            most = len(self._combinations)
            raise FeedbackInputError(f"param_combination: got {self.combination}, expected 1 to {most}")
        if self.n_intervals not in (1, 2, 4, 8) or (self.n_intervals > 1 and not self.predicted):
            raise FeedbackInputError(f"n_intervals: got {self.n_intervals}, expected 1, 2, 4 or 8 for predicted PMI")
        if not 1 <= self.rank <= 4:
            raise FeedbackInputError(f"rank: got {self.rank}, expected 1 to 4")
        if self.units_per_subband not in (1, 2):
            raise FeedbackInputError(f"units_per_subband: got {self.units_per_subband}, expected 1 or 2")
        if self.n_units < 1:
            raise FeedbackInputError(f"subbands: got {self.n_units}, expected at least 1")
        ports = self.layout.ports
        few, clause = ("1 to 3", 10) if self.predicted else ("1 or 2", 5)
        if self.combination > int(few[-1]) and ports <= 4:
            raise FeedbackInputError(
                f"param_combination: got {self.combination} with {ports} ports, expected {few} (TS 38.214, "
                f"5.2.2.2.{clause})"
            )
        if self.n_beams > 4 and (ports < 32 or self.units_per_subband > 1 or self.rank > 2):
            raise FeedbackInputError(
                f"param_combination: got {self.combination} with {ports} ports, rank {self.rank} and "
                f"{self.units_per_subband} units per subband, expected 32 ports, rank 1 or 2, and 1"
            )

        self._check_port_selection()
        if self.most_in_all < self.rank:
            raise FeedbackInputError(
                f"subbands: got {self.n_units} at rank {self.rank}, expected enough for a coefficient of each layer"
            )

    def _check_port_selection(self) -> None:
        if self.port_step is None:
            return
        if self.combination > _MOST_PORT_SELECTION:
            raise FeedbackInputError(
                f"param_combination: got {self.combination}, expected 1 to {_MOST_PORT_SELECTION} for port selection "
                "(TS 38.214, 5.2.2.2.6)"
            )
        most = min(_MOST_PORT_STEP, self.n_beams, self.layout.per_polarisation)
        if not 1 <= self.port_step <= most:
            raise FeedbackInputError(f"port_step: got {self.port_step}, expected 1 to {most} (TS 38.214, 5.2.2.2.6)")

    @property
    def n_first(self) -> int:
        """Values of i11: rotations of the beams, or where the chosen ports may begin."""
        if self.port_step is None:
            return self.layout.o1 * self.layout.o2
        return -(-self.layout.per_polarisation // self.port_step)

    @property
    def beam_bits(self) -> int:
        """Bits of i12, the set of beams; ports follow from i11."""
        return 0 if self.port_step else bits_for(math.comb(self.layout.per_polarisation, self.n_beams))

    @property
    def n_beams(self) -> int:
        """Beams L per polarisation."""
        return self._combinations[self.combination][0]

    @property
    def n_shifts(self) -> int:
        """Doppler shifts Q of each layer."""
        return 2 if self.n_intervals > 1 else 1

    @property
    def width(self) -> int:
        """Coefficients of a tap, 2 L Q: those of the second shift behind those of the first."""
        return 2 * self.n_beams * self.n_shifts

    @property
    def n_taps(self) -> int:
        """Taps M of each layer."""
        return self._taps(self.rank)

    @property
    def most_per_layer(self) -> int:
        """Coefficients K0 that a layer reports at most; all layers together twice as many."""
        beta = self._combinations[self.combination][3]
        return math.ceil(beta * self.width * self._taps(1))

    @property
    def most_in_all(self) -> int:
        """Coefficients that a report holds at most."""
        return self.most_per_layer * min(self.rank, 2)

    @property
    def windowed(self) -> bool:
        """Whether the taps come from a window that all layers share."""
        return self.n_units > FREE_TAPS_UP_TO

    @property
    def tap_bits(self) -> int:
        """Bits of i16, per layer."""
        return bits_for(self.n_tap_sets)

    @property
    def n_tap_sets(self) -> int:
        """Values of i16."""
        free = 2 * self.n_taps if self.windowed else self.n_units
        return math.comb(free - 1, self.n_taps - 1)

    @property
    def window_bits(self) -> int:
        """Bits of i15."""
        return bits_for(2 * self.n_taps) if self.windowed and self.n_taps > 1 else 0

    @property
    def shift_bits(self) -> int:
        """Bits of i110, per layer."""
        return bits_for(self.n_intervals - 1)

    @property
    def _combinations(self) -> dict[int, tuple[int, Fraction, Fraction | None, Fraction]]:
        return PREDICTED_COMBINATIONS if self.predicted else PARAMETER_COMBINATIONS

    def _taps(self, rank: int) -> int:
        share = self._combinations[self.combination][1 if rank <= 2 else 2]
        assert share is not None
        return math.ceil(share * self.n_units / self.units_per_subband)
