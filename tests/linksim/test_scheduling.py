"""Users of unequal strength: regularised beams, selection by weights, and proportionally fair turns."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from linksim.chain.channel_quality import CqiChoice
from linksim.errors import InputError
from linksim.link_adaptation.adaptation import LinkAdaptation
from linksim.link_adaptation.parameters import LinkAdaptationParameters
from linksim.multi_user.parameters import MultiUserParameters
from linksim.multi_user.scheduling import fair_rates
from linksim.multi_user.user_rates import user_rates
from linksim.multi_user.user_selection import expected_rates, greedy_selection
from linksim.multi_user.zero_forcing import regularisation, zero_forcing
from linksim.precoding import unit_vectors
from linksim.scenario.file import validate_scenario
from tests.linksim.made_up_outcome import made_up_outcome, random_tensor

BAND = [slice(0, 1)]
FAIR = MultiUserParameters(precoder="zf", scheduling="proportional_fair", slots=40)
GREEDY = MultiUserParameters(precoder="zf")


def test_regularised_beams_of_unequal_users_are_those_of_their_channels() -> None:
    """W = H^H (H H^H + K I)^-1 of rows sqrt(SNR_k g) d_k^H, columns scaled, whatever way it is written."""
    users, n_tx, snr = 3, 4, torch.tensor([0.1, 3.0, 50.0], dtype=torch.float64)
    directions = unit_vectors(random_tensor(users, n_tx, seed=1)).to(torch.complex128)
    served = torch.ones(users, dtype=torch.bool)
    found = zero_forcing(directions, served, regularisation(served, snr * n_tx))
    rows = (snr * n_tx).sqrt()[:, None] * directions.conj()
    direct = (rows.mH @ torch.linalg.inv(rows @ rows.mH + users * torch.eye(users))).mT
    torch.testing.assert_close(found, direct / torch.linalg.vector_norm(direct, dim=1, keepdim=True))


@pytest.mark.parametrize("n_rx", [1, 2])
def test_each_user_has_noise_of_its_own(n_rx: int) -> None:
    """SINR_k = p_k a_kk^H (I + p_k sum a_kj a_kj^H)^-1 a_kk with p_k = SNR_k / K, in loops."""
    users, n_tx = 3, 4
    snr = np.array([0.2, 5.0, 80.0])
    response = random_tensor(1, users, 1, n_rx, n_tx, seed=2)
    directions = unit_vectors(random_tensor(1, users, 1, n_tx, seed=3))
    everyone = MultiUserParameters(precoder="zf", selection="all")
    found = user_rates(response, directions, BAND, torch.from_numpy(snr)[None], everyone)[0]
    columns = directions[0, :, 0].numpy().astype(complex).T
    weights = columns @ np.linalg.inv(columns.conj().T @ columns)
    weights /= np.linalg.norm(weights, axis=0)
    for user in range(users):
        seen = response[0, user, 0].numpy() @ weights * math.sqrt(snr[user] / users)
        others = np.delete(seen, user, axis=1)
        own = seen[:, user]
        sinr = (own.conj() @ np.linalg.inv(np.eye(n_rx) + others @ others.conj().T) @ own).real
        assert float(found[user]) == pytest.approx(math.log2(1 + sinr), rel=1e-5)


def test_the_sum_goes_to_the_strongest_of_one_direction_and_weights_change_that() -> None:
    gram = torch.ones(1, 1, 3, 3, dtype=torch.complex128)
    power = torch.tensor([[1.0, 100.0, 10.0]], dtype=torch.float64)
    assert greedy_selection(gram, power).tolist() == [[False, True, False]]
    weights = torch.tensor([[9.0, 1.0, 1.0]], dtype=torch.float64)
    # 9 log2(2) = 9 exceeds log2(101) = 6.7.
    assert greedy_selection(gram, power, weights).tolist() == [[True, False, False]]


def one_direction(snr: list[float]) -> tuple[Tensor, Tensor, Tensor]:
    """Channels of users of one direction, one antenna each, of the gain 4 that the BS expects of four antennas."""
    direction = unit_vectors(random_tensor(1, 1, 1, 4, seed=6)).expand(1, len(snr), 1, 4)
    return 2 * direction.conj()[..., None, :], direction, torch.tensor([snr], dtype=torch.float64)


@pytest.mark.parametrize("snr", [[1.0, 1000.0], [0.01, 3.0, 3.0, 1e5]])
def test_fair_users_of_one_direction_have_equal_shares_of_time(snr: list[float]) -> None:
    """The sum of log(tau_k R_k) over shares of time that add up to 1 is largest with equal ones, whatever R is."""
    response, directions, ratios = one_direction(snr)
    found = user_rates(response, directions, BAND, ratios, FAIR)[0]
    alone = [math.log2(1 + 4 * one) for one in snr]
    # 40 slots among 2 or 4 users; float32 channels.
    assert found.tolist() == pytest.approx([rate / len(snr) for rate in alone], rel=1e-5)
    greedy = user_rates(response, directions, BAND, ratios, GREEDY)[0]
    assert greedy.tolist() == pytest.approx([0] * (len(snr) - 1) + alone[-1:])


def test_users_apart_are_all_served_in_every_slot() -> None:
    response = torch.eye(4, dtype=torch.complex64)[None, :3, None, None]
    directions = torch.eye(4, dtype=torch.complex64)[None, :3, None]
    snr = torch.tensor([[300.0, 300.0, 300.0]], dtype=torch.float64)
    rates = user_rates(response, directions, BAND, snr, FAIR)[0]
    assert rates.tolist() == pytest.approx([math.log2(1 + 100)] * 3)


def test_turns_come_close_to_the_best_shares_of_time() -> None:
    """Of all shares of time of all sets of users, those of the largest sum of logarithms, by a general optimiser."""
    users, n_tx = 3, 2
    directions = unit_vectors(random_tensor(1, users, 1, n_tx, seed=8))
    response = math.sqrt(n_tx) * directions.conj()[..., None, :]
    snr = torch.tensor([[0.5, 4.0, 60.0]], dtype=torch.float64)
    gram = (directions.transpose(1, 2).conj() @ directions.transpose(1, 2).mT).to(torch.complex128)
    sets = [set(each) for count in (1, 2) for each in itertools.combinations(range(users), count)]
    served = torch.tensor([[[user in each for user in range(users)] for each in sets]])
    of_sets = expected_rates(gram[:, None], served, snr * n_tx)[0].numpy()

    def loss(shares: np.ndarray) -> float:
        return -float(np.log(shares @ of_sets).sum())

    start = np.full(len(sets), 1 / len(sets))
    best = minimize(
        loss, start, bounds=[(0, 1)] * len(sets), constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1}
    )
    found = user_rates(response, directions, BAND, snr, FAIR.model_copy(update={"slots": 400}))[0]
    # Stepsize 1 / n: the means are within some slots of 400 of their limit, 1 % in each of three logarithms.
    assert float(found.log().sum()) == pytest.approx(-best.fun, abs=0.03)
    greedy = user_rates(response, directions, BAND, snr, GREEDY)[0]
    assert greedy.sum() > found.sum()
    assert greedy.min() < found.min()


def test_users_without_any_rate_divide_nothing_by_zero() -> None:
    served = torch.tensor([[True, False]])
    found = fair_rates(lambda weights: served, lambda cells, who: who.double(), torch.zeros(1, 2).double(), 3)
    assert found.tolist() == [[1.0, 0.0]]


def test_fairness_reaches_the_metrics_and_helps_the_weakest() -> None:
    snr = torch.tensor([0.1, 10.0, 1000.0] * 2 + [1.0])
    cells = {
        name: replace(made_up_outcome(), snr=snr, multi_user=MultiUserParameters(users=3, scheduling=name))
        for name in ("sum_rate", "proportional_fair")
    }
    summed, fair = (cells[name].user_rates for name in ("sum_rate", "proportional_fair"))
    assert summed.sum() > fair.sum()
    assert fair.min() > summed.min()
    assert (fair > 0).all()


@pytest.mark.parametrize("table", ["qam64", "qam256"])
def test_a_cqi_stands_for_the_sinr_at_which_it_begins(table: str) -> None:
    adaptation = LinkAdaptation(LinkAdaptationParameters(mcs_table=table), 624, 0.9)
    cqi, sent = torch.arange(1, 16), torch.ones(15, 1, dtype=torch.bool)
    promised = adaptation.promised_sinr(cqi, sent)
    # Flat over the band the effective SINR is the SINR itself.
    for factor, expected in ((1.001, cqi), (0.999, cqi - 1)):
        flat = (factor * promised)[:, None, None].expand(15, 4, 1)
        assert torch.equal(adaptation.cqi(flat, sent), expected)
    out_of_range = adaptation.promised_sinr(torch.zeros(1, dtype=torch.int64), sent[:1])
    assert float(out_of_range) == pytest.approx(float(promised[0]) / 2)


def test_a_bs_that_knows_cqis_weighs_users_by_these() -> None:
    """Of two users of one direction the one of the larger CQI is served, whatever their long-term SNRs are."""
    outcome = replace(made_up_outcome(), snr=torch.tensor([1.0, 100.0] * 3 + [1.0]))
    known = MultiUserParameters(users=2, strengths="cqi")
    asked = replace(outcome, multi_user=known, cqi=torch.tensor([15, 1] * 3 + [1]))
    strengths = outcome.adaptation.promised_sinr(asked.cqi, torch.ones(7, 1, dtype=torch.bool))
    places, weights, true = asked.cells, outcome.weights, outcome.true_use
    direct = user_rates(
        *(true.matrices[places], weights[places], true.bands, asked.snr_of_users, known, strengths[places])
    )
    assert torch.equal(asked.user_rates, direct)
    assert (asked.user_rates_perfect.sum(1) > 0).all()
    response, directions, snr = one_direction([1.0, 100.0])
    stronger = torch.tensor([[50.0, 0.1]], dtype=torch.float64)
    assert user_rates(response, directions, BAND, snr, GREEDY, stronger)[0].tolist() == pytest.approx([math.log2(5), 0])
    with pytest.raises(ValueError, match="cqi: got None"):
        _ = replace(asked, cqi=None).user_rates


DOCUMENT = {"name": "x", "channel": {"source": "cost2100"}, "compressors": [{"name": "topk"}]}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"multi_user": {"selection": "all", "scheduling": "proportional_fair"}},
            r"multi_user: got scheduling proportional_fair with selection all, expected selection greedy",
        ),
        (
            {"multi_user": {"strengths": "cqi"}, "link_adaptation": {"layers": "all"}},
            r"multi_user\.strengths: got cqi with link_adaptation\.layers all, expected first",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        validate_scenario(DOCUMENT | change, "x")


def test_the_chain_hands_cqis_over_where_only_users_need_them() -> None:
    asked: dict[str, Any] = {"metrics": ["cell_rate_bps_hz"], "multi_user": {"strengths": "cqi"}}
    nothing: Any = None
    needed = [
        CqiChoice(validate_scenario(DOCUMENT | {**asked, **change}, "x"), *[nothing] * 4).needed
        for change in ({}, {"metrics": ["nmse_db"]}, {"multi_user": {}})
    ]
    assert needed == [True, False, False]
