"""Codebook for predicted PMI: bits, still and moving channels with known answers, and what the UE predicts."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from feedback.codebooks.enhanced_type2 import EnhancedType2Report, precoder
from feedback.codebooks.enhanced_type2_bits import longest_part2, write
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.enhanced_type2_selection import select
from feedback.codebooks.layout import PortLayout, bits_for
from feedback.compressor import NO_MEMORY
from feedback.compressors.etype2_doppler import EnhancedType2Doppler
from feedback.conformance.candidate import delivered
from feedback.observation import CsiDimensions
from feedback.plugin_file import build_compressor
from tests.feedback.test_codebook_compressors import csi_of, made, sizes
from tests.feedback.test_enhanced_type2 import full_report

PERIOD_S = 2e-3
SIZES = replace(sizes(4, 2), report_period_s=PERIOD_S)


def doppler(dimensions: CsiDimensions = SIZES, **keys: Any) -> EnhancedType2Doppler:
    section = EnhancedType2Doppler.Parameters.model_validate({"name": "etype2_doppler", **keys})
    built = build_compressor(section, dimensions)
    assert isinstance(built, EnhancedType2Doppler)
    return built


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
@pytest.mark.parametrize("n_intervals", [1, 2, 4, 8])
@pytest.mark.parametrize("combination", [1, 2, 5, 7])
def test_size_of_the_longest_report(combination: int, n_intervals: int, rank: int) -> None:
    """As enhanced Type II with Q times the bitmap and coefficients, and lg(N4 - 1) bits a layer for the other shift."""
    plan = EnhancedType2Plan(PortLayout(8, 2), 13, rank, combination, predicted=True, n_intervals=n_intervals)
    beams, q = (2, 2, 4, 4)[(1, 2, 5, 7).index(combination)], 1 if n_intervals == 1 else 2
    beta = {1: 1 / 4, 2: 1 / 2, 5: 1 / 2, 7: 1 / 2}[combination]
    taps = {1: (2, 2, 1, 1), 2: (4, 4, 2, 2), 5: (4, 4, 4, 4), 7: (7, 7, 4, 4)}[combination]
    m = taps[rank - 1]
    most = math.ceil(beta * 2 * beams * taps[0] * q) * min(rank, 2)
    strongest = (most - 1).bit_length() if rank == 1 else rank * (2 * beams * q - 1).bit_length()
    layer = 4 + (math.comb(12, m - 1) - 1).bit_length() + (max(n_intervals - 2, 0)).bit_length() + 2 * beams * m * q
    expected = 4 + (math.comb(16, beams) - 1).bit_length() + strongest + rank * layer + 7 * (most - rank)
    assert longest_part2(plan) == expected
    _, lengths, _ = write(plan, full_report(plan))
    assert lengths.tolist() == [expected]


def test_the_first_shift_goes_before_the_second() -> None:
    """Priority 2 L nu M tau + 2 L nu f + nu i + l: what a short link drops first is of the second shift."""
    plan = EnhancedType2Plan(PortLayout(4, 2), 13, 1, 5, predicted=True, n_intervals=4)
    report = full_report(plan)
    still = torch.zeros_like(report.present)
    still[..., :8] = True
    # All of the first shift, 32, and nothing of the second: the bitmap ends in 32 zeros, of which 16 are in group 2.
    first = replace(report, present=still, strongest=torch.zeros_like(report.strongest))
    bits, lengths, groups = write(plan, first)
    end = int(lengths[0])
    assert not bits[0, end - 16 : end].any()
    assert int(groups.group2) == 16 + 7 * 16


def moving(first: tuple[int, int], second: tuple[int, int], turns: float, at: float) -> Tensor:
    """Two rays on orthogonal beams, the other turning with time: ``[1, 52, 1, 16]``, ``at`` report periods."""
    rays = []
    for (along_columns, along_rows), phase in ((first, 0.0), (second, 2 * math.pi * turns * at)):
        along = torch.exp(2j * torch.pi * along_columns * torch.arange(4, dtype=torch.float64) / 16)
        up = torch.exp(2j * torch.pi * along_rows * torch.arange(2, dtype=torch.float64) / 8)
        beam = (up[:, None] * along).flatten()
        rays.append(torch.cat([beam, beam]) * math.cos(phase) + 1j * torch.cat([beam, beam]) * math.sin(phase))
    return (rays[0] + rays[1] / 2).conj().expand(1, 52, 1, 16).to(torch.complex64)


def similarity(compressor: Any, turns: float, delay: float, occasions: int = 6) -> float:
    """Squared cosine of the precoder of the last of some reports with the channel ``delay`` periods later."""
    memory = NO_MEMORY
    for occasion in range(occasions):
        response = moving((0, 0), (4, 0), turns, float(occasion))
        csi = response.transpose(1, 2) if compressor.takes == "estimate" else csi_of(compressor, response)
        sent, memory = compressor.report(csi, memory)
    rebuilt = compressor.decode(delivered(sent))[0, 0]
    true = moving((0, 0), (4, 0), turns, occasions - 1 + delay)[0, 0, 0].conj()
    return float(((rebuilt.conj() @ true).abs().square() / true.norm() ** 2).mean())


@pytest.mark.parametrize(("n_intervals", "turn"), [(2, 1), (4, 1), (4, 2), (8, 3)])
def test_a_doppler_shift_on_the_grid_is_exact_at_first_middle_and_last_instant(n_intervals: int, turn: int) -> None:
    for instant in sorted({0, n_intervals // 2, n_intervals - 1}):
        known = replace(SIZES, delay_s=instant * PERIOD_S)
        found = similarity(doppler(known, n_intervals=n_intervals), turn / n_intervals, instant)
        # The amplitudes are 1 and 1/2, and the phases 0 and quarters of a turn but for the estimate's rounding; eighths
        # of a turn lie on the table of 16 phases, too.
        assert found == pytest.approx(1, abs=1e-5)


def test_what_prediction_is_worth() -> None:
    """A quarter of a turn a period, three periods on: the still report is wrong by three quarters of a turn."""
    known = replace(SIZES, delay_s=3 * PERIOD_S)
    # |1 + e^{j 3 pi / 2} / 4|^2 / (5/4)^2 of amplitudes 1 and 1/2.
    held = (1 + 1 / 16) / (1 + 1 / 4) ** 2
    for still in (made("etype2", known, param_combination=4), doppler(known, n_intervals=1)):
        assert similarity(still, 0.25, 3) == pytest.approx(held, abs=1e-5)
    assert similarity(doppler(known), 0.25, 3) == pytest.approx(1, abs=1e-5)
    # As little is known from two occasions as from one.
    assert similarity(doppler(known), 0.25, 3, occasions=2) == pytest.approx(held, abs=1e-5)


def test_a_ue_expects_the_channel_that_it_will_have() -> None:
    """What its CQI is made for: the path that turns is known from its past, at any port."""
    compressor = doppler(replace(SIZES, delay_s=3 * PERIOD_S))
    memory = NO_MEMORY
    assert made("etype2", SIZES, param_combination=4).expected_change(memory) is None
    for occasion in range(6):
        now = moving((1, 1), (5, 0), 0.25, float(occasion))
        _, memory = compressor.report(now.transpose(1, 2), memory)
    change = compressor.expected_change(memory)
    assert change is not None
    later = moving((1, 1), (5, 0), 0.25, 8.0).transpose(1, 2)
    torch.testing.assert_close(now.transpose(1, 2) + change, later, rtol=0, atol=1e-3)
    assert (later - now.transpose(1, 2)).abs().max() > 0.5


def test_a_delay_beyond_the_last_instant_takes_that() -> None:
    assert doppler(replace(SIZES, delay_s=1.0)).instant == 3
    assert doppler(replace(SIZES, delay_s=3.1e-3)).instant == 2
    assert doppler(replace(SIZES, delay_s=3.1e-3), interval_s=1e-3).instant == 3
    assert doppler(replace(sizes(4, 2), delay_s=3.1e-3)).instant == 0


# Rel-18 combinations beside the Rel-16 ones of the same beams, taps and coefficients.
@pytest.mark.parametrize(("combination", "other"), [(2, 2), (3, 3), (5, 4), (6, 5), (7, 6)])
def test_one_interval_is_enhanced_type2(combination: int, other: int) -> None:
    response = torch.randn(5, 52, 1, 16, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    here, there = doppler(n_intervals=1, param_combination=combination), made("etype2", SIZES, param_combination=other)
    assert here.length == there.length
    csi = response.transpose(1, 2)
    plan = here.codebooks[1].plan  # type: ignore[attr-defined]
    seen, _ = here.seen(csi[..., here._ports], NO_MEMORY)
    for name, value in vars(select(plan, seen.targets(1))).items():
        expected = getattr(select(there.codebooks[1].plan, seen.targets(1)), name)  # type: ignore[attr-defined]
        assert value is None or torch.equal(value, expected), name


@pytest.mark.parametrize("n_intervals", [2, 4, 8])
def test_a_still_channel_is_enhanced_type2_at_every_instant(n_intervals: int) -> None:
    """Combination 4 has with two shifts as many coefficients as combination 4 of Rel-16, and needs but one shift."""
    generator = torch.Generator().manual_seed(2)
    target = torch.randn(6, 13, 16, 1, dtype=torch.complex128, generator=generator)
    target = target / target.norm(dim=2, keepdim=True)
    plan = EnhancedType2Plan(PortLayout(4, 2), 13, 1, 4, predicted=True, n_intervals=n_intervals)
    other = EnhancedType2Plan(PortLayout(4, 2), 13, 1, 4)
    assert plan.most_per_layer == other.most_per_layer
    report = select(plan, target.repeat(1, n_intervals, 1, 1))
    expected = precoder(other, select(other, target))
    for instant in range(n_intervals):
        apart = (precoder(plan, report, instant) - expected).abs().amax((1, 2, 3))
        # A sum over the instants in another order may move an amplitude or phase over the border of its cell.
        assert (apart < 1e-9).sum() >= 5


@pytest.mark.parametrize("n_intervals", [2, 4, 8])
@pytest.mark.parametrize("rank", [1, 2])
def test_a_report_selects_itself(n_intervals: int, rank: int) -> None:
    """The precoders of a report of one tap and one shift for each beam and polarisation are reported exactly."""
    plan = EnhancedType2Plan(PortLayout(8, 2), 13, rank, 5, predicted=True, n_intervals=n_intervals)
    n = plan.n_taps * plan.width
    present = torch.zeros(1, rank, plan.n_taps, plan.width, dtype=torch.bool)
    amplitude, phase = (torch.zeros(1, rank, plan.n_taps, plan.width, dtype=torch.int64) for _ in range(2))
    entries = ((0, 0, 7, 0), (1, 1 + 8, 6, 3), (2, 3 + 8, 5, 9), (0, 6, 6, 12), (3, 7 + 8, 5, 5))
    for layer in range(rank):
        for tap, index, k2, c in entries:
            present[0, layer, tap, index] = True
            amplitude[0, layer, tap, index], phase[0, layer, tap, index] = k2, c
    report = EnhancedType2Report(
        rotation=torch.tensor([2]),
        beams=torch.tensor([[1, 4, 6, 11]]),
        taps=torch.tensor([[[0, 2, 5, 11]] * rank]),
        window=torch.tensor([0]),
        strongest=torch.zeros(1, rank, dtype=torch.int64),
        reference=torch.full((1, rank), 15),
        present=present,
        amplitude=amplitude,
        phase=phase,
        shift=torch.full((1, rank), n_intervals - 1),
    )
    assert n >= len(entries)
    instants = [precoder(plan, report, instant) for instant in range(n_intervals)]
    target = torch.cat(instants, dim=1) * math.sqrt(rank)
    found = select(plan, target, refinements=0)
    for instant, expected in enumerate(instants):
        cosine = (precoder(plan, found, instant).conj() * expected).sum(2).abs() * rank
        assert (cosine - 1).abs().max() < 1e-9
    assert found.shift is not None
    assert torch.equal(found.shift, report.shift)
    assert torch.equal(found.present, report.present)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"n_intervals": 3}, "n_intervals"),
        ({"param_combination": 10}, "param_combination"),
        ({"param_combination": 8}, "param_combination: got 8 with 16 ports"),
        ({"interval_s": 0}, "interval_s"),
    ],
)
def test_wrong_keys(keys: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        doppler(**keys)
    assert bits_for(1) == 0
