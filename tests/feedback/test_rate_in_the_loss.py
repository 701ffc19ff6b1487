"""Bits in the loss: the estimate against the entropy of a Gaussian and against real bits, and what comes of it."""

import math
from functools import cache

import pytest
import torch
from pydantic import ValidationError

from feedback.compressors.parameters.csinet import CsiNetParameters
from feedback.compressors.parameters.klt import KltParameters
from feedback.conformance.candidate import channels
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.plugin_file import build_compressor
from feedback.quantisers.entropy_coded import EntropyCoded, EntropyCodedParameters
from feedback.training.disturbance import Disturbance
from feedback.training.factorised_prior import FactorisedPrior, empirical_bits
from feedback.training.options import Pass, relative_errors
from feedback.training.rate_distortion import RateDistortionLoss
from feedback.training.recipe import TrainingRecipe
from feedback.training.validation import validation_bits, validation_nmse
from feedback.training_set import TrainingSet

DEVIATIONS = torch.tensor([0.2, 0.5, 1.0, 2.0, 4.0, 8.0]).repeat(8)


def gaussian(n: int, seed: int) -> torch.Tensor:
    return DEVIATIONS * torch.randn(n, len(DEVIATIONS), generator=torch.Generator().manual_seed(seed))


def entropy_of_cells(deviation: float) -> float:
    """Bits of a Gaussian of mean 0 in cells of width 1 around whole numbers."""
    edges = torch.arange(-60.5, 61.0, dtype=torch.float64) / deviation
    share = torch.special.ndtr(edges).diff()
    return float(torch.special.entr(share).sum()) / math.log(2)


@cache
@torch.enable_grad()
def learnt_prior() -> FactorisedPrior:
    """A prior that has seen noisy values, as in training."""
    values = gaussian(4000, 0)
    prior = FactorisedPrior(values[:2000])
    optimiser = torch.optim.Adam(prior.parameters(), lr=0.03)
    generator = torch.Generator().manual_seed(1)
    for _ in range(150):
        batch = values[torch.randint(len(values), (200,), generator=generator)]
        loss = prior.bits(batch + torch.rand(batch.shape, generator=generator) - 0.5).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return prior


def test_the_estimate_is_the_entropy_of_a_gaussian() -> None:
    """Within 2 %: mixtures of three logistics are not quite Gaussians, and 4000 values give sums of 0.5 % deviation."""
    expected = sum(map(entropy_of_cells, DEVIATIONS.tolist()))
    with torch.no_grad():
        found = float(learnt_prior().bits(gaussian(4000, 2).round()).mean())
    assert found == pytest.approx(expected, rel=0.02)
    # A model other than the source's takes more bits, but for the deviation of the mean.
    assert found > 0.995 * expected


def test_the_estimate_is_what_reports_take() -> None:
    """Within 2 %: both are models of the same values, and a bitstream is at most 2 bits of some 120 longer."""
    quantiser = EntropyCoded(EntropyCodedParameters(step=1))
    quantiser.fit(gaussian(4000, 0))
    values = gaussian(300, 3)
    real = float(torch.as_tensor(quantiser.quantise(Codeword(values)).value_bits).to(torch.float64).mean())
    with torch.no_grad():
        assert real == pytest.approx(float(learnt_prior().bits(values.round()).mean()), rel=0.02)


def test_empirical_bits_are_the_entropies() -> None:
    # Two equally likely levels, four, and one.
    levels = torch.stack([torch.arange(8) % 2, torch.arange(8) % 4, torch.zeros(8)], dim=1)
    assert float(empirical_bits(levels)) == pytest.approx(1 + 2 + 0)


def test_values_are_rounded_with_the_gradient_of_the_identity() -> None:
    values = torch.tensor([[0.4, -1.6, 2.5]], requires_grad=True)
    rounded = Disturbance(rate_weight=0.01).apply(values, torch.Generator())
    assert rounded.tolist() == [[0.0, -2.0, 2.0]]
    (rounded * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[1.0, 2.0, 3.0]]


