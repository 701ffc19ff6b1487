"""Bits of an enhanced Type II report: parts 1 and 2, groups in priority order (TS 38.214 5.2.3, TS 38.212 6.3.2)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from feedback.codebooks.bit_fields import BitReader, BitWriter
from feedback.codebooks.combinations import combination_number, combination_of
from feedback.codebooks.enhanced_type2 import EnhancedType2Report, ports_from
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.layout import bits_for

_AMPLITUDE_BITS, _PHASE_BITS, _REFERENCE_BITS = 3, 4, 4


@dataclass(frozen=True)
class GroupSizes:
    """Bits of each group of part 2, ``[batch]`` each; groups are dropped as a whole, the last first."""

    group0: Tensor
    group1: Tensor
    group2: Tensor


def part1_bits(plan: EnhancedType2Plan, largest_rank: int) -> int:
    """Bits of the indicator of the number of coefficients, the only field of the PMI in part 1."""
    return bits_for(plan.most_per_layer if largest_rank == 1 else 2 * plan.most_per_layer)


def longest_part2(plan: EnhancedType2Plan) -> int:
    """Bits of part 2 with as many coefficients as there may be."""
    width, count = plan.width, plan.most_in_all
    strongest = bits_for(count) if plan.rank == 1 else plan.rank * bits_for(width)
    per_layer = _REFERENCE_BITS + plan.tap_bits + plan.shift_bits + width * plan.n_taps
    fields = plan.rank * per_layer + plan.window_bits
    pairs = (_AMPLITUDE_BITS + _PHASE_BITS) * (count - plan.rank)
    return bits_for(plan.n_first) + plan.beam_bits + strongest + fields + pairs


def write(plan: EnhancedType2Plan, report: EnhancedType2Report) -> tuple[Tensor, Tensor, GroupSizes]:
    """Part 2 of a report.

    Returns:
        Bits ``[batch, longest]``, uint8; lengths ``[batch]``; and the sizes of the groups.
    """
    layout, rank = plan.layout, plan.rank
    assert (report.shift is None) == (plan.n_shifts == 1)
    count = report.present.flatten(1).sum(1)
    writer = BitWriter()
    writer.write(report.rotation, bits_for(plan.n_first))
    if plan.port_step is None:
        writer.write(combination_number(report.beams, layout.per_polarisation), plan.beam_bits)
    writer.write(_strongest_field(plan, report), _strongest_width(plan, count))
    group0 = bits_for(plan.n_first) + plan.beam_bits + _strongest_width(plan, count).sum(1)
    writer.write(report.reference, _REFERENCE_BITS)
    writer.write(torch.where(report.window == 0, 0, report.window + 2 * plan.n_taps), plan.window_bits)
    writer.write(tap_numbers(plan, report), plan.tap_bits)
    if report.shift is not None:
        writer.write(report.shift - 1, plan.shift_bits)
    present, amplitude, phase = (_by_priority(plan, report.taps, x) for x in _coefficient_fields(report))
    strongest = _by_priority(plan, report.taps, _at_strongest(report.present, report.strongest))
    in_pairs = present.bool() & ~strongest
    place = in_pairs.cumsum(1) - 1
    first_pairs = (count + 1) // 2 - rank
    early, late = place < first_pairs[:, None], place >= first_pairs[:, None]
    bitmap_place = torch.arange(present.shape[1], device=present.device)
    first_map = (present.shape[1] - count // 2)[:, None]
    for fields, width in ((amplitude, _AMPLITUDE_BITS), (phase, _PHASE_BITS)):
        writer.write(fields, torch.where(in_pairs & early, width, 0))
    writer.write(present, (bitmap_place < first_map).to(torch.int64))
    for fields, width in ((amplitude, _AMPLITUDE_BITS), (phase, _PHASE_BITS)):
        writer.write(fields, torch.where(in_pairs & late, width, 0))
    writer.write(present, (bitmap_place >= first_map).to(torch.int64))
    bits, lengths = writer.finish()
    pair_bits = _AMPLITUDE_BITS + _PHASE_BITS
    fixed = rank * (_REFERENCE_BITS + plan.tap_bits + plan.shift_bits) + plan.window_bits
    group1 = fixed + pair_bits * first_pairs.clamp(min=0) + first_map[:, 0]
    return bits, lengths, GroupSizes(group0, group1, lengths - group0 - group1)


def read(plan: EnhancedType2Plan, count: Tensor, bits: Tensor) -> tuple[EnhancedType2Report, Tensor]:
    """The report that part 2 holds.

    Args:
        plan: sizes of the report.
        count: coefficients in the report, from part 1, ``[batch]``.
        bits: part 2, ``[batch, longest]``.

    Returns:
        The report, and which of the batch are valid, ``[batch]``, bool: others hold a value that the standard has not.
    """
    layout, rank, width = plan.layout, plan.rank, plan.width
    valid = (count >= rank) & (count <= plan.most_in_all)
    count = count.clamp(rank, plan.most_in_all)
    reader = BitReader(bits)
    rotation = reader.read_one(bits_for(plan.n_first))
    number = reader.read_one(plan.beam_bits)
    valid &= (rotation < plan.n_first) & (number < layout.beam_sets(plan.n_beams))
    if plan.port_step is None:
        beams = combination_of(number, layout.per_polarisation, plan.n_beams)
    else:
        beams = ports_from(plan, rotation)
    strongest_field = reader.read(rank, _strongest_width(plan, count))
    reference = reader.read(rank, _REFERENCE_BITS)
    window = reader.read_one(plan.window_bits)
    window = torch.where(window == 0, 0, window - 2 * plan.n_taps)
    tap_set = reader.read(rank, plan.tap_bits)
    valid &= (tap_set < plan.n_tap_sets).all(1)
    taps = _taps_of(plan, tap_set, window)
    shift = reader.read(rank, plan.shift_bits) + 1 if plan.n_shifts > 1 else None
    if shift is not None:
        valid &= (shift < plan.n_intervals).all(1)
    bitmap, amplitude, phase = _read_coefficients(plan, count, reader)
    order = _priority_order(plan, taps)
    present = _scattered(bitmap, order).view(-1, rank, plan.n_taps, width).bool()
    strongest = _strongest_of(plan, strongest_field, present)
    valid &= (present.flatten(1).sum(1) == count) & (reference > 0).all(1)
    valid &= present[:, :, 0].gather(2, strongest.clamp(0, width - 1)[..., None]).flatten(1).all(1)
    valid &= (present.flatten(2).sum(2) <= plan.most_per_layer).all(1)
    valid &= (strongest < width).all(1) & (taps < plan.n_units).flatten(1).all(1)
    strongest = strongest.clamp(0, width - 1)
    is_strongest = _at_strongest(present, strongest)
    in_pairs = (present & ~is_strongest).flatten(1).gather(1, order)

    def at_entries(values: Tensor, of_strongest: int) -> Tensor:
        """Values of the pairs where their coefficients are, ``[batch, rank, M, C]``."""
        n_pairs = values.shape[1]
        pair = (in_pairs.cumsum(1) - 1).clamp(0, max(n_pairs - 1, 0))
        spread = values.gather(1, pair) if n_pairs else torch.zeros_like(pair)
        dense = _scattered(torch.where(in_pairs, spread, 0), order).view_as(present)
        return torch.where(is_strongest, of_strongest, dense)

    pairs = at_entries(amplitude, 7), at_entries(phase, 0)
    return EnhancedType2Report(rotation, beams, taps, window, strongest, reference, present, *pairs, shift), valid


def _read_coefficients(plan: EnhancedType2Plan, count: Tensor, reader: BitReader) -> tuple[Tensor, Tensor, Tensor]:
    """Groups 1 and 2 by priority: bitmap ``[batch, rank M C]``, amplitudes and phases ``[batch, pairs]``.

    Of pairs there are as many as a report may have; those beyond the report's own are 0.
    """
    entries = plan.rank * plan.n_taps * plan.width
    first_pairs = ((count + 1) // 2 - plan.rank).clamp(min=0)
    n_pairs = count - plan.rank
    place = torch.arange(max(plan.most_in_all - plan.rank, 0), device=count.device)
    early = place < first_pairs[:, None]
    late = (place >= first_pairs[:, None]) & (place < n_pairs[:, None])
    map_place = torch.arange(entries, device=count.device)
    first_map = (entries - count // 2)[:, None]
    groups = []
    for pairs, in_map in ((early, map_place < first_map), (late, map_place >= first_map)):
        amplitude = reader.read(len(place), torch.where(pairs, _AMPLITUDE_BITS, 0))
        phase = reader.read(len(place), torch.where(pairs, _PHASE_BITS, 0))
        groups.append((reader.read(entries, in_map.to(torch.int64)), amplitude, phase))
    return groups[0][0] + groups[1][0], groups[0][1] + groups[1][1], groups[0][2] + groups[1][2]


def _strongest_width(plan: EnhancedType2Plan, count: Tensor) -> Tensor:
    """Bits of i18, ``[batch, rank]``: of the number of coefficients at rank 1, of 2 L Q above."""
    if plan.rank > 1:
        return torch.full((len(count), plan.rank), bits_for(plan.width), device=count.device)
    widths = torch.tensor([bits_for(k) for k in range(plan.most_in_all + 1)], device=count.device)
    return widths[count][:, None]


def _strongest_field(plan: EnhancedType2Plan, report: EnhancedType2Report) -> Tensor:
    if plan.rank > 1:
        return report.strongest
    ones = report.present[:, :, 0].cumsum(-1)
    return ones.gather(2, report.strongest[..., None])[..., 0] - 1


def _strongest_of(plan: EnhancedType2Plan, field: Tensor, present: Tensor) -> Tensor:
    """Coefficient i*, ``[batch, rank]``; beyond the last one where the field points at none."""
    if plan.rank > 1:
        return field
    return (present[:, :, 0].cumsum(-1) <= field[..., None]).sum(-1)


def tap_numbers(plan: EnhancedType2Plan, report: EnhancedType2Report) -> Tensor:
    """i16 of each layer, ``[batch, rank]``."""
    free, others = plan.n_units, report.taps[..., 1:]
    if plan.windowed:
        free = 2 * plan.n_taps
        last = report.window[:, None, None] + 2 * plan.n_taps - 1
        others = torch.where(others <= last, others, others - (plan.n_units - free))
    return combination_number(others - 1, free - 1)


def _taps_of(plan: EnhancedType2Plan, numbers: Tensor, window: Tensor) -> Tensor:
    m = plan.n_taps
    zero = torch.zeros((*numbers.shape, 1), dtype=torch.int64, device=numbers.device)
    if m == 1:
        return zero
    free = 2 * m if plan.windowed else plan.n_units
    others = combination_of(numbers, free - 1, m - 1) + 1
    if plan.windowed:
        last = window[:, None, None] + 2 * m - 1
        others = torch.where(others <= last, others, others + plan.n_units - free)
    return torch.cat([zero, others], dim=-1)


def _coefficient_fields(report: EnhancedType2Report) -> tuple[Tensor, Tensor, Tensor]:
    return report.present.to(torch.int64), report.amplitude.to(torch.int64), report.phase.to(torch.int64)


def _at_strongest(present: Tensor, strongest: Tensor) -> Tensor:
    """Where the strongest coefficient of each layer is, in the shape of the bitmap."""
    found = torch.zeros_like(present)
    found[:, :, 0] = torch.arange(present.shape[-1], device=found.device) == strongest[..., None]
    return found


def _priority_order(plan: EnhancedType2Plan, taps: Tensor) -> Tensor:
    r"""Entries ``(layer, f, i)`` by priority, the most important first, ``[batch, rank M C]``.

    .. math:: \mathrm{Pri}(l, i, f) = 2 L \nu \pi(f) + \nu i + l, \quad \pi(f) = \min(2 n_3, 2 (N_3 - n_3) - 1)

    and :math:`2 L \nu M \tau + 2 L \nu f + \nu i + l` with two Doppler shifts :math:`\tau`.
    """
    rank, on_beams = plan.rank, 2 * plan.n_beams
    layer = torch.arange(1, rank + 1, device=taps.device)[:, None, None]
    index = torch.arange(plan.width, device=taps.device)
    if plan.n_shifts == 1:
        delay = torch.minimum(2 * taps, 2 * (plan.n_units - taps) - 1)[..., None]
    else:
        place = torch.arange(plan.n_taps, device=taps.device)[:, None].expand(*taps.shape, 1)
        delay = plan.n_taps * (index // on_beams) + place
    priority = on_beams * rank * delay + rank * (index % on_beams) + layer
    return priority.flatten(1).argsort(dim=1, stable=True)


def _by_priority(plan: EnhancedType2Plan, taps: Tensor, values: Tensor) -> Tensor:
    return values.flatten(1).gather(1, _priority_order(plan, taps))


def _scattered(values: Tensor, order: Tensor) -> Tensor:
    return torch.zeros_like(values).scatter(1, order, values)
