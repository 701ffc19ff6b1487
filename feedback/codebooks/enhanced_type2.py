"""Enhanced Type II codebook (Rel-16 and Rel-18), TS 38.214 clause 5.2.2.2: a report and the precoder it stands for."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from feedback.codebooks.beam_selection import beam_matrix, expand
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan

N_PHASES = 16


@dataclass(frozen=True)
class EnhancedType2Report:
    """The integers of a report, batch first. ``C = 2 L Q`` coefficients per tap.

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
        shift: n4 of the second Doppler shift (i110), from 1, ``[batch, rank]``; ``None`` where there is one shift.
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
    shift: Tensor | None = None


def reference_amplitudes() -> Tensor:
    """p1 of k1 = 0 .. 15, Table 5.2.2.2.5-2, ``[16]``, float64; 0 is reserved and stands for 0."""
    table = 2.0 ** (-(15 - torch.arange(16, dtype=torch.float64)) / 4)
    table[0] = 0.0
    return table


def differential_amplitudes() -> Tensor:
    """p2 of k2 = 0 .. 7, Table 5.2.2.2.5-3, ``[8]``, float64."""
    return 2.0 ** (-(7 - torch.arange(8, dtype=torch.float64)) / 2)


def second_polarisation(plan: EnhancedType2Plan, index: Tensor) -> Tensor:
    """Which of the coefficients ``index`` of a tap are of the second polarisation, the same shape, bool."""
    return index % (2 * plan.n_beams) >= plan.n_beams


def coefficients(plan: EnhancedType2Plan, report: EnhancedType2Report) -> Tensor:
    """Coefficients of the report's taps, ``[batch, rank, M, C]``, complex128; 0 where none is reported."""
    device = report.phase.device
    second = second_polarisation(plan, torch.arange(plan.width, device=device))
    holds_strongest = second == second_polarisation(plan, report.strongest[..., None])
    reference = reference_amplitudes().to(device)[report.reference.to(torch.int64)][..., None]
    first = torch.where(holds_strongest, 1.0, reference)[:, :, None, :]
    amplitude = first * differential_amplitudes().to(device)[report.amplitude.to(torch.int64).clamp(0, 7)]
    angle = 2 * math.pi * report.phase.to(torch.float64) / N_PHASES
    return torch.polar(amplitude, angle) * report.present


def units_of(plan: EnhancedType2Plan, report: EnhancedType2Report, instant: int = 0) -> Tensor:
    """Coefficients on the beams in each frequency unit at one instant, ``[batch, units, 2 L, rank]``, complex128."""
    taps, of_taps = report.taps, coefficients(plan, report)
    if report.shift is not None:
        still, shifted = of_taps.chunk(2, dim=-1)
        of_taps = still + shifted * phasors(instant * report.shift, plan.n_intervals)[..., None, None]
    turns = torch.arange(plan.n_units, device=taps.device)[:, None] * taps[..., None, :]
    return torch.einsum("brtm,brmc->btcr", phasors(turns, plan.n_units), of_taps)


def phasors(turns: Tensor, steps: int) -> Tensor:
    """``exp(j 2 pi k / steps)`` of integers ``k``, ``[...]``, complex128."""
    angle = 2 * math.pi * (turns % steps).to(torch.float64) / steps
    return torch.polar(torch.ones_like(angle), angle)


def precoder(plan: EnhancedType2Plan, report: EnhancedType2Report, instant: int = 0) -> Tensor:
    r"""The precoder that a report stands for, at instant ``s`` of those that it covers.

    .. math:: w_t \propto \sum_i v_i\, p^{(1)}_i \sum_f e^{j 2 \pi t n_3^{(f)} / N_3} \sum_\tau
              e^{j 2 \pi s n_4^{(\tau)} / N_4} p^{(2)}_{i,f,\tau} \varphi_{i,f,\tau}

    Returns:
        ``[batch, units, P, rank]``, complex128; every column of norm :math:`1 / \sqrt{\nu}`; zero where a unit's
        coefficients cancel.
    """
    units = units_of(plan, report, instant)
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