def test_the_loss_is_error_and_bits() -> None:
    image, rebuilt = torch.rand(2, 2, 4, 4), torch.rand(2, 2, 4, 4)
    step = Pass(image, torch.zeros(2, 3), rebuilt, 0.5, bits=torch.tensor([10.0, 30.0]))
    expected = float(relative_errors(image, rebuilt).mean()) + 0.01 * 20
    assert float(RateDistortionLoss(relative_errors, 0.01)(step)) == pytest.approx(expected)


@pytest.mark.parametrize("weight", [3e-3, 3e-4])
def test_it_starts_at_the_gain_of_the_least_loss(weight: float) -> None:
    section = CsiNetParameters(compression_ratio=4, disturbance=Disturbance(rate_weight=weight))
    network = build_compressor(section, (8, 8))
    assert isinstance(network, NeuralCompressor)
    training = TrainingSet(channels(400, (8, 8)), channels(1, (8, 8)))
    network.prepare(training, torch.Generator().manual_seed(0))

    def loss(gain: float) -> float:
        codewords = network.encode(training.train).values
        levels = (gain * codewords).round()
        rebuilt = network.decode(Codeword(levels / gain))
        error = (rebuilt - training.train).abs().square().sum((1, 2)) / training.train.abs().square().sum((1, 2))
        return float(error.mean()) + weight * float(empirical_bits(levels))

    # Gains are tried at powers of the square root of 2; the start bends images into logits, which costs some error.
    assert loss(1.0) <= min(loss(2.0), loss(0.5)) * 1.02


def test_a_network_learns_error_and_bits_together() -> None:
    weight = 1e-3
    section = CsiNetParameters(compression_ratio=4, disturbance=Disturbance(rate_weight=weight))
    network = build_compressor(section, (8, 8))
    assert isinstance(network, NeuralCompressor)
    training = TrainingSet(channels(200, (8, 8)), channels(50, (8, 8), seed=1))
    recipe = TrainingRecipe(epochs=6, batch_size=20, learning_rate=1e-3)
    outcome = network.train_networks(training, recipe, torch.Generator().manual_seed(0))
    assert outcome.validation_nmse_db < outcome.start_nmse_db
    # What it is chosen by is what reports of whole numbers cost.
    values = network.encode(training.train).values
    error = validation_nmse(network.encoder, network.decoder, training.validation, section.disturbance)
    bits = validation_bits(network.encoder, FactorisedPrior(values), training.validation)
    assert 0.5 * weight * bits < 10 ** (outcome.validation_nmse_db / 10) - error < 2 * weight * bits


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"cells": 4, "step": 1.0}, "got both cells and step"),
        ({}, "got neither cells and step"),
        ({"step": 0}, "greater than 0"),
    ],
)
def test_one_width_is_expected(keys: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EntropyCodedParameters.model_validate(keys)


def test_a_step_of_too_many_levels_is_refused() -> None:
    with pytest.raises(FeedbackInputError, match=r"step: got 1e-05, .* expected at most 4096"):
        EntropyCoded(EntropyCodedParameters(step=1e-5)).fit(gaussian(10, 0))


def test_one_quantiser_is_trained_for() -> None:
    with pytest.raises(ValidationError, match="got bits and rate_weight, expected one of them"):
        Disturbance(bits=4, rate_weight=0.01)


def test_a_compressor_may_have_a_quantiser_of_its_own() -> None:
    section = KltParameters.model_validate({"compression_ratio": 8, "quantiser": {"name": "uniform", "bits": 5}})
    assert section.own_quantiser is not None
    assert KltParameters.model_validate(section.model_dump(mode="json")) == section
    assert section.model_dump(mode="json")["quantiser"] == {"name": "uniform", "bits": 5}
    with pytest.raises(ValidationError, match=r"'unform' found .* expected tags: .*'uniform'"):
        KltParameters.model_validate({"quantiser": {"name": "unform", "bits": 5}})
