"""Enhanced Type II at the UE: from eigenvectors to the integers of a report. The standard leaves this to the UE."""

import math
from typing import Any

import torch
from torch import Tensor

from feedback.codebooks.beam_selection import project, select_beams
from feedback.codebooks.choices import falling_order, first_largest, rounded
from feedback.codebooks.enhanced_type2 import (
    N_PHASES,
    EnhancedType2Report,
    beams_of,
    differential_amplitudes,
    phasors,
    ports_from,
    reference_amplitudes,
    second_polarisation,
    units_of,
)
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan


def select(plan: EnhancedType2Plan, target: Tensor, refinements: int = 3) -> EnhancedType2Report:
    """The report of unit eigenvectors.

    Beams by captured power; phases of the units aligned on the strongest beam; the strongest tap shifted to 0; the
    strongest coefficients quantised. Each refinement aligns the units with what the report so far rebuilds, which has
    the phases that the sparse delay domain favours, and selects again.

    Args:
        plan: sizes of the report.
        target: ``[batch, units, P, rank]``, complex128; phases do not matter. Of several instants the units of each,
            one instant behind the other.
        refinements: how often units are aligned anew.
    """
    if plan.port_step is None:
        rotation, beams = select_beams(target, plan.layout, plan.n_beams)
    else:
        rotation, beams = _select_ports(plan, target)
    on_beams = project(target, beams_of(plan, rotation, beams)).permute(0, 3, 1, 2)
    strongest_row = on_beams.abs().square().sum(2).argmax(-1)
    guide = on_beams.gather(3, strongest_row[:, :, None, None].expand(-1, -1, on_beams.shape[2], 1))
    aligned = on_beams * _unit(guide).conj()
    report, turn = _quantise(plan, rotation, beams, aligned)
    best, captured = report, _captured(plan, report, on_beams)
    for _ in range(refinements):
        turned = _rebuilt(plan, report) * turn
        inner = (turned.conj() * on_beams).sum(-1, keepdim=True)
        report, turn = _quantise(plan, rotation, beams, on_beams * _unit(inner).conj())
        now = _captured(plan, report, on_beams)
        better = now > captured
        best, captured = _where(better, report, best), torch.where(better, now, captured)
    return best


def _select_ports(plan: EnhancedType2Plan, target: Tensor) -> tuple[Tensor, Tensor]:
    """Where the ports of most power over both polarisations begin, ``[batch]``, and which they are, ``[batch, L]``."""
    power = target.abs().square().sum((1, 3)).unflatten(1, (2, plan.layout.per_polarisation)).sum(1)
    choices = ports_from(plan, torch.arange(plan.n_first, device=target.device))
    first = first_largest(rounded(power[:, choices].sum(-1)))
    return first, ports_from(plan, first)


def _quantise(
    plan: EnhancedType2Plan, rotation: Tensor, beams: Tensor, aligned: Tensor
) -> tuple[EnhancedType2Report, Tensor]:
    """The report of coefficients ``[batch, rank, instants units, 2 L]``, and what its shifts took off each of them."""
    n_units, n_instants, on_beams, width = plan.n_units, plan.n_intervals, 2 * plan.n_beams, plan.width
    delays = torch.fft.fft(aligned.unflatten(2, (n_instants, n_units)), dim=3) / n_units
    if n_instants > 1:
        delays = torch.fft.fft(delays, dim=2) / n_instants
    # By Doppler shift, tap and then coefficient; equal amplitudes keep that order.
    strongest = falling_order(delays.abs().flatten(2))[..., 0]
    i_star = strongest % on_beams
    first_tap, first_shift = strongest // on_beams % n_units, strongest // (on_beams * n_units)
    delays = _from(delays, first_tap, 3)
    shift = None
    if n_instants == 1:
        delays = delays[:, :, 0]
    else:
        delays, shift = _two_shifts(_from(delays, first_shift, 2))
    unit, instant = (torch.arange(n, device=aligned.device) for n in (n_units, n_instants))
    turn = phasors(instant * first_shift[..., None], n_instants)[..., None] * phasors(
        unit * first_tap[..., None], n_units
    ).unsqueeze(2)
    taps, window = _select_taps(plan, delays.abs().square().sum(-1))
    kept = delays.gather(2, taps[..., None].expand(-1, -1, -1, width))
    scale = delays[:, :, 0].gather(2, i_star[..., None])[..., None]
    kept = kept / torch.where(scale == 0, 1, scale)
    present = _largest(plan, kept.abs(), i_star)
    second = second_polarisation(plan, torch.arange(width, device=aligned.device))
    holds = second == second_polarisation(plan, i_star[..., None])
    amplitude = kept.abs() * present
    weaker = (amplitude * ~holds[:, :, None, :]).flatten(2).amax(-1)
    p1 = reference_amplitudes().to(aligned.device)
    # The reserved value 0 is never sent.
    reference = (weaker[..., None] - p1[1:]).abs().argmin(-1) + 1
    relative = amplitude / torch.where(holds, 1.0, p1[reference][..., None])[:, :, None, :]
    p2 = differential_amplitudes().to(aligned.device)
    k2 = (relative.clamp(max=1)[..., None] - p2).abs().argmin(-1)
    is_strongest = torch.zeros_like(present)
    is_strongest[:, :, 0] = torch.arange(width, device=aligned.device) == i_star[..., None]
    present = (present & (relative >= p2[0] / 2)) | is_strongest
    phase = torch.round(kept.angle() * N_PHASES / (2 * math.pi)).to(torch.int64) % N_PHASES
    k2 = torch.where(is_strongest, 7, torch.where(present, k2, 0))
    phase = torch.where(present & ~is_strongest, phase, 0)
    report = EnhancedType2Report(rotation, beams, taps, window, i_star, reference, present, k2, phase, shift)
    return report, turn.flatten(2)[..., None]


