"""Statistics of batch norm that are found anew: means over all channels, under the weights as they are."""

import pytest
import torch
from torch import nn

from feedback.layers.basic import ConvBn
from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.batch_statistics import settle_statistics
from feedback.training.loop import train
from feedback.training.options import TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.validation import decibel, validation_error
from feedback.training_set import TrainingSet


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
    settle_statistics(network, (), csi, None, 0)
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
    settle_statistics(network, (network.encoder,), channels(50, 1), None, 0)
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
    settle_statistics(network, (), training.train, None, 0)
    again = decibel(validation_error(network, training.validation))
    assert again == pytest.approx(outcome.validation_nmse_db, abs=1e-4)
