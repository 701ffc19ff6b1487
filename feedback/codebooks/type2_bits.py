"""Bits of a Type II report, parts 1 and 2 (TS 38.214 clause 5.2.3, TS 38.212 clause 6.3.2.1.2)."""

import torch
from torch import Tensor

from feedback.codebooks.bit_fields import BitReader, BitWriter
from feedback.codebooks.combinations import combination_number, combination_of
from feedback.codebooks.layout import bits_for
from feedback.codebooks.type2 import Type2Report, fine_coefficients, phases_of
from feedback.codebooks.type2_plan import Type2Plan

_WIDEBAND_BITS = 3


def longest_part2(plan: Type2Plan) -> int:
    """Bits of part 2 where no amplitude is zero."""
    width, each = 2 * plan.n_beams, bits_for(plan.n_phases)
    fine = min(width, plan.n_fine)
    subband = (fine - 1) * (each + 1) + 2 * (width - fine) if plan.subband_amplitude else (width - 1) * each
    layer = bits_for(width) + _WIDEBAND_BITS * (width - 1) + plan.n_units * subband
    return bits_for(plan.layout.rotations) + plan.beam_bits + plan.rank * layer


def write(plan: Type2Plan, report: Type2Report) -> tuple[Tensor, Tensor]:
    """Part 2: wideband fields, even subbands, odd subbands.

    Returns:
        Bits ``[batch, longest]``, uint8, and lengths ``[batch]``.
    """
    writer = BitWriter()
    writer.write(report.rotation, bits_for(plan.layout.rotations))
    writer.write(combination_number(report.beams, plan.layout.per_polarisation), plan.beam_bits)
    others = torch.arange(2 * plan.n_beams, device=report.phase.device) != report.strongest[..., None]
    for layer in range(plan.rank):
        writer.write(report.strongest[:, layer], bits_for(2 * plan.n_beams))
        writer.write(report.wideband[:, layer], torch.where(others[:, layer], _WIDEBAND_BITS, 0))
    phase_widths, subband_widths = _widths(plan, report.wideband, report.strongest)
    for subband in plan.sending_order:
        for layer in range(plan.rank):
            writer.write(report.phase[:, layer, subband], phase_widths[:, layer])
            writer.write(report.subband[:, layer, subband], subband_widths[:, layer])
    return writer.finish()


def read(plan: Type2Plan, counts: Tensor, bits: Tensor) -> tuple[Type2Report, Tensor]:
    """The report that part 2 holds.

    Args:
        plan: sizes of the report.
        counts: non-zero wideband amplitudes of each layer, from part 1, ``[batch, rank]``.
        bits: part 2, ``[batch, longest]``.

    Returns:
        The report, and which of the batch are valid, ``[batch]``, bool.
    """
    width = 2 * plan.n_beams
    reader = BitReader(bits)
    rotation = reader.read_one(bits_for(plan.layout.rotations))
    number = reader.read_one(plan.beam_bits)
    beams = combination_of(number, plan.layout.per_polarisation, plan.n_beams)
    valid = number < plan.layout.beam_sets(plan.n_beams)
    strongest, wideband = [], []
    for _ in range(plan.rank):
        star = reader.read_one(bits_for(width))
        valid &= star < width
        star = star.clamp(max=width - 1)
        others = torch.arange(width, device=bits.device) != star[:, None]
        amplitude = reader.read(width, torch.where(others, _WIDEBAND_BITS, 0))
        strongest.append(star)
        wideband.append(torch.where(others, amplitude, 2**_WIDEBAND_BITS - 1))
    star, k1 = torch.stack(strongest, 1), torch.stack(wideband, 1)
    valid &= ((k1 > 0).sum(-1) == counts).all(1)
    phase_widths, subband_widths = _widths(plan, k1, star)
    phase = bits.new_zeros((len(bits), plan.rank, plan.n_units, width), dtype=torch.int64)
    subband = torch.ones_like(phase)
    for index in plan.sending_order:
        for layer in range(plan.rank):
            phase[:, layer, index] = reader.read(width, phase_widths[:, layer])
            read_amplitude = reader.read(width, subband_widths[:, layer])
            subband[:, layer, index] = torch.where(subband_widths[:, layer] > 0, read_amplitude, 1)
    return Type2Report(rotation, beams, star, k1, phase, subband), valid


def _widths(plan: Type2Plan, wideband: Tensor, strongest: Tensor) -> tuple[Tensor, Tensor]:
    """Bits of the phase and of the subband amplitude of each coefficient, ``[batch, rank, C]``."""
    fine, coarse = fine_coefficients(plan, wideband, strongest)
    coarse_bits = torch.where(phases_of(plan, wideband, strongest) == 4, 2, 3)
    phase = torch.where(fine | coarse, coarse_bits, 0)
    return phase, torch.where(fine, int(plan.subband_amplitude), 0)
