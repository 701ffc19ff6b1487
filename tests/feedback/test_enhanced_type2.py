"""Enhanced Type II codebook against golden vectors, bit tables and closed forms."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from feedback.codebooks.combinations import combination_number, combination_of
from feedback.codebooks.enhanced_type2 import EnhancedType2Report, precoder
from feedback.codebooks.enhanced_type2_bits import part1_bits, read, tap_numbers, write
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.enhanced_type2_selection import select
from feedback.codebooks.layout import PortLayout
from feedback.codebooks.targets import squared_cosines

GOLDEN = Path(__file__).resolve().parents[3] / "shared/data/codebook_golden.json"


def golden(kind: str) -> list[dict[str, Any]]:
    vectors = json.loads(GOLDEN.read_text())["vectors"] if GOLDEN.exists() else []
    return [vector for vector in vectors if vector["codebook"] == kind]


def as_report(vector: dict[str, Any], plan: EnhancedType2Plan) -> EnhancedType2Report:
    layers, width = vector["layers"], 2 * vector["L"]
    shape = (1, plan.rank, plan.n_taps, width)
    present, k2, phase = (torch.zeros(shape, dtype=torch.int64) for _ in range(3))
    for number, layer in enumerate(layers):
        present[0, number, 0, layer["i_star"]], k2[0, number, 0, layer["i_star"]] = 1, 7
        for i, f, amplitude, angle in layer["coefficients_i_f_k2_c"]:
            present[0, number, f, i], k2[0, number, f, i], phase[0, number, f, i] = 1, amplitude, angle
    return EnhancedType2Report(
        rotation=torch.tensor([vector["q1"] * plan.layout.o2 + vector["q2"]]),
        beams=torch.tensor([vector["beams_n"]]),
        taps=torch.tensor([[layer["n3"] for layer in layers]]),
        window=torch.tensor([(vector["i15"] or 2 * plan.n_taps) - 2 * plan.n_taps]),
        strongest=torch.tensor([[layer["i_star"] for layer in layers]]),
        reference=torch.tensor([[layer["k1_weaker_polarisation"] for layer in layers]]),
        present=present.bool(),
        amplitude=k2,
        phase=phase,
    )


@pytest.mark.parametrize("vector", golden("typeII-r16"), ids=lambda vector: vector["name"])
def test_golden_precoders(vector: dict[str, Any]) -> None:
    plan = EnhancedType2Plan(
        PortLayout(*vector["N1N2"]), vector["N3"], vector["rank"], vector["paramCombination"], vector["R"]
    )
    report = as_report(vector, plan)
    found = precoder(plan, report)[0]
    for unit, stored in vector["W"].items():
        # Stored with nine decimals.
        assert (found[int(unit)] - torch.view_as_complex(torch.tensor(stored, dtype=torch.float64))).abs().max() < 2e-9
    assert vector["M_v"] == plan.n_taps
    assert vector["K0"] == plan.most_per_layer
    _, lengths, groups = write(plan, report)
    assert lengths.tolist() == [vector["part2_bits"]]
    assert [int(size) for size in vars(groups).values()] == vector["group_bits"]
    assert [part1_bits(plan, 1), part1_bits(plan, 2)] == vector["part1_KNZ_bits_maxrank1_else"]
    numbers = [layer["i16"] for layer in vector["layers"]]
    assert tap_numbers(plan, report).tolist() == [numbers]


def random_report(plan: EnhancedType2Plan, batch: int, generator: torch.Generator) -> EnhancedType2Report:
    rank, m, width = plan.rank, plan.n_taps, plan.width

    def integers(high: int, *shape: int) -> Tensor:
        return torch.randint(high, (batch, *shape), generator=generator)

    layout = plan.layout
    beams = torch.rand(batch, layout.per_polarisation, generator=generator).argsort(1)[:, : plan.n_beams].sort(1).values
    window = -integers(2 * m) if plan.windowed and m > 1 else torch.zeros(batch, dtype=torch.int64)
    allowed = torch.zeros(batch, plan.n_units, dtype=torch.bool)
    for row in range(batch):
        free = range(int(window[row]), int(window[row]) + 2 * m) if plan.windowed else range(plan.n_units)
        allowed[row, [i % plan.n_units for i in free]] = True
    score = torch.rand(batch, rank, plan.n_units, generator=generator).masked_fill(~allowed[:, None], -1)
    score[..., 0] = 2
    taps = score.argsort(-1, descending=True)[..., :m].sort(-1).values
    strongest = integers(width, rank)
    chance = torch.rand(batch, rank, m * width, generator=generator)
    chance.scatter_(2, strongest[..., None], 2)
    share = plan.most_in_all // rank
    place = chance.argsort(-1, descending=True).argsort(-1)
    present = (place < 1 + integers(min(share, plan.most_per_layer), rank)[..., None]).view(batch, rank, m, width)
    is_strongest = torch.zeros_like(present)
    is_strongest[:, :, 0] = torch.arange(width) == strongest[..., None]
    k2 = torch.where(is_strongest, 7, torch.where(present, integers(8, rank, m, width), 0))
    phase = torch.where(present & ~is_strongest, integers(16, rank, m, width), 0)
    rotation, reference = integers(layout.o1 * layout.o2), 1 + integers(15, rank)
    shift = 1 + integers(plan.n_intervals - 1, rank) if plan.n_shifts > 1 else None
    return EnhancedType2Report(rotation, beams, taps, window, strongest, reference, present, k2, phase, shift)


PLANS = [
    EnhancedType2Plan(PortLayout(*ports), units, rank, combination, 2 if units == 26 else 1)
    for ports, units in (((2, 1), 13), ((4, 2), 26), ((8, 2), 13), ((16, 1), 18))
    for rank in (1, 2, 3, 4)
    for combination in range(1, 9)
    if (combination <= 2 or ports != (2, 1))
    and (combination <= 6 or (ports[0] * ports[1] == 16 and rank <= 2 and units != 26))
]

PLANS += [
    EnhancedType2Plan(PortLayout(4, 2), units, rank, combination, predicted=True, n_intervals=n_intervals)
    for units in (13, 22)
    for rank in (1, 2, 3)
    for combination in (1, 4, 7)
    for n_intervals in (1, 2, 8)
]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_bits_hold_the_report(plan: EnhancedType2Plan) -> None:
    report = random_report(plan, 8, torch.Generator().manual_seed(1))
    bits, lengths, groups = write(plan, report)
    count = report.present.flatten(1).sum(1)
    found, valid = read(plan, count, bits)
    assert valid.all()
    for name, value in vars(report).items():
        assert value is None or torch.equal(getattr(found, name), value), name
    assert torch.equal(groups.group0 + groups.group1 + groups.group2, lengths)
    columns = precoder(plan, report, plan.n_intervals - 1)
    # Units whose coefficients cancel have no direction; random ones never do exactly.
    assert (torch.linalg.vector_norm(columns, dim=2) - 1 / math.sqrt(plan.rank)).abs().max() < 1e-12


# Largest PMI sizes at (8, 2), 13 units: TS 38.212 6.3.2.1.2 evaluated for ranks 1 to 4.
LARGEST = {
    1: (62, 113, 100, 111),
    2: (91, 169, 156, 167),
    3: (111, 207, 187, 207),
    4: (168, 319, 299, 319),
    5: (225, 431, 471, 511),
    6: (279, 539, 527, 567),
    7: (243, 467),
    8: (328, 635),
}
GROUPS = (
    (13, 33, 16),
    (14, 45, 32),
    (18, 61, 32),
    (19, 85, 64),
    (20, 109, 96),
    (20, 147, 112),
    (22, 125, 96),
    (23, 161, 144),
)


@pytest.mark.parametrize(
    ("combination", "rank"), [(c, r + 1) for c, sizes in LARGEST.items() for r in range(len(sizes))]
)
def test_largest_size(combination: int, rank: int) -> None:
    plan = EnhancedType2Plan(PortLayout(8, 2), 13, rank, combination)
    report = full_report(plan)
    _, lengths, groups = write(plan, report)
    assert lengths.tolist() == [LARGEST[combination][rank - 1]]
    if rank == 1:
        assert tuple(int(size) for size in vars(groups).values()) == GROUPS[combination - 1]
        assert part1_bits(plan, 1) == (2, 3, 3, 4, 5, 5, 5, 6)[combination - 1]


def full_report(plan: EnhancedType2Plan) -> EnhancedType2Report:
    """As many coefficients as the standard allows."""
    report = random_report(plan, 1, torch.Generator().manual_seed(2))
    left = plan.most_in_all
    present = torch.zeros_like(report.present)
    for layer in range(plan.rank):
        count = min(plan.most_per_layer, left - (plan.rank - 1 - layer), present[0, layer].numel())
        flat = present[0, layer].view(-1)
        star = int(report.strongest[0, layer])
        flat[[star, *[i for i in range(len(flat)) if i != star][: count - 1]]] = True
        left -= count
    return EnhancedType2Report(**{**vars(report), "present": present})


@pytest.mark.parametrize(("total", "size"), [(8, 4), (16, 4), (16, 6), (12, 1), (5, 5), (35, 3)])
def test_combination_numbers_are_a_bijection(total: int, size: int) -> None:
    numbers = torch.arange(math.comb(total, size))
    chosen = combination_of(numbers, total, size)
    assert torch.equal(combination_number(chosen, total), numbers)
    assert (chosen.diff(dim=1) > 0).all()
    assert chosen.min() >= 0
    assert chosen.max() < total


def test_combination_numbers_of_the_standard() -> None:
    """TS 38.214 5.2.2.2.3: i12 = 0 is the last beams."""
    assert combination_of(torch.tensor([0, 23, 41, 69]), 8, 4).tolist() == [
        [4, 5, 6, 7],
        [1, 3, 4, 6],
        [0, 3, 5, 6],
        [0, 1, 2, 3],
    ]
    assert combination_of(torch.tensor(1234), 16, 4).tolist() == [1, 3, 10, 12]
    assert combination_of(torch.tensor(4321), 16, 6).tolist() == [1, 2, 9, 10, 11, 15]


@pytest.mark.parametrize(
    "plan", [p for p in PLANS if p.n_units in (13, 26) and p.layout.ports >= 8 and not p.predicted][::5], ids=str
)
def test_phases_of_the_units_do_not_matter(plan: EnhancedType2Plan) -> None:
    generator = torch.Generator().manual_seed(3)
    target = smooth_targets(plan, 4, generator)
    angle = 2 * math.pi * torch.rand(4, plan.n_units, 1, plan.rank, generator=generator, dtype=torch.float64)
    turned = target * torch.polar(torch.ones_like(angle), angle)
    first, second = select(plan, target), select(plan, turned)
    for name in ("rotation", "beams", "taps", "present"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def smooth_targets(plan: EnhancedType2Plan, batch: int, generator: torch.Generator) -> Tensor:
    taps = torch.randn(batch, 4, plan.layout.ports, plan.rank, 2, generator=generator, dtype=torch.float64)
    delays = torch.tensor([0.0, 0.7, 1.9, 3.2], dtype=torch.float64)
    turn = torch.arange(plan.n_units)[:, None] * delays / plan.n_units
    ramp = torch.polar(torch.ones_like(turn), -2 * math.pi * turn)
    return torch.linalg.qr(torch.einsum("td,bdpr->btpr", ramp, torch.view_as_complex(taps)))[0]


def test_sparse_target_is_reported_exactly() -> None:
    """One tap per beam and polarisation, amplitudes and phases on the tables: the squared cosine is 1."""
    plan = EnhancedType2Plan(PortLayout(8, 2), 13, 1, 6)
    report = random_report(plan, 1, torch.Generator().manual_seed(0))
    present = torch.zeros_like(report.present)
    k2, phase = torch.zeros_like(report.amplitude), torch.zeros_like(report.phase)
    for i, (f, amplitude, angle) in enumerate(
        [(0, 7, 0), (1, 6, 3), (2, 6, 9), (3, 4, 14), (4, 3, 5), (5, 5, 11), (6, 4, 7)]
    ):
        present[0, 0, f, i], k2[0, 0, f, i], phase[0, 0, f, i] = True, amplitude, angle
    sparse = EnhancedType2Report(
        **{
            **vars(report),
            "beams": torch.tensor([[0, 3, 5, 14]]),
            "strongest": torch.tensor([[0]]),
            "reference": torch.tensor([[13]]),
            "present": present,
            "amplitude": k2,
            "phase": phase,
        }
    )
    target = precoder(plan, sparse)
    found = select(plan, target)
    assert squared_cosines(precoder(plan, found), target).min() > 1 - 1e-9
    for name in ("rotation", "beams", "present", "phase"):
        assert torch.equal(getattr(found, name), getattr(sparse, name)), name
