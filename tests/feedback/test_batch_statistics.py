"""Statistics of batch norm that are found anew: means over all channels, under the weights as they are."""

import pytest
import torch
from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import csi_for, sequences_for
from feedback.conformance.network import candidate_of, network_of
from feedback.cpu_kernels.acceleration import accelerated
from feedback.layers.basic import ConvBn
from feedback.layers.images import to_unit_interval
from feedback.neural import NeuralCompressor
from feedback.training.autoencoder import Autoencoder
from feedback.training.batch_statistics import KeptStatistics, settle_statistics
from feedback.training.loop import train
from feedback.training.options import TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.validation import decibel, validation_error
from feedback.training_set import TrainingSet
from tests.feedback.narrow_networks import NARROW

NEURAL = [
    name for name in sorted(map(str, COMPRESSORS.keys())) if issubclass(COMPRESSORS.get_class(name), NeuralCompressor)
]


def channels(n: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(n, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
    return drawn / drawn.abs().amax(dim=(1, 2), keepdim=True)


def pair() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(ConvBn(2, 3, 3, nn.LeakyReLU(0.3)), ConvBn(3, 2, 3))


def norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]


@torch.no_grad()
def test_statistics_are_those_of_all_channels() -> None:
    network, csi = pair(), channels(1000, 1)
    settle_statistics(network, KeptStatistics(), csi, None, 0)
    first, second = norms(network)
    before = network.encoder.conv(to_unit_interval(csi))
    assert first.running_mean is not None
    assert first.running_var is not None
    # Float32 sums over 64 000 values. Variances are means of those of two batches of 500, which lack the variance
    # between the batches' means: 1 / 64 000 of it, or less for pixels that go together.
    torch.testing.assert_close(first.running_mean, before.mean(dim=(0, 2, 3)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(first.running_var, before.var(dim=(0, 2, 3)), rtol=1e-3, atol=0)
    after = network.decoder.conv(network.encoder(to_unit_interval(csi)))
    assert second.running_mean is not None
    assert second.running_var is not None
    torch.testing.assert_close(second.running_mean, after.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(second.running_var, after.var(dim=(0, 2, 3)), rtol=1e-2, atol=0)
    assert [layer.momentum for layer in norms(network)] == [0.1, 0.1]
    assert not network.training


def test_a_frozen_part_keeps_its_statistics() -> None:
    network = pair()
    settle_statistics(network, KeptStatistics(encoder=True), channels(50, 1), None, 0)
    first, second = norms(network)
    assert first.running_mean is not None
    assert second.running_mean is not None
    assert bool((first.running_mean == 0).all())
    assert bool((second.running_mean != 0).all())


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_validation_sees_the_weights_with_their_own_statistics(
    ema_decay: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.training.loop._STATISTICS_SAMPLES", 200)
    # Steps so large that running statistics, of the last ten steps or so, are far from those of the last weights.
    network, training = pair(), TrainingSet(channels(200, 1), channels(100, 2))
    recipe = TrainingRecipe(
        samples=200, batch_size=20, validations=1, warmup=0, learning_rate=0.1, schedule="constant", ema_decay=ema_decay
    )
    outcome = train(
        network.encoder, network.decoder, training, recipe, torch.Generator().manual_seed(3), TrainingOptions()
    )
    assert outcome.best_epoch == 1
    settle_statistics(network, KeptStatistics(), training.train, None, 0)
    again = decibel(validation_error(network, training.validation))
    assert again == pytest.approx(outcome.validation_nmse_db, abs=1e-4)


@pytest.mark.parametrize("least", [None, -300, 300])
def test_norms_keep_the_statistics_of_a_start_that_is_good(least: float | None) -> None:
    network, training = pair(), TrainingSet(channels(200, 1), channels(100, 2))
    for layer in norms(network):
        layer.get_buffer("running_mean").fill_(0.25)
    recipe = TrainingRecipe(samples=100, batch_size=50, validations=1, batch_statistics_nmse_db=least)
    network.eval()
    train(network.encoder, network.decoder, training, recipe, torch.Generator().manual_seed(3))
    kept = [bool((layer.get_buffer("running_mean") == 0.25).all()) for layer in norms(network)]
    assert kept == [least == 300] * 2


@pytest.mark.parametrize("name", NEURAL)
def test_every_network_trains_as_it_is_used_where_statistics_are_kept(name: str) -> None:
    candidate = candidate_of(COMPRESSORS.get_class(name), {"name": name, **NARROW.get(name, {})})
    made = network_of(candidate)
    csi = (sequences_for if made.learns_over_time else csi_for)(made, 12)
    training = made.training_matrices(TrainingSet(csi, csi))
    made.prepare(training, torch.Generator().manual_seed(1))
    network, images = made.autoencoder(), to_unit_interval(training.train)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    expected = network.eval().rebuilt(images, None, torch.Generator())
    network.train()
    KeptStatistics(norms=True).leave_training(network)
    with accelerated(network):
        torch.testing.assert_close(network.rebuilt(images, None, torch.Generator()), expected, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
