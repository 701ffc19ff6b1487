"""Sizes of an enhanced Type II report, TS 38.214 clauses 5.2.2.2.5, 5.2.2.2.6 and 5.2.2.2.10; without PyTorch."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from feedback.codebooks.layout import bits_for
from feedback.codebooks.plan import CodebookPlan, one_to
from feedback.errors import FeedbackInputError

_MOST_RANK = 4
_MOST_PORT_SELECTION = 6
_MOST_PORT_STEP = 4


class ParameterCombination(NamedTuple):
    """A row of the standard's tables.

    Attributes:
        n_beams: L.
        tap_share: p of ranks 1 and 2, taps over frequency units.
        tap_share_above: p of ranks 3 and 4; ``None`` where there are none.
        coefficient_share: beta, coefficients over those of all taps.
    """

    n_beams: int
    tap_share: Fraction
    tap_share_above: Fraction | None
    coefficient_share: Fraction


def _numbered(*rows: tuple[int, str, str | None, str]) -> dict[int, ParameterCombination]:
    return {
        number: ParameterCombination(beams, Fraction(p), Fraction(above) if above else None, Fraction(beta))
        for number, (beams, p, above, beta) in enumerate(rows, start=1)
    }


# paramCombination-r16, Table 5.2.2.2.5-1.
PARAMETER_COMBINATIONS = _numbered(
    (2, "1/4", "1/8", "1/4"),
    (2, "1/4", "1/8", "1/2"),
    (4, "1/4", "1/8", "1/4"),
    (4, "1/4", "1/8", "1/2"),
    (4, "1/4", "1/4", "3/4"),
    (4, "1/2", "1/4", "1/2"),
    (6, "1/4", None, "1/2"),
    (6, "1/4", None, "3/4"),
)
# paramCombination-Doppler-r18, Table 5.2.2.2.10-1.
PREDICTED_COMBINATIONS = _numbered(
    (2, "1/8", "1/16", "1/4"),
    (2, "1/4", "1/8", "1/2"),
    (4, "1/4", "1/8", "1/4"),
    (4, "1/4", "1/4", "1/4"),
    (4, "1/4", "1/4", "1/2"),
    (4, "1/4", "1/4", "3/4"),
    (4, "1/2", "1/4", "1/2"),
    (6, "1/4", None, "1/2"),
    (6, "1/4", None, "3/4"),
)
# Above this many frequency units the taps come from a window that all layers share.
FREE_TAPS_UP_TO = 19


@dataclass(frozen=True)
class EnhancedType2Plan(CodebookPlan):
    """Sizes of an enhanced Type II report, of N3 units; ranks 1 to 4, or 2 with some combinations.

    Attributes:
        combination: ``paramCombination-r16``, 1 to 8.
        units_per_subband: R, 1 or 2.
        port_step: portSelectionSamplingSize d where L consecutive ports take the place of L beams, clause 5.2.2.2.6;
            ``None`` for beams.
        predicted: whether the combination is one of ``paramCombination-Doppler-r18``, clause 5.2.2.2.10.
        n_intervals: N4, instants with a precoder each; more than one with ``predicted`` only.
    """

    codebook = "etype2"
    least_ports = 4

    combination: int = 1
    units_per_subband: int = 1
    port_step: int | None = None
    predicted: bool = False
    n_intervals: int = 1

    def __post_init__(self) -> None:
        if self.combination not in self._combinations:
            most = len(self._combinations)
            raise FeedbackInputError(f"param_combination: got {self.combination}, expected 1 to {most}")
        super().__post_init__()
        if self.n_intervals not in (1, 2, 4, 8) or (self.n_intervals > 1 and not self.predicted):
            raise FeedbackInputError(f"n_intervals: got {self.n_intervals}, expected 1, 2, 4 or 8 for predicted PMI")
        if self.units_per_subband not in (1, 2):
            raise FeedbackInputError(f"units_per_subband: got {self.units_per_subband}, expected 1 or 2")
        ports = self.layout.ports
        few = 3 if self.predicted else 2
        if self.combination > few and ports <= 4:
            raise FeedbackInputError(
                f"param_combination: got {self.combination} with {ports} ports, expected {one_to(few)} (TS 38.214, "
                f"{self.clause})"
            )
        if self.n_beams > 4 and (ports < 32 or self.units_per_subband > 1):
            raise FeedbackInputError(
                f"param_combination: got {self.combination} with {ports} ports and {self.units_per_subband} units per "
                "subband, expected 32 ports and 1"
            )
        if self.port_step is not None:
            self._check_port_selection(self.port_step)
        if self.most_in_all < self.rank:
            raise FeedbackInputError(
                f"subbands: got {self.n_units} at rank {self.rank}, expected enough for a coefficient of each layer"
            )

    def _check_port_selection(self, step: int) -> None:
        if self.combination > _MOST_PORT_SELECTION:
            raise FeedbackInputError(
                f"param_combination: got {self.combination}, expected 1 to {_MOST_PORT_SELECTION} for port selection "
                f"(TS 38.214, {self.clause})"
            )
        most = min(_MOST_PORT_STEP, self.n_beams, self.layout.per_polarisation)
        if not 1 <= step <= most:
            raise FeedbackInputError(f"port_step: got {step}, expected 1 to {most} (TS 38.214, {self.clause})")

    @property
    def clause(self) -> str:
        """That of port selection or of predicted PMI, where the report is one of these."""
        if self.predicted:
            return "5.2.2.2.10"
        return "5.2.2.2.5" if self.port_step is None else "5.2.2.2.6"

    @property
    def most_rank(self) -> int:
        """4 layers, 2 with the combinations that the standard has for ranks 1 and 2 only."""
        return 2 if self._combination.tap_share_above is None else _MOST_RANK

    @property
    def n_first(self) -> int:
        """Values of i11: rotations of the beams, or where the chosen ports may begin."""
        if self.port_step is None:
            return self.layout.rotations
        return -(-self.layout.per_polarisation // self.port_step)

    @property
    def beam_bits(self) -> int:
        """Bits of i12, the set of beams; ports follow from i11."""
        return 0 if self.port_step else bits_for(self.layout.beam_sets(self.n_beams))

    @property
    def n_beams(self) -> int:
        """Beams L per polarisation."""
        return self._combination.n_beams

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
        return math.ceil(self._combination.coefficient_share * self.width * self._taps(1))

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
    def _combinations(self) -> dict[int, ParameterCombination]:
        return PREDICTED_COMBINATIONS if self.predicted else PARAMETER_COMBINATIONS

    @property
    def _combination(self) -> ParameterCombination:
        return self._combinations[self.combination]

    def _taps(self, rank: int) -> int:
        share = self._combination.tap_share if rank <= 2 else self._combination.tap_share_above
        assert share is not None
        return math.ceil(share * self.n_units / self.units_per_subband)
