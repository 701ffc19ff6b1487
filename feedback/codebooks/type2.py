"""Type II codebook (Rel-15), TS 38.214 clause 5.2.2.2.3: what a report holds and the precoder it stands for."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from feedback.codebooks.beam_selection import beam_matrix, expand, project, select_beams
from feedback.codebooks.choices import first_largest, rounded
from feedback.codebooks.type2_plan import Type2Plan

_STRONGEST = 7
_COARSE_PHASES = 4


@dataclass(frozen=True)
class Type2Report:
    """The integers of a report, batch first. ``C = 2 L`` coefficients.

    Attributes:
        rotation: ``q1 O2 + q2`` (i11), ``[batch]``.
        beams: ascending beam numbers (i12), ``[batch, L]``.
        strongest: coefficient i* (i13), ``[batch, rank]``.
        wideband: k1 (i14), 7 for the strongest, ``[batch, rank, C]``.
        phase: c of each subband (i21), 0 where none is reported, ``[batch, rank, subbands, C]``.
        subband: k2 of each subband (i22), 1 where none is reported, ``[batch, rank, subbands, C]``.
    """

    rotation: Tensor
    beams: Tensor
    strongest: Tensor
    wideband: Tensor
    phase: Tensor
    subband: Tensor


def wideband_amplitudes() -> Tensor:
    """p1 of k1 = 0 .. 7, Table 5.2.2.2.3-2, ``[8]``, float64."""
    table = 2.0 ** (-(7 - torch.arange(8, dtype=torch.float64)) / 2)
    table[0] = 0.0
    return table


def subband_amplitudes() -> Tensor:
    """p2 of k2 = 0, 1, Table 5.2.2.2.3-3, ``[2]``, float64."""
    return torch.tensor([math.sqrt(0.5), 1.0], dtype=torch.float64)


def fine_coefficients(plan: Type2Plan, wideband: Tensor, strongest: Tensor) -> tuple[Tensor, Tensor]:
    """Which coefficients but the strongest are reported finely, and which coarsely, ``[batch, rank, C]``, bool.

    Fine are the ``min(M, K2) - 1`` of the largest k1, the lower index first where they are equal. Without subband
    amplitudes all that are not zero are.
    """
    others = torch.arange(wideband.shape[-1], device=wideband.device) != strongest[..., None]
    reported = others & (wideband > 0)
    if not plan.subband_amplitude:
        return reported, torch.zeros_like(reported)
    key = torch.where(reported, wideband, -1)
    place = key.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
    fine = reported & (place < plan.n_fine - 1)
    return fine, reported & ~fine


def phases_of(plan: Type2Plan, wideband: Tensor, strongest: Tensor) -> Tensor:
    """Number of phases of each coefficient, ``[batch, rank, C]``, int64."""
    _, coarse = fine_coefficients(plan, wideband, strongest)
    return torch.where(coarse, _COARSE_PHASES, plan.n_phases)


def precoder(plan: Type2Plan, report: Type2Report) -> Tensor:
    r"""The precoder that a report stands for.

    .. math:: w \propto \sum_i v_i\, p^{(1)}_i p^{(2)}_i \varphi_i

    Returns:
        ``[batch, subbands, P, rank]``, complex128, every column of norm :math:`1 / \sqrt{\nu}`.
    """
    device = report.phase.device
    n_phases = phases_of(plan, report.wideband, report.strongest)[:, :, None, :]
    amplitude = wideband_amplitudes().to(device)[report.wideband][:, :, None, :]
    amplitude = amplitude * subband_amplitudes().to(device)[report.subband]
    angle = 2 * math.pi * report.phase.to(torch.float64) / n_phases
    units = torch.polar(amplitude, angle).permute(0, 2, 3, 1)
    units = units / (torch.linalg.vector_norm(units, dim=2, keepdim=True) * math.sqrt(plan.rank))
    return expand(units, beam_matrix(plan.layout, report.rotation, report.beams))


def select(plan: Type2Plan, target: Tensor) -> Type2Report:
    """The report of unit eigenvectors ``[batch, subbands, P, rank]``, complex128, whose phases do not matter."""
    rotation, beams = select_beams(target, plan.layout, plan.n_beams)
    on_beams = project(target, beam_matrix(plan.layout, rotation, beams)).permute(0, 3, 1, 2)
    mean_amplitude = on_beams.abs().square().mean(2).sqrt()
    strongest = first_largest(rounded(mean_amplitude))
    largest = mean_amplitude.gather(2, strongest[..., None])
    p1 = wideband_amplitudes().to(target.device)
    wideband = ((mean_amplitude / largest)[..., None] - p1).abs().argmin(-1)
    is_strongest = torch.arange(on_beams.shape[-1], device=target.device) == strongest[..., None]
    wideband = torch.where(is_strongest, _STRONGEST, wideband)
    guide = on_beams.gather(3, strongest[:, :, None, None].expand(-1, -1, plan.n_units, 1))
    modulus = guide.abs()
    turned = on_beams * torch.where(modulus == 0, 1, guide.conj() / torch.where(modulus == 0, 1, modulus))
    fine, coarse = fine_coefficients(plan, wideband, strongest)
    expected = torch.where(modulus == 0, 1, modulus) * p1[wideband][:, :, None, :]
    ratio = (turned.abs() / torch.where(expected == 0, 1, expected)).clamp(max=1)
    nearest = (ratio[..., None] - subband_amplitudes().to(target.device)).abs().argmin(-1)
    refined = fine[:, :, None, :] & plan.subband_amplitude
    subband = torch.where(refined, nearest, 1)
    n_phases = phases_of(plan, wideband, strongest)[:, :, None, :]
    phase = torch.round(turned.angle() * n_phases / (2 * math.pi)).to(torch.int64) % n_phases
    phase = torch.where((fine | coarse)[:, :, None, :], phase, 0)
    return Type2Report(rotation, beams, strongest, wideband, phase, subband)
