"""Sizes of a Type I report, TS 38.214 clause 5.2.2.2.1; without PyTorch."""

from dataclasses import dataclass
from functools import cached_property

from feedback.codebooks.layout import bits_for
from feedback.codebooks.plan import CodebookPlan
from feedback.errors import FeedbackInputError

# From this many ports, ranks 3 and 4 are built of beams over half of the first dimension.
_HALF_BEAM_PORTS = 16
N_ANGLES = 4


@dataclass(frozen=True)
class Type1Plan(CodebookPlan):
    """Sizes of a Type I report: one unit for a wideband one, ranks 1 to 4.

    Attributes:
        mode: ``codebookMode``, 1 or 2: the beam is wideband, or chosen from a group of four in each subband.
    """

    codebook = "type1"
    clause = "5.2.2.2.1"
    least_ports = 2

    mode: int = 1

    def __post_init__(self) -> None:
        if self.mode not in (1, 2):
            raise FeedbackInputError(f"mode: got {self.mode}, expected 1 or 2 (TS 38.214, codebookMode)")
        if self.layout.ports == 2 and self.mode == 2:
            raise FeedbackInputError("mode: got 2 with 2 ports, expected 1")
        super().__post_init__()

    @property
    def most_rank(self) -> int:
        """As many layers as ports, up to 4."""
        return min(4, self.layout.ports)

    @property
    def half_beams(self) -> bool:
        """Whether columns are built of beams over half of the first dimension."""
        return self.rank > 2 and self.layout.ports >= _HALF_BEAM_PORTS

    @property
    def grouped(self) -> bool:
        """Whether the beam is chosen from a group in each subband."""
        return self.mode == 2 and self.rank <= 2

    @property
    def n_first(self) -> int:
        """Values of i11."""
        return self.layout.n1 * self.layout.o1 // (2 if self.half_beams or self.grouped else 1)

    @property
    def n_second(self) -> int:
        """Values of i12."""
        steps = self.layout.n2 * self.layout.o2
        return steps // 2 if self.grouped and steps > 1 else steps

    @cached_property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """Distances (k1, k2) from the first beam to the second, by i13; for half beams i13 is an angle instead."""
        if self.half_beams:
            return ((0, 0),) * N_ANGLES
        n1, n2, o1, o2 = self.layout.n1, self.layout.n2, self.layout.o1, self.layout.o2
        if self.rank == 1 or self.layout.ports == 2:
            return ((0, 0),)
        if self.rank == 2:
            if n2 > 1:
                return ((0, 0), (o1, 0), (0, o2), (o1, o2) if n1 == n2 else (2 * o1, 0))
            return ((0, 0), (o1, 0)) if n1 == 2 else ((0, 0), (o1, 0), (2 * o1, 0), (3 * o1, 0))
        if n2 > 1:
            two_dimensional = ((o1, 0), (0, o2), (o1, o2))
            return two_dimensional if n1 == 2 else (*two_dimensional, (2 * o1, 0))
        return tuple((k * o1, 0) for k in range(1, min(n1, 5)))

    @property
    def n_cophases(self) -> int:
        """Values of n."""
        return 4 if self.rank == 1 else 2

    @property
    def field_bits(self) -> tuple[int, int, int, int]:
        """Bits of i11, i12, i13, and i2 (of each subband)."""
        offset_bits = bits_for(len(self.offsets))
        group = 2 if self.grouped else 0
        return bits_for(self.n_first), bits_for(self.n_second), offset_bits, bits_for(self.n_cophases) + group

    @property
    def bits(self) -> int:
        """Bits of the whole report."""
        first, second, offset, each = self.field_bits
        return first + second + offset + each * self.n_units