def _from(delays: Tensor, first: Tensor, dim: int) -> Tensor:
    """``[batch, rank, ...]`` turned along one axis so that it begins at ``first``, ``[batch, rank]``."""
    length = delays.shape[dim]
    index = (torch.arange(length, device=delays.device) + first[..., None]) % length
    shape = [1] * delays.dim()
    shape[:2], shape[dim] = list(first.shape), length
    return delays.gather(dim, index.view(shape).expand_as(delays))


def _two_shifts(delays: Tensor) -> tuple[Tensor, Tensor]:
    """Of ``[batch, rank, instants, units, 2 L]`` by Doppler shift the first and the strongest of the others.

    Returns:
        ``[batch, rank, units, 4 L]``, and which shift the other one is, ``[batch, rank]``.
    """
    other = first_largest(rounded(delays.abs().square().sum((3, 4))[..., 1:])) + 1
    index = other[:, :, None, None, None].expand(-1, -1, 1, *delays.shape[3:])
    return torch.cat([delays[:, :, 0], delays.gather(2, index)[:, :, 0]], dim=-1), other


def _rebuilt(plan: EnhancedType2Plan, report: EnhancedType2Report) -> Tensor:
    """Coefficients on the beams that a report stands for, ``[batch, rank, instants units, 2 L]``."""
    instants = [units_of(plan, report, instant).permute(0, 3, 1, 2) for instant in range(plan.n_intervals)]
    return instants[0] if len(instants) == 1 else torch.cat(instants, dim=2)


def _select_taps(plan: EnhancedType2Plan, energy: Tensor) -> tuple[Tensor, Tensor]:
    """Taps ``[batch, rank, M]`` of the largest energies ``[batch, rank, units]``, tap 0 among them, and M_initial."""
    batch, rank, n_units = energy.shape
    m = plan.n_taps
    zero = torch.zeros(batch, rank, 1, dtype=torch.int64, device=energy.device)
    window = torch.zeros(batch, dtype=torch.int64, device=energy.device)
    if m == 1:
        return zero, window
    if not plan.windowed:
        others = falling_order(energy[..., 1:])[..., : m - 1] + 1
        return torch.cat([zero, others.sort(-1).values], dim=-1), window
    starts = torch.arange(0, -2 * m, -1, device=energy.device)
    members = (starts[:, None] + torch.arange(2 * m, device=energy.device)) % n_units
    inside = torch.zeros(2 * m, n_units, dtype=torch.bool, device=energy.device)
    inside.scatter_(1, members, True)
    inside[:, 0] = False
    masked = torch.where(inside, rounded(energy)[:, :, None, :], -1.0)
    best = masked.topk(m - 1, dim=-1).values.sum((-1, 1))
    choice = first_largest(best)
    window = starts[choice]
    allowed = inside[choice][:, None, :].expand(-1, rank, -1)
    others = falling_order(torch.where(allowed, energy, -1.0))[..., : m - 1]
    return torch.cat([zero, others.sort(-1).values], dim=-1), window


def _largest(plan: EnhancedType2Plan, amplitude: Tensor, i_star: Tensor) -> Tensor:
    """Which of ``[batch, rank, M, C]`` are reported: the K0 largest of a layer, 2 K0 of all, the strongest always."""
    batch, rank, m, width = amplitude.shape
    flat = amplitude.flatten(2).scatter(2, i_star[..., None], math.inf)
    place = _place(flat)
    chosen = place < plan.most_per_layer
    if rank > 2:
        # Strongest coefficients are infinite, so they come first.
        all_layers = torch.where(chosen, flat, -1.0).transpose(1, 2).flatten(1)
        within = (_place(all_layers) < 2 * plan.most_per_layer).view(batch, m * width, rank).transpose(1, 2)
        chosen = chosen & within
    return chosen.view(batch, rank, m, width)


def _place(amplitude: Tensor) -> Tensor:
    """Place of each value by falling size along the last axis, from 0."""
    order = falling_order(amplitude)
    return order.argsort(-1)


def _captured(plan: EnhancedType2Plan, report: EnhancedType2Report, on_beams: Tensor) -> Tensor:
    """Squared cosine of the report with its target, mean over units and layers, ``[batch]``."""
    rebuilt = _rebuilt(plan, report)
    inner = (rebuilt.conj() * on_beams).sum(-1).abs().square()
    norm = rebuilt.abs().square().sum(-1)
    return torch.where(norm > 0, inner / norm.clamp(min=torch.finfo(torch.float64).tiny), 0).mean((1, 2))


def _unit(values: Tensor) -> Tensor:
    """Values of modulus 1; 1 for zero."""
    modulus = values.abs()
    return torch.where(modulus == 0, 1, values / torch.where(modulus == 0, 1, modulus))


def _where(choose: Tensor, one: EnhancedType2Report, other: EnhancedType2Report) -> EnhancedType2Report:
    def pick(a: Any, b: Any) -> Any:
        # Both have a second Doppler shift, or neither.
        return None if a is None else torch.where(choose.view(-1, *[1] * (a.dim() - 1)), a, b)

    return EnhancedType2Report(*(pick(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True)))
