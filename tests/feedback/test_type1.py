"""Type I codebook against golden vectors, bit tables and closed forms."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from feedback.codebooks.layout import SUPPORTED, PortLayout
from feedback.codebooks.targets import squared_cosines
from feedback.codebooks.type1 import Type1Report, precoder
from feedback.codebooks.type1_plan import Type1Plan
from feedback.codebooks.type1_selection import read, select, write

GOLDEN = Path(__file__).resolve().parents[3] / "shared/data/codebook_golden.json"
PLANS = [
    Type1Plan(PortLayout(*ports), 3, rank, mode)
    for ports in SUPPORTED
    for rank in (1, 2, 3, 4)
    for mode in (1, 2)
    if ports != (1, 1) or (rank <= 2 and mode == 1)
]


def golden() -> list[dict[str, Any]]:
    vectors = json.loads(GOLDEN.read_text())["vectors"] if GOLDEN.exists() else []
    return [vector for vector in vectors if vector["codebook"] == "typeI-SinglePanel"]


@pytest.mark.parametrize("vector", golden(), ids=lambda vector: vector["name"])
def test_golden_precoders(vector: dict[str, Any]) -> None:
    plan = Type1Plan(PortLayout(*vector["N1N2"]), 1, vector["rank"], vector["mode"])
    one = [torch.tensor([vector[name] or 0]) for name in ("i11", "i12", "i13")]
    report = Type1Report(*one, torch.tensor([[vector["i2"]]]))
    expected = torch.view_as_complex(torch.tensor(vector["W_ports_by_layers_re_im"], dtype=torch.float64))
    assert (precoder(plan, report)[0, 0] - expected).abs().max() < 2e-9


def random_report(plan: Type1Plan, batch: int) -> Type1Report:
    generator = torch.Generator().manual_seed(1)

    def integers(high: int, *shape: int) -> Tensor:
        return torch.randint(high, (batch, *shape), generator=generator)

    group = 4 if plan.grouped else 1
    fields = (integers(plan.n_first), integers(plan.n_second), integers(len(plan.offsets)))
    return Type1Report(*fields, integers(plan.n_cophases * group, plan.n_units))


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_columns_are_orthogonal_and_bits_hold_the_report(plan: Type1Plan) -> None:
    report = random_report(plan, 20)
    weights = precoder(plan, report)
    identity = torch.eye(plan.rank, dtype=torch.complex128) / plan.rank
    assert (weights.mH @ weights - identity).abs().max() < 1e-12
    assert (weights.abs() - 1 / math.sqrt(plan.rank * plan.layout.ports)).abs().max() < 1e-12
    bits = write(plan, report)
    assert bits.shape[1] == plan.bits
    found, valid = read(plan, bits)
    assert valid.all()
    for name, value in vars(report).items():
        assert torch.equal(getattr(found, name), value), name


# PMI bits at 13 subbands (1 for wideband): rank 1 mode 1 wideband, rank 1 and 2 in modes 1 and 2, ranks 3 and 4.
SIZES = {(8, 2): (10, 34, 58, 23, 47, 22), (4, 4): (10, 34, 58, 23, 47, 22), (16, 1): (8, 32, 57, 21, 46, 20)}


@pytest.mark.parametrize(("ports", "sizes"), SIZES.items())
def test_sizes(ports: tuple[int, int], sizes: tuple[int, ...]) -> None:
    layout = PortLayout(*ports)
    found = (
        Type1Plan(layout, 1).bits,
        Type1Plan(layout, 13).bits,
        Type1Plan(layout, 13, 1, 2).bits,
        Type1Plan(layout, 13, 2).bits,
        Type1Plan(layout, 13, 2, 2).bits,
        Type1Plan(layout, 13, 3).bits,
    )
    assert found == sizes
    assert Type1Plan(layout, 13, 4, 2).bits == sizes[-1]


def covariance_of(vector: Tensor) -> Tensor:
    return (vector[..., None] * vector[..., None, :].conj())[:, None]


@pytest.mark.parametrize("mode", [1, 2])
@pytest.mark.parametrize("ports", [(2, 1), (4, 2), (8, 2), (16, 1)])
def test_a_ray_on_the_grid_is_found(ports: tuple[int, int], mode: int) -> None:
    plan = Type1Plan(PortLayout(*ports), 1, 1, mode)
    report = random_report(plan, 30)
    weights = precoder(plan, report)[:, 0, :, 0]
    found = select(plan, covariance_of(weights))
    assert squared_cosines(precoder(plan, found), weights[:, None, :, None]).min() > 1 - 1e-12
    if mode == 1:
        for name, value in vars(report).items():
            assert torch.equal(getattr(found, name), value), name


def test_losses_of_cophase_and_grid() -> None:
    """Half a co-phase step costs cos^2(22.5 deg); half a grid step of 8 x 2 ports leaves .914232."""
    plan = Type1Plan(PortLayout(8, 2), 1)
    beam = plan.layout.beams()[5, 3]
    cophased = torch.cat([beam, beam * torch.exp(torch.tensor(1j * math.pi / 4))])[None]
    found = precoder(plan, select(plan, covariance_of(cophased)))
    assert squared_cosines(found, cophased[:, None, :, None]).item() == pytest.approx(
        math.cos(math.pi / 8) ** 2, abs=1e-9
    )
    first = torch.exp(2j * math.pi * 5.5 * torch.arange(8, dtype=torch.float64) / 32)
    second = torch.exp(2j * math.pi * 3.5 * torch.arange(2, dtype=torch.float64) / 8)
    between = (first[:, None] * second).flatten().repeat(2)[None]
    found = precoder(plan, select(plan, covariance_of(between)))
    assert squared_cosines(found, between[:, None, :, None]).item() == pytest.approx(0.914232, abs=1e-6)


@pytest.mark.parametrize("plan", [p for p in PLANS if p.layout.ports in (2, 4, 8, 16)][::3], ids=str)
def test_the_search_finds_the_best_report(plan: Type1Plan) -> None:
    """Against every report of the codebook, one subband at a time."""
    if plan.layout.ports == 16 and plan.rank == 2:
        return
    single = Type1Plan(plan.layout, 1, plan.rank, plan.mode)
    generator = torch.Generator().manual_seed(4)
    channel = torch.view_as_complex(torch.randn(2, 4, plan.layout.ports, 2, generator=generator, dtype=torch.float64))
    covariance = (channel.mH @ channel)[:, None]
    found = precoder(single, select(single, covariance))[:, 0]
    group = 4 if single.grouped else 1
    axes = (single.n_first, single.n_second, len(single.offsets), single.n_cophases * group)
    grid = torch.cartesian_prod(*(torch.arange(size) for size in axes))
    everything = precoder(single, Type1Report(grid[:, 0], grid[:, 1], grid[:, 2], grid[:, 3:]))[:, 0]

    def score(weights: Tensor, r: Tensor) -> Tensor:
        noise = 0.1 * r.diagonal(dim1=-2, dim2=-1).real.mean()
        gram = weights.mH @ r @ weights / noise
        return torch.linalg.det(torch.eye(single.rank) + gram).real if single.rank > 1 else gram.real.flatten()

    for number in range(2):
        r = covariance[number, 0]
        assert score(found[number : number + 1], r) >= score(everything, r).max() * (1 - 1e-8)
