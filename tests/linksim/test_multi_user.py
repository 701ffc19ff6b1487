"""Users that share a cell: closed forms of zero-forcing, limited feedback, receivers, selection, who is in a cell."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expn
from torch import Tensor

from channels.source import BLOCK_SIZE
from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.metrics.delivered import Delivery
from linksim.metrics.multi_user import MULTI_USER_METRICS
from linksim.multi_user.cells import cells
from linksim.multi_user.parameters import MultiUserParameters
from linksim.multi_user.user_rates import user_rates
from linksim.multi_user.user_selection import greedy_selection
from linksim.multi_user.zero_forcing import regularisation, zero_forcing
from linksim.precoding import unit_vectors
from linksim.preparation.dimension_check import check_points
from linksim.scenario.file import validate_scenario
from linksim.scenario.smoke import smoke
from linksim.scenario.sweep import points_of
from linksim.storage.percentiles import percentiles_of
from linksim.storage.sample_values import SampleRecorder
from linksim.subbands import subbands
from tests.linksim.direct_multi_user import direct_selection, direct_user_rates
from tests.linksim.made_up_outcome import BATCH, SNR, estimate_of, made_up_outcome, random_tensor

ALL_ZF = MultiUserParameters(precoder="zf", selection="all")
ALL_RZF = MultiUserParameters(precoder="rzf", selection="all")


def rayleigh(n_cells: int, users: int, n_tx: int, n_rx: int = 1, seed: int = 1) -> Tensor:
    """Independent complex Gaussian channels of one subcarrier, of unit power an antenna."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_cells, users, 1, n_rx, n_tx, dtype=torch.complex64, generator=generator)


def directions_of(response: Tensor) -> Tensor:
    return unit_vectors(response[..., 0, :].conj())


def ergodic_rate(snr: float, degree: int) -> float:
    r"""Mean of log2(1 + snr x) of a Gamma variable ``x`` of this degree: e^(1/snr) sum_j E_j(1/snr) / ln 2."""
    return math.exp(1 / snr) * sum(expn(j, 1 / snr) for j in range(1, degree + 1)) / math.log(2)


@pytest.mark.parametrize(("users", "n_tx"), [(4, 4), (3, 8)])
def test_zero_forcing_with_perfect_csi_has_the_closed_form_of_rayleigh_fading(users: int, n_tx: int) -> None:
    """Each user sees the power of a Gamma variable of degree ``n_tx - users + 1``, and nothing of the others."""
    snr, n_cells = 30.0, 4000
    response = rayleigh(n_cells, users, n_tx)
    rates = user_rates(response, directions_of(response), [slice(0, 1)], snr, ALL_ZF).sum(1)
    expected = users * ergodic_rate(snr / users, n_tx - users + 1)
    assert abs(float(rates.mean()) - expected) < 4 * float(rates.std()) / math.sqrt(n_cells)


def test_rate_lost_to_random_vector_quantisation_is_below_jindals_bound() -> None:
    """N. Jindal, IEEE Trans. Inf. Theory 52(11), 2006, DOI 10.1109/TIT.2006.883550, theorem 1; it falls with bits."""
    users = n_tx = 4
    snr, n_cells = 10.0, 1500
    response = rayleigh(n_cells, users, n_tx, seed=2)
    perfect = directions_of(response)
    whole = user_rates(response, perfect, [slice(0, 1)], snr, ALL_ZF)
    codebook = unit_vectors(random_tensor(n_cells * users, 1 << 8, n_tx, seed=3)).unflatten(0, (n_cells, users))
    lost = []
    for bits in (4, 8):
        words = codebook[:, :, : 1 << bits]
        nearest = torch.einsum("cknt,ckbt->cknb", perfect.conj(), words).abs().argmax(-1)[..., None]
        quantised = words.gather(2, nearest.expand(-1, -1, 1, n_tx))
        loss = (whole - user_rates(response, quantised, [slice(0, 1)], snr, ALL_ZF)).flatten()
        lost.append((float(loss.mean()), float(loss.std()) / math.sqrt(len(loss))))
        assert lost[-1][0] + 4 * lost[-1][1] < math.log2(1 + snr * 2 ** (-bits / (n_tx - 1)))
    (few, few_error), (many, many_error) = lost
    assert few - 4 * few_error > many + 4 * many_error > 8 * many_error


