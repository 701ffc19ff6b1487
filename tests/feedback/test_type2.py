"""Type II codebook (Rel-15) against a golden vector, bit tables and invariants."""

import json
import math
from pathlib import Path

import pytest
import torch

from feedback.codebooks.layout import PortLayout
from feedback.codebooks.targets import squared_cosines
from feedback.codebooks.type2 import Type2Report, precoder, select
from feedback.codebooks.type2_bits import read, write
from feedback.codebooks.type2_plan import Type2Plan

GOLDEN = Path(__file__).resolve().parents[3] / "shared/data/codebook_golden.json"
PLANS = [
    Type2Plan(PortLayout(*ports), 5, rank, beams, phases, amplitude)
    for ports in ((2, 1), (4, 2), (8, 2), (16, 1))
    for rank in (1, 2)
    for beams in (2, 3, 4)
    for phases in (4, 8)
    for amplitude in (False, True)
    if ports != (2, 1) or beams == 2
]


@pytest.mark.skipif(not GOLDEN.exists(), reason="golden vectors are not at hand")
def test_golden_precoder() -> None:
    (vector,) = [v for v in json.loads(GOLDEN.read_text())["vectors"] if v["codebook"] == "typeII"]
    plan = Type2Plan(
        PortLayout(*vector["N1N2"]), 1, vector["rank"], vector["L"], vector["N_PSK"], vector["subbandAmplitude"]
    )
    layers = vector["layers"]
    strongest = torch.tensor([[layer["i13"] for layer in layers]])
    wideband = torch.tensor([[layer["k1"] for layer in layers]])
    fine = torch.zeros_like(wideband, dtype=torch.bool)
    for number, layer in enumerate(layers):
        fine[0, number, layer["strong_reported"]] = True
    report = Type2Report(
        rotation=torch.tensor([vector["q1"] * plan.layout.o2 + vector["q2"]]),
        beams=torch.tensor([vector["beams_n"]]),
        strongest=strongest,
        wideband=wideband,
        phase=torch.tensor([[[layer["c"]] for layer in layers]]),
        subband=torch.where(fine, torch.tensor([[layer["k2"] for layer in layers]]), 1)[:, :, None],
    )
    expected = torch.view_as_complex(torch.tensor(vector["W_ports_by_layers_re_im"], dtype=torch.float64))
    assert (precoder(plan, report)[0, 0] - expected).abs().max() < 2e-9
    assert write(plan, report)[1].tolist() == [vector["pmi_bits_total"]]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_bits_hold_the_report(plan: Type2Plan) -> None:
    generator = torch.Generator().manual_seed(1)
    target = torch.randn(6, plan.n_units, plan.layout.ports, plan.rank, 2, generator=generator, dtype=torch.float64)
    report = select(plan, torch.linalg.qr(torch.view_as_complex(target))[0])
    bits, _ = write(plan, report)
    found, valid = read(plan, (report.wideband > 0).sum(-1), bits)
    assert valid.all()
    for name, value in vars(report).items():
        assert torch.equal(getattr(found, name), value), name
    norm = torch.linalg.vector_norm(precoder(plan, report), dim=2)
    assert (norm - 1 / math.sqrt(plan.rank)).abs().max() < 1e-12


# Largest PMI sizes at 13 subbands, ranks 1 and 2: TS 38.212 6.3.2.1.2 evaluated for 8 x 2 and 16 x 1 ports.
LARGEST = {
    (2, 4, False): ((100, 189), (98, 187)),
    (2, 4, True): ((139, 267), (137, 265)),
    (2, 8, True): ((178, 345), (176, 343)),
    (3, 4, False): ((162, 310), (160, 308)),
    (3, 4, True): ((201, 388), (199, 386)),
    (3, 8, False): ((227, 440), (225, 438)),
    (3, 8, True): ((240, 466), (238, 464)),
    (4, 4, True): ((286, 557), (284, 555)),
    (4, 8, False): ((312, 609), (310, 607)),
    (4, 8, True): ((351, 687), (349, 685)),
}


@pytest.mark.parametrize(("setting", "sizes"), LARGEST.items())
def test_largest_size(setting: tuple[int, int, bool], sizes: tuple[tuple[int, int], ...]) -> None:
    for ports, ranks in zip(((8, 2), (16, 1)), sizes, strict=True):
        for rank, size in enumerate(ranks, start=1):
            plan = Type2Plan(PortLayout(*ports), 13, rank, *setting)
            width = 2 * plan.n_beams
            full = Type2Report(
                rotation=torch.zeros(1, dtype=torch.int64),
                beams=torch.arange(plan.n_beams)[None],
                strongest=torch.zeros(1, rank, dtype=torch.int64),
                wideband=torch.full((1, rank, width), 7),
                phase=torch.zeros(1, rank, 13, width, dtype=torch.int64),
                subband=torch.ones(1, rank, 13, width, dtype=torch.int64),
            )
            assert write(plan, full)[1].tolist() == [size]


def test_finer_reports_come_closer() -> None:
    """More beams, phases and amplitudes never lose on average."""
    generator = torch.Generator().manual_seed(2)
    angles = 2 * math.pi * torch.rand(60, 6, 2, generator=generator, dtype=torch.float64)
    layout = PortLayout(8, 2)
    first = torch.arange(8) * angles[..., :1] / 2
    second = torch.arange(2) * angles[..., 1:]
    rays = torch.polar(torch.ones(60, 6, 8, 2, dtype=torch.float64), first[..., None] + second[..., None, :]).flatten(2)
    gains = torch.view_as_complex(torch.randn(60, 3, 6, 2, 2, generator=generator, dtype=torch.float64))
    target = torch.einsum("bkp,btkq->btqp", rays, gains).flatten(2)[..., None]
    target = target / torch.linalg.vector_norm(target, dim=2, keepdim=True)
    found = {}
    for beams, phases, amplitude in ((2, 4, False), (4, 4, False), (4, 8, False), (4, 8, True)):
        plan = Type2Plan(layout, 3, 1, beams, phases, amplitude)
        found[beams, phases, amplitude] = squared_cosines(precoder(plan, select(plan, target)), target).mean()
    assert list(found.values()) == sorted(found.values())
