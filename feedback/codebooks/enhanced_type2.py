"""Enhanced Type II codebook (Rel-16), TS 38.214 clause 5.2.2.2.5: a report and the precoder it stands for."""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from feedback.codebooks.beam_selection import beam_matrix, expand
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
# Above this many frequency units the taps come from a window that all layers share.
FREE_TAPS_UP_TO = 19
N_PHASES = 16


def largest_rank(combination: int) -> int:
    """Layers that a ``paramCombination-r16`` has precoders for."""
    return 2 if PARAMETER_COMBINATIONS[combination][2] is None else _MOST_RANK


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

    Raises:
        FeedbackInputError: where the standard allows no such report.
    """

    layout: PortLayout
    n_units: int
    rank: int = 1
    combination: int = 1
    units_per_subband: int = 1
    port_step: int | None = None

    def __post_init__(self) -> None:
        if self.layout.ports < 4:
            raise FeedbackInputError(f"ports: got {self.layout.ports}, expected at least 4 for etype2 (TS 38.214)")
        if self.combination not in PARAMETER_COMBINATIONS:
            raise FeedbackInputError(f"param_combination: got {self.combination}, expected 1 to 8")
        if not 1 <= self.rank <= 4:
            raise FeedbackInputError(f"rank: got {self.rank}, expected 1 to 4")
        if self.units_per_subband not in (1, 2):
            raise FeedbackInputError(f"units_per_subband: got {self.units_per_subband}, expected 1 or 2")
        if self.n_units < 1:
            raise FeedbackInputError(f"subbands: got {self.n_units}, expected at least 1")
        ports = self.layout.ports
        if self.combination > 2 and ports <= 4:
            raise FeedbackInputError(
                f"param_combination: got {self.combination} with {ports} ports, expected 1 or 2 (TS 38.214, 5.2.2.2.5)"
            )
        if self.combination > 6 and (ports < 32 or self.units_per_subband > 1 or self.rank > 2):
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
        return PARAMETER_COMBINATIONS[self.combination][0]

    @property
    def n_taps(self) -> int:
        """Taps M of each layer."""
        return self._taps(self.rank)

    @property
    def most_per_layer(self) -> int:
        """Coefficients K0 that a layer reports at most; all layers together twice as many."""
        beta = PARAMETER_COMBINATIONS[self.combination][3]
        return math.ceil(beta * 2 * self.n_beams * self._taps(1))

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

    def _taps(self, rank: int) -> int:
        share = PARAMETER_COMBINATIONS[self.combination][1 if rank <= 2 else 2]
        assert share is not None
        return math.ceil(share * self.n_units / self.units_per_subband)


@dataclass(frozen=True)
class EnhancedType2Report:
    """The integers of a report, batch first. ``C = 2 L`` coefficients per tap.

    Attributes:
        rotation: ``q1 O2 + q2`` (i11), or which ports come first, ``[batch]``.
        beams: ascending beam numbers (i12), or ports of a polarisation in the order of i11, ``[batch, L]``.
        taps: taps n3 of each layer, ascending from 0 (i15, i16), ``[batch, rank, M]``.
        window: M_initial, from ``-2 M + 1`` to 0; 0 where taps are free, ``[batch]``.
        strongest: coefficient i* of the strongest, which lies in tap 0 (i18), ``[batch, rank]``.
        reference: k1 of the polarisation without the strongest, 1 to 15 (i23), ``[batch, rank]``.
        present: the bitmap (i17), ``[batch, rank, M, C]``, bool.
        amplitude: k2 where present (i24), 7 for the strongest, ``[batch, rank, M, C]``.
        phase: c where present (i25), 0 for the strongest, ``[batch, rank, M, C]``.
    """

    rotation: Tensor
    beams: Tensor
    taps: Tensor
    window: Tensor
    strongest: Tensor
    reference: Tensor
    present: Tensor
    amplitude: Tensor
    phase: Tensor


def reference_amplitudes() -> Tensor:
    """p1 of k1 = 0 .. 15, Table 5.2.2.2.5-2; 0 is reserved and stands for 0."""
    table = 2.0 ** (-(15 - torch.arange(16, dtype=torch.float64)) / 4)
    table[0] = 0.0
    return table


def differential_amplitudes() -> Tensor:
    """p2 of k2 = 0 .. 7, Table 5.2.2.2.5-3."""
    return 2.0 ** (-(7 - torch.arange(8, dtype=torch.float64)) / 2)


def coefficients(report: EnhancedType2Report) -> Tensor:
    """Coefficients of the report's taps, ``[batch, rank, M, C]``, complex128; 0 where none is reported."""
    device = report.phase.device
    half = report.present.shape[-1] // 2
    second = torch.arange(2 * half, device=device) >= half
    holds_strongest = second == (report.strongest[..., None] >= half)
    reference = reference_amplitudes().to(device)[report.reference.to(torch.int64)][..., None]
    first = torch.where(holds_strongest, 1.0, reference)[:, :, None, :]
    amplitude = first * differential_amplitudes().to(device)[report.amplitude.to(torch.int64).clamp(0, 7)]
    angle = 2 * math.pi * report.phase.to(torch.float64) / N_PHASES
    return torch.polar(amplitude, angle) * report.present


def units_of(taps: Tensor, coefficients: Tensor, n_units: int) -> Tensor:
    """Coefficients of each frequency unit, ``[batch, units, C, rank]``, from those of taps ``[batch, rank, M, C]``."""
    turns = torch.arange(n_units, device=taps.device)[:, None] * taps[..., None, :] % n_units
    angle = 2 * math.pi * turns.to(torch.float64) / n_units
    basis = torch.polar(torch.ones_like(angle), angle)
    return torch.einsum("brtm,brmc->btcr", basis, coefficients)


def precoder(plan: EnhancedType2Plan, report: EnhancedType2Report) -> Tensor:
    r"""The precoder that a report stands for.

    .. math:: w_t \propto \sum_i v_i\, p^{(1)}_i \sum_f e^{j 2 \pi t n_3^{(f)} / N_3} p^{(2)}_{i,f} \varphi_{i,f}

    Returns:
        ``[batch, units, P, rank]``, complex128; every column of norm :math:`1 / \sqrt{\nu}`; zero where a unit's
        coefficients cancel.
    """
    units = units_of(report.taps, coefficients(report), plan.n_units)
    norm = torch.linalg.vector_norm(units, dim=2, keepdim=True) * math.sqrt(plan.rank)
    units = torch.where(norm > 0, units / norm.clamp(min=torch.finfo(torch.float64).tiny), 0)
    return expand(units, beams_of(plan, report.rotation, report.beams))


def beams_of(plan: EnhancedType2Plan, rotation: Tensor, beams: Tensor) -> Tensor:
    """What coefficients stand for, orthonormal vectors over the ports of one polarisation, ``[batch, N1 N2, L]``."""
    if plan.port_step is None:
        return beam_matrix(plan.layout, rotation, beams)
    return torch.nn.functional.one_hot(beams, plan.layout.per_polarisation).transpose(1, 2).to(torch.complex128)


def ports_from(plan: EnhancedType2Plan, first: Tensor) -> Tensor:
    """Ports of a polarisation that i11 ``[batch]`` chooses, ``(d i11 + i) mod P / 2``, ``[batch, L]``."""
    assert plan.port_step is not None
    following = torch.arange(plan.n_beams, device=first.device)
    return (plan.port_step * first[:, None] + following) % plan.layout.per_polarisation
