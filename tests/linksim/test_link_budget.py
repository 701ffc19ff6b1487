"""Link budget: SNR of each UE from the formula, what becomes of it in every stage, and what is refused."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, ChannelBatch, OfdmGrid, Snapshots
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.chain.chain import Chain
from linksim.chain.front_end import FrontEnd
from linksim.chain.random_streams import report_draw
from linksim.errors import InputError
from linksim.link_budget.parameters import LinkBudgetParameters
from linksim.link_budget.ue_snr import beside, ue_snr
from linksim.metrics.layers import best_layers, sum_rate
from linksim.metrics.outcome import LinkOutcome
from linksim.multi_user.parameters import MultiUserParameters
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.file import validate_scenario
from linksim.scenario.sources import source_of
from linksim.scenario.sweep import axis_values, points_of
from linksim.statistics.accumulators import QuantileAccumulator
from linksim.statistics.quantile_accumulator import _ranks
from tests.linksim.made_up_outcome import BATCH, SNR, estimate_of, made_up_outcome, value_of

CPU = torch.device("cpu")
CELL: dict[str, Any] = {
    "name": "cell",
    "device": "cpu",
    "channel": {"source": "sionna", "model": "UMa", "n_subcarriers": 32, "n_columns": 2, "distance_m": [35, 500]},
    "link_budget": {"transmit_power_dbm": 40, "noise_figure_db": 9},
    "transform": {"n_delay": 8},
    "compressors": [{"name": "topk"}],
    "metrics": ["ue_snr_db", "rate_bps_hz", "rate_p5_bps_hz", "estimation_nmse_db"],
    "monte_carlo": {"samples": 50},
}


def test_snr_of_a_ue_is_that_of_the_formula() -> None:
    """46 dBm, 10 MHz, 9 dB: noise of -174 + 70 + 9 = -95 dBm; at a gain of -120 dB the SNR is 46 - 120 + 95 = 21 dB."""
    budget = LinkBudgetParameters(transmit_power_dbm=46, noise_figure_db=9)
    assert budget.noise_dbm(10e6) == pytest.approx(-95)
    gains = torch.tensor([-120.0, -141.0])
    snr = ue_snr(budget, 10e6, gains, torch.zeros(2))
    assert (10 * snr.double().log10()).tolist() == pytest.approx([21, 0], abs=1e-5)
    # Other cells of the same power as the noise, 21 dB below the own cell, halve the first UE's ratio.
    beside_cells = ue_snr(budget.model_copy(update={"geometry_db": 21.0}), 10e6, gains, torch.zeros(2))
    assert float(beside_cells[0] / snr[0]) == pytest.approx(0.5, rel=1e-5)
    # A spread of 4 dB moves a UE of the draw 1.5 by 6 dB; noise is negligible next to it.
    strong = budget.model_copy(update={"transmit_power_dbm": 120.0, "geometry_db": (3.0, 4.0)})
    drawn = ue_snr(strong, 10e6, gains[:1], torch.tensor([1.5]))
    assert 10 * math.log10(float(drawn)) == pytest.approx(9, abs=1e-4)


def test_a_link_of_one_antenna_each_has_shannons_rate_of_its_own_snr() -> None:
    """A flat channel of one entry of modulus 1: log2(1 + SNR) of every UE."""
    transform = AngularDelayTransform(OfdmGrid(8, 10e6, 2e9), ArrayShape(1, 1, 1), 8)
    response = torch.polar(torch.ones(5, 8, 1), torch.arange(5.0)[:, None, None].expand(5, 8, 1))
    snr = torch.tensor([0.01, 0.5, 1.0, 30.0, 1e6])
    outcome = replace(made_up_outcome(), transform=transform, snr=snr, csi_true=transform.truncate(response))
    outcome = replace(outcome, response_report=response, response_use=response, response_estimated=response)
    known = outcome.with_report(outcome.csi_true, bits=1, overhead=None)
    expected = [math.log2(1 + float(one)) for one in snr]
    for rates in (known.rate, known.rate_perfect, known.sum_rate, known.sum_rate_perfect):
        assert rates.tolist() == pytest.approx(expected, rel=1e-5)
    assert known.sinr[0][:, 0, 0].tolist() == pytest.approx(snr.tolist(), rel=1e-5)


def one_snr(outcome: LinkOutcome, snr: Tensor, take: Callable[[LinkOutcome], Tensor]) -> Tensor:
    """What each sample would have if its SNR was that of all."""
    return torch.stack([take(replace(outcome, snr=float(own)))[place] for place, own in enumerate(snr)])


TAKEN: dict[str, Callable[[LinkOutcome], Tensor]] = {
    "rate": lambda outcome: outcome.rate,
    "rate_perfect": lambda outcome: outcome.rate_perfect,
    "sum_rate": lambda outcome: outcome.sum_rate,
    "throughput": lambda outcome: outcome.transmission.throughput,
    "throughput_perfect": lambda outcome: outcome.transmission_perfect.throughput,
    "best_cqi": lambda outcome: outcome.best_cqi,
}


@pytest.mark.parametrize("name", TAKEN)
def test_every_quantity_is_that_of_the_samples_own_snr(name: str) -> None:
    outcome, snr = made_up_outcome(), torch.logspace(-1, 2, BATCH)
    found = TAKEN[name](replace(outcome, snr=snr))
    torch.testing.assert_close(found, one_snr(outcome, snr, TAKEN[name]), rtol=1e-5, atol=1e-7)


def test_some_samples_keep_their_own_snr() -> None:
    kept = torch.arange(BATCH) % 2 == 0
    outcome = replace(made_up_outcome(), snr=torch.logspace(-1, 2, BATCH))
    assert torch.equal(outcome.only(kept).rate, outcome.rate[kept])
    assert made_up_outcome().only(kept).snr == SNR


def test_equal_snrs_of_all_ues_change_nothing_for_users_of_a_cell() -> None:
    outcome = replace(made_up_outcome(), multi_user=MultiUserParameters(users=3))
    each = replace(outcome, snr=torch.full((BATCH,), SNR))
    assert torch.equal(outcome.user_rates, each.user_rates)
    layers = best_layers(outcome.true_use.directions, SNR)
    rates = [sum_rate(outcome.true_use.matrices, layers, outcome.true_use.bands, snr) for snr in (SNR, each.snr)]
    torch.testing.assert_close(*rates, rtol=1e-6, atol=0)


def test_snr_of_a_ue_in_decibels() -> None:
    snr_db = torch.linspace(-10, 30, BATCH, dtype=torch.float64)
    outcome = replace(made_up_outcome(), snr=(10 ** (snr_db / 10)).float())
    assert value_of("ue_snr_db", outcome) == pytest.approx(10, abs=1e-5)
    assert value_of("ue_snr_db", made_up_outcome()) == pytest.approx(10 * math.log10(SNR))
    assert beside(3.0, 4) == 3.0
    assert beside(torch.ones(2), 3).shape == (2, 1, 1)


def test_pilots_of_each_ue_have_its_own_snr() -> None:
    """Least squares of a full pilot matrix leaves an error of 1 / SNR, whatever the other UEs have."""
    scenario = validate_scenario(CELL | {"estimation": {"name": "ls"}}, "x")
    chain = chain_of(scenario)
    response = torch.zeros(3, 32, 2, dtype=torch.complex64)
    snr = torch.tensor([0.1, 1.0, 100.0])
    error = chain.front_end.estimate(response, snr, 7, 0).abs().double().square().mean((1, 2)) * snr
    # Of 64 exponential variables each: standard error 1 / 8.
    assert error.tolist() == pytest.approx([1, 1, 1], abs=0.5)
    alone = chain.front_end.estimate(response[1:2], snr[1:2], 8, 0)
    assert torch.equal(alone[0], chain.front_end.estimate(response, snr, 7, 0)[1])
    of_all = chain.front_end.estimate(response, 1.0, 7, 0)
    torch.testing.assert_close(of_all[1], alone[0])
    fixed = validate_scenario(CELL | {"estimation": {"name": "ls", "snr_db": 20}}, "x")
    front_end = FrontEnd(fixed, chain.transform, chain.estimator, CPU)
    assert torch.equal(front_end.estimate(response, snr, 7, 0), front_end.estimate(response, 5.0, 7, 0))


def chain_of(scenario: Any) -> Chain:
    return Chain(scenario, source_of(scenario), {}, CPU)


@pytest.mark.parametrize("geometry_db", [None, 5.0, [5.0, 3.0]])
def test_the_chain_has_the_snr_of_gain_power_and_other_cells(geometry_db: Any) -> None:
    scenario = validate_scenario(CELL | {"link_budget": {"transmit_power_dbm": 40, "geometry_db": geometry_db}}, "x")
    batch = source_of(scenario).read("test", 0, 20, Snapshots())
    assert batch.coupling_gain_db is not None
    found = chain_of(scenario).measure(batch, 0)[NO_COMPRESSOR, "ue_snr_db"].estimate()
    noise_dbm = -174 + 10 * math.log10(20e6) + 9
    ratio = 10 ** (-(40 + batch.coupling_gain_db.double() - noise_dbm) / 10)
    if geometry_db is not None:
        mean, spread = geometry_db if isinstance(geometry_db, list) else (geometry_db, 0)
        draws = report_draw(scenario.seed, "geometry", 0, 20, 0, CPU)((1,))[:, 0].double()
        ratio = ratio + 10 ** (-(mean + spread * draws) / 10)
    assert found is not None
    assert found.value == pytest.approx(float(-10 * ratio.log10().mean()), abs=1e-5)


def test_a_batch_without_path_loss_is_refused_in_a_line() -> None:
    scenario = validate_scenario(CELL, "x")
    batch = source_of(scenario).read("test", 0, 2, Snapshots())
    with pytest.raises(InputError, match=r"^link_budget: got channels of sionna without path loss$"):
        chain_of(scenario).measure(ChannelBatch(batch.response), 0)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"channel": {"source": "cost2100"}}, r"link_budget: got channels of 'cost2100' without path loss, expected"),
        ({"channel": {"source": "sionna", "model": "CDL-C"}}, r"link_budget: got channels of 'sionna' without path"),
        ({"snr_db": 5}, r"snr_db: got 5 beside link_budget, expected one of the two"),
        ({"sweeps": {"x": {"snr_db": [0, 10]}}}, r"sweeps\.x: got snr_db beside link_budget, expected another axis"),
        ({"sweeps": {"x": {"snr_db, compression_ratio": [[0, 4]]}}}, r"sweeps\.x: got snr_db beside link_budget"),
        ({"link_budget": {}}, r"link_budget\.transmit_power_dbm"),
        ({"link_budget": {"transmit_power_dbm": 40, "geometry_db": [1, -1]}}, r"link_budget\.geometry_db"),
    ],
)
def test_what_has_no_link_budget_is_refused(change: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        validate_scenario(CELL | change, "x")


def test_a_part_of_a_batch_has_its_own_gains() -> None:
    """As the example of a report, which is the first sample with energy, needs it."""
    scenario = validate_scenario(CELL, "x")
    batch = source_of(scenario).read("test", 0, 3, Snapshots())
    part, gain_db = batch.only(slice(1, 2)), batch.coupling_gain_db
    assert gain_db is not None
    assert part.coupling_gain_db is not None
    assert torch.equal(part.coupling_gain_db, gain_db[1:2])
    assert torch.equal(part.response, batch.response[1:2])
    estimate = chain_of(scenario).measure(part, 1)[NO_COMPRESSOR, "ue_snr_db"].estimate()
    assert estimate is not None
    assert estimate.n == 1


def test_points_over_the_power_say_no_snr_of_all() -> None:
    swept = {"sweeps": {"power": {"link_budget.transmit_power_dbm": [30, 46]}}}
    points = points_of(validate_scenario(CELL | swept, "x"))
    assert [point.scenario.link_budget.transmit_power_dbm for point in points if point.scenario.link_budget] == [30, 46]
    assert axis_values(points[0].scenario)["snr_db"] is None


def test_a_percentile_has_an_interval_of_order_statistics() -> None:
    """The interval covers in at least 95 % of trials, and no more than ties of a binomial variable explain."""
    rng, n, share = np.random.default_rng(3), 200, 0.05
    truth, covered = math.log(1 / (1 - share)), 0
    for _ in range(400):
        accumulator = QuantileAccumulator("x", share=share)
        accumulator.update(rng.exponential(size=n))
        found = accumulator.estimate()
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.value <= found.high
        covered += found.low <= truth <= found.high
    low, high = _ranks(n, share) or (0, 0)
    coverage = sum(math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(low, high))
    assert 0.95 <= coverage < 0.985
    assert covered / 400 == pytest.approx(coverage, abs=4 * math.sqrt(0.04 / 400))


def test_few_values_have_a_percentile_without_an_interval() -> None:
    accumulator = QuantileAccumulator("x")
    assert accumulator.estimate() is None
    accumulator.update(np.arange(71.0))
    assert (found := accumulator.estimate()) is not None
    assert (found.low, found.high, found.value) == (None, None, pytest.approx(3.5))
    # P(no value of 72 below the 5 % quantile) = 0.95^72 < 2.5 %.
    accumulator.update(np.arange(71.0, 72.0))
    assert (found := accumulator.estimate()) is not None
    assert found.low == 0


@pytest.mark.parametrize("name", ["rate", "rate_perfect", "throughput", "throughput_perfect"])
def test_edge_metrics_are_percentiles_of_their_rates(name: str) -> None:
    outcome = replace(made_up_outcome(), snr=torch.logspace(-1, 2, BATCH))
    values = TAKEN[name](outcome).numpy()
    assert estimate_of(f"{name}_p5_bps_hz", outcome).value == pytest.approx(np.percentile(values, 5))


def test_edge_metrics_of_users_are_of_those_in_cells() -> None:
    outcome = replace(made_up_outcome(), multi_user=MultiUserParameters(users=3))
    assert estimate_of("user_rate_p5_bps_hz", outcome).n == 6
    assert value_of("user_rate_perfect_p5_bps_hz", outcome) == pytest.approx(
        np.percentile(outcome.user_rates_perfect.numpy(), 5)
    )


def test_the_transform_sees_what_it_sees_without_a_budget() -> None:
    """Path loss stays apart from the response."""
    with_budget, without = validate_scenario(CELL, "x"), validate_scenario(CELL | {"link_budget": None}, "x")
    responses = [source_of(scenario).read("test", 0, 3, Snapshots()).response for scenario in (with_budget, without)]
    assert torch.equal(*responses)