@pytest.mark.parametrize("n_rx", [1, 2, 3])
def test_rates_are_those_of_a_receiver_that_knows_the_interference(n_rx: int) -> None:
    snr, users, n_tx, n_sub = 20.0, 3, 4, 5
    response = random_tensor(2, users, n_sub, n_rx, n_tx, seed=4)
    directions = unit_vectors(random_tensor(2, users, n_sub, n_tx, seed=5))
    rates = user_rates(response, directions, subbands(n_sub, 2), snr, ALL_RZF).numpy()
    for cell in range(2):
        channels, known = (each[cell].numpy().astype(complex) for each in (response, directions))
        np.testing.assert_allclose(rates[cell], direct_user_rates(channels, known, snr, [0, 1, 2]), rtol=1e-5)


@pytest.mark.parametrize("decibels", [0, 100, 140, 160, 200])
@pytest.mark.parametrize("n_rx", [1, 4])
def test_a_user_who_is_alone_has_the_rate_of_its_gain_at_every_snr(decibels: float, n_rx: int) -> None:
    """Of two users of one channel the first alone is served: log2(1 + SNR ||H||^2) of a channel of rank 1."""
    snr = 10 ** (decibels / 10)
    direction = unit_vectors(random_tensor(1, 1, 1, 4, seed=6)).expand(1, 2, 1, 4)
    response = random_tensor(1, 1, 1, n_rx, 1, seed=9) * direction[..., None, :].conj()
    greedy = MultiUserParameters(precoder="zf", selection="greedy")
    rates = user_rates(response, direction, [slice(0, 1)], snr, greedy)[0].tolist()
    gain = float(response[0, 0].abs().double().square().sum())
    assert rates == pytest.approx([math.log2(1 + snr * gain), 0.0], rel=1e-5)


@pytest.mark.parametrize("n_rx", [1, 2, 4])
def test_users_of_one_channel_at_once_have_half_the_power_against_that_of_the_other(n_rx: int) -> None:
    """SINR 1 of either at any SNR that drowns the noise; a covariance of 200 dB has an inverse."""
    direction = unit_vectors(random_tensor(1, 1, 1, 4, seed=6)).expand(1, 2, 1, 4)
    response = random_tensor(1, 1, 1, n_rx, 1, seed=9) * direction[..., None, :].conj()
    for snr in (1e8, 1e20):
        rates = user_rates(response, direction, [slice(0, 1)], snr, ALL_RZF)[0].tolist()
        # Rounding counts as noise: a share of 1e-15 of the interference, of which solving may leave some 1e-2.
        assert rates == pytest.approx([1.0, 1.0], rel=2e-2)


def test_users_of_one_direction_or_not_served_break_nothing() -> None:
    same = unit_vectors(random_tensor(1, 1, 4, seed=6)).expand(1, 3, 4)
    served = torch.tensor([[True, True, False]])
    weights = zero_forcing(same, served, torch.zeros(1, 3, dtype=torch.float64))
    assert torch.equal(weights[0, 2], torch.zeros(4, dtype=torch.complex64))
    torch.testing.assert_close(torch.linalg.vector_norm(weights, dim=-1), torch.tensor([[1.0, 1.0, 0.0]]))
    snr = torch.tensor([[10.0, 1.0, 10.0]], dtype=torch.float64)
    assert regularisation(served, 4 * snr)[0].tolist() == pytest.approx([2 / 40, 2 / 4, 2 / 40])


@pytest.mark.parametrize("power", [0.5, 10.0, 1000.0])
def test_greedy_selection_is_that_of_loops(power: float) -> None:
    directions = unit_vectors(random_tensor(6, 3, 5, 4, seed=7)).to(torch.complex128)
    gram = directions.conj() @ directions.mT
    served = greedy_selection(gram, torch.full((6, 5), power, dtype=torch.float64))
    for cell in range(6):
        assert served[cell].nonzero()[:, 0].tolist() == direct_selection(gram[cell].numpy(), power)


def test_no_more_users_are_served_than_there_are_antennas() -> None:
    directions = unit_vectors(random_tensor(4, 1, 8, 3, seed=8)).to(torch.complex128)
    for power in (1e4, 1e21):
        powers = torch.full((4, 8), power, dtype=torch.float64)
        served = greedy_selection(directions.conj() @ directions.mT, powers)
        assert served.sum(1).max() <= 3


