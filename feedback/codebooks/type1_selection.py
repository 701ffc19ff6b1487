"""Type I at the UE: the report of the largest rate, by an exhaustive search, and its bits."""

import torch
from torch import Tensor

from feedback.codebooks.bit_fields import BitReader, BitWriter
from feedback.codebooks.choices import first_largest
from feedback.codebooks.type1 import Type1Report, beam_grid, columns
from feedback.codebooks.type1_plan import Type1Plan

# Scores within this share of the best one's are equal but for rounding: the first of them is taken.
_TIE = 1e-9
# Reports that are searched at once; bounds the memory of the search.
_AT_ONCE = 16


def select(plan: Type1Plan, covariance: Tensor, noise: float | None = 0.1) -> Type1Report:
    r"""The report of the largest score.

    That is the received power at rank 1, else the sum over the subbands of :math:`\log_2 \det(I + W^H R W / \sigma^2)`.

    Args:
        plan: sizes of the report.
        covariance: ``[batch, subbands, P, P]``, complex128; with one subband in the plan its mean is taken.
        noise: noise power over the covariance's mean eigenvalue, without meaning at rank 1; ``None`` for covariances
            that are relative to the noise power.
    """
    if plan.n_units == 1:
        covariance = covariance.mean(1, keepdim=True)
    scaled = covariance
    if noise is not None:
        power = covariance.diagonal(dim1=-2, dim2=-1).real.mean((1, 2), keepdim=True)[..., None]
        scaled = covariance / torch.where(power > 0, power, 1) / noise
    parts = [_select(plan, part) for part in scaled.split(_AT_ONCE)]
    return Type1Report(*(torch.cat(field) for field in zip(*(vars(part).values() for part in parts), strict=True)))


def _select(plan: Type1Plan, covariance: Tensor) -> Type1Report:
    scores = _scores(plan, covariance)
    if plan.grouped:
        scores = _by_group(plan, scores)
    best = scores.amax(-1)
    total = best.sum(1).flatten(1)
    choice = first_largest(total, _TIE)
    n_second, n_offset = scores.shape[3], scores.shape[4]
    first, second, offset = choice // (n_second * n_offset), choice // n_offset % n_second, choice % n_offset
    index = torch.arange(len(scores), device=scores.device)
    chosen = scores[index, :, first, second, offset]
    return Type1Report(first, second, offset, first_largest(chosen, _TIE))


def _scores(plan: Type1Plan, covariance: Tensor) -> Tensor:
    """Score of each candidate, ``[batch, subbands, l, m, i13, n]``, real."""
    which, factors = columns(plan)
    factors = factors.to(covariance.device)
    grid = beam_grid(plan).to(covariance.device)
    length = grid.shape[-1]
    n_blocks = plan.layout.ports // length
    blocks = covariance.unflatten(-1, (n_blocks, length)).unflatten(-3, (n_blocks, length)).transpose(-3, -2)
    same = _forms(blocks, grid, grid)
    norm = plan.rank * plan.layout.ports
    by_offset = []
    for number, (k1, k2) in enumerate(plan.offsets):
        other = grid.roll((-k1, -k2), (0, 1))
        needs_other = 1 in which
        cross = _forms(blocks, grid, other) if needs_other else same
        forms = {(0, 0): same, (0, 1): cross, (1, 1): same.roll((-k1, -k2), (2, 3)), (1, 0): cross.mH}
        z = factors[number]
        rows = [
            [
                torch.einsum("ni,btlmij,nj->btlmn", z[:, c].conj(), forms[which[c], which[d]], z[:, d]) / norm
                for d in range(plan.rank)
            ]
            for c in range(plan.rank)
        ]
        by_offset.append(rows[0][0].real if plan.rank == 1 else _log_det(rows))
    scores = torch.stack(by_offset, dim=4)
    return scores[:, :, : plan.n_first] if plan.half_beams else scores


def _forms(blocks: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Forms ``left^H R_ij right``, ``[batch, subbands, l, m, i, j]``, of blocks ``[batch, subbands, i, j, a, b]``."""
    flat_left, flat_right = left.flatten(0, 1), right.flatten(0, 1)
    applied = blocks @ flat_right.T
    forms = torch.einsum("ka,btijak->btkij", flat_left.conj(), applied)
    return forms.unflatten(2, left.shape[:2])


def _log_det(gram: list[list[Tensor]]) -> Tensor:
    """``log2 det(I + G)``, ``[...]``, of small Hermitian matrices of tensors ``[...]``, by elimination."""
    rank = len(gram)
    rows = [[gram[c][d] + (1 if c == d else 0) for d in range(rank)] for c in range(rank)]
    total = torch.zeros_like(rows[0][0].real)
    for pivot in range(rank):
        total = total + rows[pivot][pivot].real.log2()
        for c in range(pivot + 1, rank):
            factor = rows[c][pivot] / rows[pivot][pivot]
            for d in range(pivot + 1, rank):
                rows[c][d] = rows[c][d] - factor * rows[pivot][d]
    return total


def _by_group(plan: Type1Plan, scores: Tensor) -> Tensor:
    """Scores by (i11, i12, i13, i2) where i2 also chooses the beam of a group."""
    if plan.layout.n2 == 1:
        members = [scores.roll(-g, 2)[:, :, ::2] for g in range(4)]
    else:
        members = [scores[:, :, g % 2 :: 2, g // 2 :: 2] for g in range(4)]
    return torch.cat(members, dim=-1)


def write(plan: Type1Plan, report: Type1Report) -> Tensor:
    """Bits ``[batch, plan.bits]``, uint8: wideband fields, then i2 of even and of odd subbands."""
    first, second, offset, each = plan.field_bits
    writer = BitWriter()
    writer.write(report.first, first)
    writer.write(report.second, second)
    writer.write(report.offset, offset)
    writer.write(report.subband[:, plan.sending_order], each)
    return writer.finish()[0]


def read(plan: Type1Plan, bits: Tensor) -> tuple[Type1Report, Tensor]:
    """The report that bits ``[batch, plan.bits]`` hold, and which are valid, ``[batch]``, bool."""
    widths = plan.field_bits
    reader = BitReader(bits)
    first, second, offset = (reader.read_one(width) for width in widths[:3])
    valid = (first < plan.n_first) & (second < plan.n_second) & (offset < len(plan.offsets))
    in_order = reader.read(plan.n_units, widths[3])
    subband = torch.empty_like(in_order)
    subband[:, plan.sending_order] = in_order
    first, second = first.clamp(max=plan.n_first - 1), second.clamp(max=plan.n_second - 1)
    return Type1Report(first, second, offset.clamp(max=len(plan.offsets) - 1), subband), valid
