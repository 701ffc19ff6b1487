"""Layers of a precoder in metrics: their order, those that a report lacks, and the rate of all together."""

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.transforms.angular_delay import AngularDelayTransform
from linksim.comparison.paired_difference import has_values, sample_estimate
from linksim.metrics import METRICS
from linksim.metrics.delivered import Delivery
from linksim.metrics.directions import Directions
from linksim.metrics.layers import best_layers, layer_counts, matched_layers, sum_rate
from linksim.metrics.outcome import LinkOutcome
from linksim.precoding import PRECODERS
from linksim.statistics.accumulators import PresentMeanAccumulator, accumulator_from_json
from linksim.subband_eigenvectors import subband_eigenvectors
from linksim.subbands import subbands
from tests.linksim.made_up_outcome import random_tensor, value_of

BATCH, NC, N_RX, N_TX, BANDS = 6, 12, 3, 5, subbands(12, 4)
RESPONSE = random_tensor(BATCH, NC, N_RX, N_TX, seed=1)
LAYERS = subband_eigenvectors(RESPONSE, BANDS, 3).transpose(1, 2)
# Layers of each sample: 1, 2, 3, 1, 2, 3.
COUNTS = torch.arange(BATCH) % 3 + 1
LACKING = LAYERS * (torch.arange(3) < COUNTS[:, None])[:, :, None, None]


def outcome_of(reported: Tensor | None) -> LinkOutcome:
    flat = RESPONSE.flatten(2)
    transform = AngularDelayTransform(OfdmGrid(NC, 20e6, 28e9), ArrayShape(1, 1, N_TX, n_rx=N_RX), 4)
    matrix = transform.truncate(flat)
    plugin = PRECODERS.get_class("mrt")
    return LinkOutcome(
        transform=transform,
        csi_true=matrix,
        csi_rebuilt=None if reported is not None else matrix,
        response_report=flat,
        response_use=flat,
        response_estimated=flat,
        precoder=plugin(plugin.Parameters()),
        snr=10.0,
        bits=7,
        precoder_reported=reported,
        n_subbands=4,
    )


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_layers_in_any_order_are_the_same_layers(order: tuple[int, ...]) -> None:
    turned = LAYERS[:, list(order)]
    assert torch.equal(matched_layers(turned, LAYERS), LAYERS)
    # Whoever has not all layers has those of the strongest eigenvectors, in any order.
    two = [place for place in order if place < 2]
    fewer = torch.cat([LAYERS[:, two], torch.zeros_like(LAYERS[:, :1])], dim=1)
    found = matched_layers(fewer, LAYERS)
    assert torch.equal(found[:, :2], LAYERS[:, :2])
    assert not found[:, 2].any()


def test_a_layer_is_the_same_in_all_subbands() -> None:
    """Layers that change places from one subband to the next are half of the time another one."""
    swapped = LAYERS[:, :2].clone()
    swapped[:, :, ::2] = LAYERS[:, :2].flip(1)[:, :, ::2]
    outcome = outcome_of(swapped)
    # Eigenvectors of one subband are orthogonal.
    assert value_of("sgcs", outcome) == pytest.approx(0.5, abs=1e-5)
    assert value_of("sgcs_layer2", outcome) == pytest.approx(0.5, abs=1e-5)


def test_the_order_is_the_best_of_all() -> None:
    """By brute force for vectors that belong to no eigenvector in particular."""
    layers = random_tensor(BATCH, 3, 4, N_TX, seed=4)
    layers = layers / layers.norm(dim=-1, keepdim=True)

    def total(some: Tensor) -> Tensor:
        return (some.conj() * LAYERS).sum(-1).abs().square().mean(-1).sum(1)

    best = torch.stack([total(layers[:, list(order)]) for order in permutations(range(3))]).amax(0)
    assert torch.allclose(total(matched_layers(layers, LAYERS)), best, atol=1e-6)


def test_metrics_of_reports_that_lack_layers() -> None:
    noisy = LACKING + 0.3 * random_tensor(*LACKING.shape, seed=7) * (LACKING != 0)
    noisy = noisy / noisy.norm(dim=-1, keepdim=True).clamp(min=1e-9)
    outcome = replace(outcome_of(noisy), delivery=Delivery(torch.arange(BATCH) == 2, torch.arange(BATCH) == 9))
    assert value_of("rank", outcome) == 2
    for layer in (1, 2, 3):
        has = layer <= COUNTS
        cosine = (noisy[has, layer - 1].conj() * LAYERS[has, layer - 1]).sum(-1).abs().square()
        name = "sgcs" if layer == 1 else f"sgcs_layer{layer}"
        # Orders but the given one are no better for noise as small.
        assert value_of(name, outcome) == pytest.approx(float(cosine.mean()), abs=1e-5)
    metric = METRICS.get_class("sgcs_layer3")()
    accumulator = metric.accumulator()
    values = metric.update(accumulator, outcome)
    assert [accumulator.n, accumulator.lost] == [2, 1]
    assert values[1].tolist() == [0, 0, 1, 0, 0, 1]
    assert metric.update(metric.accumulator(), outcome_of(LACKING[:, :2])) == ()