@pytest.mark.parametrize("users", [2, 4, 8, 25])
def test_a_sample_has_the_same_neighbours_whatever_the_batch(users: int) -> None:
    whole = cells(np.arange(3 * BLOCK_SIZE), users)
    parts = [cells(np.arange(first, first + BLOCK_SIZE), users) + first for first in (0, BLOCK_SIZE, 2 * BLOCK_SIZE)]
    assert torch.equal(whole, torch.cat(parts))
    assert whole.shape == (3 * (BLOCK_SIZE // users), users)


def test_a_cell_without_one_of_its_users_is_left_out() -> None:
    indices = np.delete(np.arange(12), 5)
    assert cells(indices, 4).tolist() == [[0, 1, 2, 3], [7, 8, 9, 10]]
    assert cells(np.arange(3), 4).tolist() == []


def test_metrics_are_sums_over_cells_and_rates_of_their_users() -> None:
    """Of 7 samples, 6 are in cells of 3; the others have no value."""
    outcome = replace(made_up_outcome(), multi_user=MultiUserParameters(users=3))
    assert outcome.user_rates.shape == (2, 3)
    cell, user = estimate_of("cell_rate_bps_hz", outcome), estimate_of("user_rate_bps_hz", outcome)
    assert (cell.n, user.n) == (2, 6)
    assert cell.value == pytest.approx(3 * user.value)
    assert cell.value < estimate_of("cell_rate_perfect_bps_hz", outcome).value


def test_perfect_reports_have_the_rate_of_perfect_csi() -> None:
    outcome = made_up_outcome(moving=False)
    whole = replace(outcome, multi_user=MultiUserParameters(users=2), snr=SNR)
    known = whole.with_report(whole.csi_true, bits=1, overhead=None)
    # Truncated matrices are not whole channels: those of the response itself are.
    known.__dict__["known_use"] = whole.true_use
    assert torch.equal(known.user_rates, whole.user_rates_perfect)


def test_a_lost_report_is_counted_once_for_its_cell() -> None:
    lost = torch.arange(BATCH) < 2
    outcome = replace(
        made_up_outcome(), multi_user=MultiUserParameters(users=3), delivery=Delivery(lost, ~lost & False)
    )
    for name, expected in (("cell_rate_bps_hz", 1), ("user_rate_bps_hz", 2)):
        metric = METRICS.get_class(name)()
        accumulator = metric.accumulator()
        metric.update(accumulator, outcome)
        assert accumulator.lost == expected


def test_percentiles_are_those_of_the_samples_that_have_a_value() -> None:
    outcome = replace(made_up_outcome(), multi_user=MultiUserParameters(users=3))
    metric = METRICS.get_class("user_rate_bps_hz")()
    accumulator, recorder = metric.accumulator(), SampleRecorder()
    recorder.mark(outcome.response_report)
    recorder.add("x", "user_rate_bps_hz", metric.update(accumulator, outcome))
    key = ("x", "user_rate_bps_hz")
    found = percentiles_of(recorder.recorded(), {key: accumulator})[key]
    assert found["p5"] == pytest.approx(np.percentile(outcome.user_rates.numpy(), 5))


def test_more_users_than_antennas_need_a_selection() -> None:
    MultiUserParameters(users=8, precoder="zf").check(4, 8)
    MultiUserParameters(users=8, selection="all").check(4, 8)
    with pytest.raises(InputError, match=r"multi_user\.users: got 8, expected at most 4"):
        MultiUserParameters(users=8, precoder="zf", selection="all").check(4, 8)


def test_a_point_without_a_whole_cell_is_refused_and_a_smoke_run_has_one_of_any_size(tiny: dict[str, Any]) -> None:
    """Otherwise the metrics would just be missing from the results."""
    cells_asked = tiny | {"metrics": ["cell_rate_bps_hz"], "multi_user": {"users": 25}, "sweeps": {}}
    few = validate_scenario(cells_asked | {"monte_carlo": {"samples": 24}}, "x")
    with pytest.raises(InputError, match=r"^monte_carlo\.samples: got 24, expected at least 25, the users of a cell"):
        check_points(points_of(few))
    check_points(points_of(smoke(few, "zoo")))
    check_points(points_of(validate_scenario(tiny | {"monte_carlo": {"samples": 3}, "sweeps": {}}, "x")))


def test_metrics_of_cells_are_all_on_request() -> None:
    assert all(METRICS.get_class(name).on_request for name in MULTI_USER_METRICS)
