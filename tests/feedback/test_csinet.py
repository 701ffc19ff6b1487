"""CsiNet: complexity against the papers, and its start from the KLT."""

import math

import pytest
import torch
from torch import Tensor, nn

from feedback.complexity import count_macs, count_parameters
from feedback.compressor import COMPRESSORS
from feedback.errors import FeedbackInputError
from feedback.initialisation.klt import real_klt
from feedback.layers.basic import initialise
from feedback.layers.images import from_unit_interval, to_unit_interval
from feedback.neural import NeuralCompressor
from feedback.training_set import TrainingSet

SHAPE = (8, 8)


def csinet(compression_ratio: float, shape: tuple[int, int] = (32, 32), init: str = "xavier") -> NeuralCompressor:
    network_class = COMPRESSORS.get_class("csinet")
    network = network_class(network_class.Parameters(compression_ratio=compression_ratio, init=init), shape)
    assert isinstance(network, NeuralCompressor)
    return network


def correlated_channels(n: int, seed: int) -> Tensor:
    """Few strong and many weak directions, largest modulus 1."""
    mixing = torch.randn(64, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(9))
    white = torch.randn(n, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
    csi = ((white * torch.exp(-torch.arange(64) / 6)) @ mixing).unflatten(1, SHAPE)
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def nmse_db(rebuilt: Tensor, csi: Tensor) -> float:
    error = (rebuilt - csi).abs().double().square().sum(dim=(1, 2))
    return 10 * math.log10(float((error / csi.abs().double().square().sum(dim=(1, 2))).mean()))


# ACRNet paper, table of complexity: multiply-adds and parameters of both sides together, as printed.
@pytest.mark.parametrize(
    ("compression_ratio", "macs", "parameters"),
    [(4, "5.41M", "2103K"), (8, "4.37M", "1054K"), (16, "3.84M", "530K"), (32, "3.58M", "268K"), (64, "3.45M", "137K")],
)
def test_complexity_is_that_of_the_papers(compression_ratio: float, macs: str, parameters: str) -> None:
    cost = csinet(compression_ratio).complexity()
    assert f"{(cost.ue_macs + cost.bs_macs) / 1e6:.2f}M" == macs
    assert f"{(cost.ue_parameters + cost.bs_parameters) / 1e3:.0f}K" == parameters


def test_complexity_counted_by_hand() -> None:
    cost = csinet(4).complexity()
    convolution = 3 * 3 * 2 * 2
    fully_connected = 2048 * 512
    refine = 3 * 3 * (2 * 8 + 8 * 16 + 16 * 2)
    assert cost.ue_macs == convolution * 1024 + fully_connected == 1_085_440
    assert cost.bs_macs == fully_connected + (2 * refine + convolution) * 1024 == 4_329_472
    assert cost.ue_parameters == convolution + 4 + fully_connected + 512 == 1_049_128
    assert cost.bs_parameters == fully_connected + 2048 + 2 * (refine + 2 * (8 + 16 + 2)) + convolution + 2


def test_counter_knows_groups_strides_and_transposed_convolutions() -> None:
    image = torch.zeros(1, 4, 8, 6)
    assert count_macs(nn.Conv2d(4, 8, (1, 3), groups=2, padding="same"), image) == 8 * 8 * 6 * 2 * 3
    assert count_macs(nn.Conv2d(4, 8, 2, stride=2), image) == 8 * 4 * 3 * 4 * 4
    assert count_macs(nn.ConvTranspose2d(4, 5, 2, stride=2), image) == 4 * 8 * 6 * 5 * 4
    assert count_macs(nn.Linear(6, 3), image) == 4 * 8 * 6 * 3
    assert count_parameters(nn.Linear(6, 3)) == 21


def test_counter_refuses_what_it_has_no_rule_for() -> None:
    with pytest.raises(FeedbackInputError, match="Bilinear: got weights without a rule for their multiply-adds"):
        count_macs(nn.Bilinear(2, 2, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(TypeError, match="Bilinear has parameters but no rule"):
        initialise(nn.Bilinear(2, 2, 2), torch.Generator())


def test_initial_weights_are_xavier_uniform() -> None:
    network = csinet(4)
    network.initialise(torch.Generator().manual_seed(3))
    weight = network.state()["encoder.fc.weight"]
    bound = math.sqrt(6 / (2048 + 512))
    assert float(weight.abs().max()) <= bound
    # Variance of 2^20 uniform numbers: relative standard deviation sqrt(0.8 / 2^20) = 9e-4; 5 of them.
    assert float(weight.var()) == pytest.approx(bound**2 / 3, rel=4.5e-3)


def test_images_lie_in_the_unit_interval_and_come_back() -> None:
    csi = correlated_channels(20, seed=1)
    image = to_unit_interval(csi)
    assert image.shape == (20, 2, *SHAPE)
    assert image.min() >= 0
    assert image.max() <= 1
    assert torch.equal(to_unit_interval(torch.zeros(1, *SHAPE, dtype=torch.complex64)), torch.full((1, 2, *SHAPE), 0.5))
    # 0.5 + h / 2 in float32 rounds at 2^-25.
    torch.testing.assert_close(from_unit_interval(image), csi, rtol=0, atol=2.0**-23)


def test_real_klt_is_the_complex_one() -> None:
    training = TrainingSet(correlated_channels(300, seed=1), correlated_channels(10, seed=2))
    matrix = real_klt(training, 32)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(32), rtol=0, atol=1e-5)
    klt_class = COMPRESSORS.get_class("klt")
    klt = klt_class(klt_class.Parameters(compression_ratio=4), SHAPE)
    klt.fit(training, torch.Generator())
    deviation = to_unit_interval(training.validation) - 0.5
    values = 2 * (deviation.flatten(1) @ matrix.T)
    torch.testing.assert_close(values, klt.encode(training.validation).values, rtol=0, atol=1e-5)


@pytest.mark.parametrize("compression_ratio", [4, 16, 128])
def test_starts_close_to_the_klt(compression_ratio: float) -> None:
    training = TrainingSet(correlated_channels(1000, seed=1), correlated_channels(300, seed=2))
    network = csinet(compression_ratio, SHAPE, init="klt")
    network.prepare(training, torch.Generator().manual_seed(1))
    csi = training.validation
    axes = training.principal_axes(max(network.length // 2, 1))[1]
    klt = ((csi.flatten(1) @ axes.conj()) @ axes.T).unflatten(1, SHAPE)
    if network.length == 1:
        klt = ((csi.flatten(1) @ axes.conj()).real.to(torch.complex64) @ axes.T).unflatten(1, SHAPE)
    # The sigmoid bends strong entries; the gain of least error leaves, at the largest deviation 0.5, an error of
    # 12 % of the amplitude, -18 dB of the energy, and less elsewhere.
    expected = 10 * math.log10(10 ** (nmse_db(klt, csi) / 10) + 10**-1.8)
    assert nmse_db(network.decode(network.encode(csi)), csi) < expected


def test_klt_start_is_the_same_map_in_training_mode() -> None:
    training = TrainingSet(correlated_channels(1000, seed=1), correlated_channels(300, seed=2))
    network = csinet(4, SHAPE, init="klt")
    network.prepare(training, torch.Generator().manual_seed(1))
    images = to_unit_interval(training.train)
    with torch.no_grad():
        inference = network.encoder(images)
        network.encoder.train()
        # The batch is the whole training set, so batch statistics are the running ones: float32 rounding of images
        # of 0.5 / 0.2, through 128 products.
        torch.testing.assert_close(network.encoder(images), inference, rtol=0, atol=1e-3)