def test_a_layer_that_no_report_has_is_no_figure() -> None:
    metric = METRICS.get_class("sgcs_layer2")()
    accumulator = metric.accumulator()
    metric.update(accumulator, outcome_of(LACKING * (torch.arange(3) < 1)[:, None, None]))
    assert accumulator.estimate() is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_sum_rate_is_that_of_an_mmse_receiver(count: int) -> None:
    """Against SINRs of the receiver's weights: wanted power over that of other layers and noise."""
    layers = random_tensor(BATCH, count, 4, N_TX, seed=2)
    layers = layers / layers.norm(dim=-1, keepdim=True)
    snr, expected = 20.0, np.zeros(BATCH)
    for row in range(BATCH):
        for n in range(NC):
            h = RESPONSE[row, n].numpy().astype(complex)
            a = math.sqrt(snr / count) * h @ layers[row, :, n // 3].numpy().astype(complex).T
            receiver = np.linalg.solve(a @ a.conj().T + np.eye(N_RX), a)
            for layer in range(count):
                power = np.abs(receiver[:, layer].conj() @ a) ** 2
                noise = np.linalg.norm(receiver[:, layer]) ** 2 + power.sum() - power[layer]
                expected[row] += math.log2(1 + power[layer] / noise) / NC
    # Float32 vectors; differences of nearly equal numbers in a SINR of 1e3 lose three digits of seven.
    assert sum_rate(RESPONSE, layers, BANDS, snr).numpy() == pytest.approx(expected, rel=1e-4)
    padded = torch.cat([layers, torch.zeros(BATCH, 2, 4, N_TX)], dim=1)
    assert sum_rate(RESPONSE, padded, BANDS, snr).numpy() == pytest.approx(expected, rel=1e-4)


def test_as_many_layers_as_the_rate_is_largest_with() -> None:
    for snr, fewest, most in ((0.001, 1, 1), (1.0, 1, 3), (1e5, 3, 3)):
        layers = best_layers(Directions(RESPONSE, BANDS), snr)
        counts = layer_counts(layers)
        assert fewest <= int(counts.min()) <= int(counts.max()) <= most
        best = sum_rate(RESPONSE, layers, BANDS, snr)
        for count in (1, 2, 3):
            assert (best >= sum_rate(RESPONSE, LAYERS[:, :count], BANDS, snr) - 1e-9).all()


def test_a_direction_is_the_same_however_many_are_asked_for() -> None:
    one_by_one, at_once = Directions(RESPONSE, BANDS), Directions(RESPONSE, BANDS)
    layers = torch.stack([one_by_one.layer(number) for number in (1, 2, 3)], dim=1)
    assert torch.equal(layers, at_once.first(3))
    assert torch.equal(at_once.layer(1), layers[:, 0])


def test_sum_rate_of_a_channel_that_the_bs_knows_is_that_of_perfect_csi() -> None:
    # All delays are kept, so that the BS has the very channel.
    outcome = outcome_of(None)
    whole = replace(outcome, transform=AngularDelayTransform(outcome.transform.grid, outcome.transform.array, NC))
    known = replace(whole, csi_rebuilt=whole.transform.truncate(whole.response_report))
    assert value_of("sum_rate_bps_hz", known) == pytest.approx(value_of("sum_rate_perfect_bps_hz", known), rel=1e-5)
    assert value_of("sum_rate_bps_hz", outcome_of(LAYERS)) <= value_of("sum_rate_perfect_bps_hz", known)


def test_differences_of_a_layer_that_some_reports_lack() -> None:
    values = np.array([[0.5, 0.0, 0.7, 0.9], [1.0, 0.0, 1.0, 1.0]])
    one = sample_estimate("sgcs_layer2", values)
    assert one.value == pytest.approx(0.7)
    # Of the three that have the layer.
    assert one.influence == pytest.approx([-0.2, 0, 0.2])
    assert has_values("sgcs_layer2", values)
    assert not has_values("sgcs_layer2", values * 0)


def test_means_over_those_who_have_a_value() -> None:
    whole = PresentMeanAccumulator("sgcs_layer2")
    whole.update(torch.tensor([0.5, 9.0, 0.7]), torch.tensor([1.0, 0.0, 1.0]))
    whole.update(torch.tensor([3.0]), torch.tensor([0.0]))
    again = accumulator_from_json(whole.to_json())
    assert again.to_json() == whole.to_json()
    again.merge(whole)
    estimate = again.estimate()
    assert estimate is not None
    assert (estimate.value, estimate.n) == (pytest.approx(0.6), 4)
