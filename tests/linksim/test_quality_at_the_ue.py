"""What a UE expects of its link: layers behind an MMSE receiver, rank, CQI without the noise of its estimate."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.estimator import ESTIMATORS
from linksim.chain.observing import without_noise
from linksim.chain.random_streams import normal_draw
from linksim.errors import InputError
from linksim.link_adaptation.adaptation import LinkAdaptation
from linksim.link_adaptation.coding_schemes import TABLES, Scheme
from linksim.link_adaptation.parameters import LinkAdaptationParameters
from linksim.link_adaptation.transport_block import transport_block
from linksim.metrics.directions import Directions
from linksim.metrics.layers import best_layers, layer_counts, layer_sinr
from linksim.preparation.dimension_check import check_points
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of
from linksim.subbands import subbands
from tests.linksim.made_up_outcome import random_tensor
from tests.linksim.test_layers import outcome_of

BANDS = subbands(12, 3)


def steady(matrix: torch.Tensor) -> torch.Tensor:
    """One matrix on 12 subcarriers."""
    return matrix.to(torch.complex64).expand(1, 12, *matrix.shape)


@pytest.mark.parametrize("snr", [0.1, 10.0, 1000.0])
def test_two_layers_behind_an_mmse_receiver_are_the_closed_form(snr: float) -> None:
    r"""With :math:`G = [[a, c], [c^*, b]]` the first has :math:`a - |c|^2 / (1 + b)`, by the Schur complement."""
    matrix = torch.tensor([[1.0, 0.5j], [0.3, 2.0]])
    layers = torch.eye(2, dtype=torch.complex64)[None, :, None].expand(1, 2, 3, 2)
    found = layer_sinr(steady(matrix), layers, BANDS, snr)[0, 0]
    gram = snr / 2 * matrix.mH @ matrix
    a, b, c = float(gram[0, 0].real), float(gram[1, 1].real), complex(gram[0, 1])
    assert found.tolist() == pytest.approx([a - abs(c) ** 2 / (1 + b), b - abs(c) ** 2 / (1 + a)], rel=1e-5)


@pytest.mark.parametrize("n_rx", [2, 8])
def test_one_direction_is_one_layer_and_an_identity_as_many_as_there_may_be(n_rx: int) -> None:
    one = torch.outer(random_tensor(n_rx, seed=1), random_tensor(n_rx, seed=2))
    most = min(n_rx, 4)
    for snr_db in (-20, 10, 60):
        layers = best_layers(Directions(steady(one), BANDS), 10 ** (snr_db / 10))
        assert layer_counts(layers).tolist() == [1]
    for snr_db, count in ((-20, most), (40, most)):
        # Equal gains: power on two layers is worth more than on one at every SNR, as the logarithm is concave.
        layers = best_layers(Directions(steady(torch.eye(n_rx)), BANDS), 10 ** (snr_db / 10))
        assert layer_counts(layers).tolist() == [count]
    # Gains of 1 and 0.1: the second layer pays where log2(1 + s/2) + log2(1 + s/200) > log2(1 + s).
    uneven = torch.diag(torch.tensor([1.0, 0.1] + [0.0] * (n_rx - 2)))
    for snr in (10.0, 150.0, 1e4):
        two = math.log2(1 + snr / 2) + math.log2(1 + snr / 200)
        expected = 2 if two > math.log2(1 + snr) else 1
        assert layer_counts(best_layers(Directions(steady(uneven), BANDS), snr)).tolist() == [expected]
    assert layer_counts(best_layers(Directions(steady(torch.eye(n_rx)), BANDS), 0.01, rank=1)).tolist() == [1]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_layers_carry_what_each_carries_with_its_share_of_the_power(count: int) -> None:
    """On an identity channel of eight antennas on either side."""
    link = LinkAdaptation(LinkAdaptationParameters(layers="all"), 12, 13 / 14)
    carried = []
    for snr_db in range(-5, 45, 5):
        vectors = torch.eye(8, dtype=torch.complex64)[:count, None].expand(1, count, 3, 8)
        sinr = layer_sinr(steady(torch.eye(8)), vectors, BANDS, 10 ** (snr_db / 10))
        assert sinr.flatten().tolist() == pytest.approx([10 ** (snr_db / 10) / count] * 12 * count, rel=1e-5)
        sent = torch.ones(1, count, dtype=torch.bool)
        carried.append(link.transmission(sinr, sent, link.mcs(link.cqi(sinr, sent), sent)).throughput.item())
    assert carried == sorted(carried)
    # The table's last scheme on each layer; the standard's sizes of small blocks lie up to 2^-4 apart.
    assert carried[-1] == pytest.approx(count * 13 / 14 * TABLES["qam256"].mcs[-1].efficiency, rel=2**-4)


def test_of_a_resource_block_156_elements_count() -> None:
    """N_info = 156 * 2 * 602 / 1024 * 2 = 366.8 by hand; steps of 8 give 360, the next size is 368."""
    counted = transport_block(Scheme(2, 602), 2, 168, counted=156)
    assert (counted.size, counted.coded_bits) == (368, 168 * 2 * 2)
    assert transport_block(Scheme(2, 602), 2, 150, counted=156) == transport_block(Scheme(2, 602), 2, 150)
    whole, common = (LinkAdaptation(LinkAdaptationParameters(), 120, share) for share in (1.0, 13 / 14))
    sinr, sent = torch.full((1, 4, 1), 1e4, dtype=torch.float64), torch.ones(1, 1, dtype=torch.bool)
    mcs = torch.tensor([20])
    assert whole.transmission(sinr, sent, mcs).throughput == common.transmission(sinr, sent, mcs).throughput
    # Resource elements that size does not count carry more redundancy.
    weak = sinr * 10 ** (-(40 - 21.5) / 10)
    assert whole.block_error_rate(weak, sent, mcs) < common.block_error_rate(weak, sent, mcs)


GRID, ARRAY = OfdmGrid(48, 0.72e6, 2e9), ArrayShape(1, 1, 4, n_rx=2)
SECTIONS: dict[str, list[dict[str, Any]]] = {
    "ls": [{}, {"n_pilots": 8}],
    "ls_comb": [{"spacing": 5, "interpolation": "linear"}, {"spacing": 6}],
    "dft_denoising": [{"spacing": 4, "threshold_db": None}],
}


@pytest.mark.parametrize(("name", "keys"), [(name, keys) for name, rows in SECTIONS.items() for keys in rows])
def test_noise_in_an_estimate_is_what_noise_adds_to_its_power(name: str, keys: dict[str, Any]) -> None:
    kind = ESTIMATORS.get_class(name)
    estimator = kind(kind.Parameters(**keys), GRID, ARRAY)
    # One path early in the window, of a random phase at each port, as least mean squared error supposes.
    channel = torch.polar(torch.ones(400, 1, 8), 6.3 * torch.rand(400, 1, 8)) * torch.ones(48, 1)
    channel = channel.to(torch.complex64)
    seen = estimator.estimate(channel, 2.0, normal_draw(1, "pilot noise", 0, 400, torch.device("cpu")))
    excess = seen.abs().square().mean((1, 2)).double() - 1
    assert estimator.noise_in_estimate(2.0) >= 0
    # Five standard errors of the mean over links, which are independent.
    error = 5 * float(excess.std()) / math.sqrt(len(excess))
    if estimator.noise_in_estimate(2.0):
        assert float(excess.mean()) == pytest.approx(estimator.noise_in_estimate(2.0), abs=error)
    else:
        assert float(excess.mean()) < error


def test_every_estimator_says_how_much_noise_counts_as_channel() -> None:
    """Nothing, if its estimate has no more power than the channel."""
    of_least_error = {"perfect", "lmmse"}
    assert {str(name) for name in ESTIMATORS} == {*SECTIONS, *of_least_error}


def test_covariances_lose_what_noise_adds_and_gains_are_true_in_the_mean() -> None:
    """Of a strong direction; those of noise alone stay at zero or a little above."""
    count, n_rx, n_tx, noise = 200, 2, 4, 0.5
    beam = torch.tensor([0.5, 0.5j, -0.5, 0.5])
    fading = random_tensor(count, 12, n_rx, 1, seed=3)
    true = 3 * fading * beam.conj()
    seen = true + math.sqrt(noise) * random_tensor(count, 12, n_rx, n_tx, seed=4)
    kept = without_noise(seen, BANDS, noise)
    for band in BANDS:
        before, after = (each[:, band].flatten(1, 2).to(torch.complex128) for each in (seen, kept))
        m = before.shape[1]
        values, vectors = torch.linalg.eigh(before.mH @ before)
        expected = vectors @ torch.diag_embed((values - m * noise).clamp(min=0)).to(vectors.dtype) @ vectors.mH
        torch.testing.assert_close(after.mH @ after, expected, rtol=1e-5, atol=1e-4)
    gains = [(each @ beam).abs().square().sum(-1).mean(1).double() for each in (true, seen, kept)]
    # Five standard errors of the paired difference; the noise would be 25 of them.
    error = 5 * float((gains[1] - gains[0]).std()) / math.sqrt(count)
    assert float((gains[1] - gains[0]).mean()) == pytest.approx(n_rx * noise, abs=error)
    # Clamped directions leave a bias of second order, (m sigma^2)^2 / lambda.
    assert float((gains[2] - gains[0]).mean()) == pytest.approx(0, abs=error + (8 * noise) ** 2 / 72)
    assert without_noise(seen, BANDS, 0.0) is seen
    each = without_noise(seen[:3], BANDS, torch.tensor([0.0, noise, 2.0], dtype=torch.float64))
    torch.testing.assert_close(each[0], seen[0])
    assert torch.equal(each[1], kept[1])


def test_a_fixed_rank_is_that_of_perfect_csi_too() -> None:
    outcome = outcome_of(None)
    rates = []
    for rank in (1, 2, 3):
        fixed = replace(outcome, link_adaptation=LinkAdaptationParameters(layers="all", rank=rank))
        assert layer_counts(fixed.layers).tolist() == [rank] * 6
        rates.append(fixed.sum_rate_perfect)
    best = torch.stack(rates).amax(0)
    torch.testing.assert_close(outcome.sum_rate_perfect, best)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"compressors": [{"name": "type1", "rank": 4}]}, "compressors: type1: rank: got 4"),
        ({"compressors": [{"name": "etype2", "param_combination": 1, "rank": 3}]}, "compressors: etype2: rank: got 3"),
        ({"compressors": [{"name": "type1", "rank": "auto", "allowed_ranks": [1, 4]}]}, "allowed_ranks: got 4"),
        ({"link_adaptation": {"rank": 4}}, "link_adaptation.rank: got 4"),
    ],
)
def test_no_more_layers_than_a_ue_has_antennas(changes: dict[str, Any], key: str) -> None:
    channel = {"source": "sionna", "n_columns": 4, "polarization": "dual", "n_rx": 2, "n_subcarriers": 64}
    document = {"name": "ranks", "channel": channel, "compressors": [{"name": "type1", "rank": 2}]}
    document |= {"transform": {"n_delay": 16}, "sgcs": {"n_subbands": 4}}
    check_points(points_of(validate_scenario(document, "here")))
    with pytest.raises(InputError, match=rf"{key}, expected at most 2, the antennas of a UE"):
        check_points(points_of(validate_scenario(document | changes, "here")))
