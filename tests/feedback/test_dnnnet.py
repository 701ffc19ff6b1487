"""DNNNet: what it takes off noisy codewords, what it is told, and its two stages of training."""

import math

import pytest
import torch
from linear_networks import seeded
from pydantic import ValidationError
from torch import Tensor

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import channels
from feedback.csi_report.codeword import Codeword
from feedback.denoiser import Denoiser
from feedback.denoisers.dnnnet import DnnNet
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

LENGTH = 32


def dnnnet(**parameters: object) -> DnnNet:
    return DnnNet(DnnNet.Parameters.model_validate({"name": "dnnnet", "width": 64, "hidden_layers": 1} | parameters))


def noisy(values: Tensor, snr_db: float, seed: int = 3) -> Codeword:
    power = values.square().mean(1, keepdim=True) * 10 ** (-snr_db / 10)
    return Codeword(values + power.sqrt() * torch.randn(values.shape, generator=seeded(seed)))


def relative_errors(denoiser: Denoiser, values: Tensor, snr_db: float) -> Tensor:
    """Error of every codeword over its noise power; 1 on average for codewords as received."""
    noise = 10 ** (-snr_db / 10)
    rebuilt = denoiser.denoise(noisy(values, snr_db), noise).values
    return (rebuilt - values).square().mean(1) / (noise * values.square().mean(1))


def signs(n: int, seed: int) -> Tensor:
    """One word or its negative: of mean 0, and a covariance of one eigenvalue, ``M``."""
    word = torch.tensor([1.0, 1, -1, 1, -1, -1, 1, -1]).repeat(LENGTH // 8)
    return (torch.randint(0, 2, (n, 1), generator=seeded(seed)) * 2.0 - 1) * word


@pytest.fixture(scope="module")
def fitted() -> DnnNet:
    denoiser = dnnnet(epochs=50, learning_rate=1e-2)
    denoiser.fit(signs(2000, 0))
    return denoiser


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 5.0])
def test_takes_off_what_only_all_elements_together_tell(fitted: DnnNet, snr_db: float) -> None:
    # The best linear estimate leaves 1 / (M + 1 / SNR) of the noise; of elements of variance 1, each alone, it leaves
    # 1 / (1 + 1 / SNR), which the network has to beat by 3 dB: 1 / (M + ...) is 9 dB and more below it.
    alone = 1 / (1 + 10 ** (-snr_db / 10))
    assert float(relative_errors(fitted, signs(2000, 1), snr_db).mean()) < alone / 2


def test_its_own_error_falls_with_the_noise(fitted: DnnNet) -> None:
    # What it subtracts has the noise's amplitude, so its error has no floor: beyond the learnt SNRs the share of the
    # noise that is left stays what it is at their end.
    at_end, beyond = (float(relative_errors(fitted, signs(1000, 1), snr_db).mean()) for snr_db in (40.0, 60.0))
    # Codewords of 32 values of 1 round at 2^-24, 1e-10 of the noise power at 60 dB; the input changes by 1 %.
    assert beyond == pytest.approx(at_end, rel=0.1)
    assert at_end < 1.5


def test_codewords_of_all_powers_look_alike(fitted: DnnNet) -> None:
    received = noisy(signs(50, 1), 3.0)
    reference = fitted.denoise(received, 0.5).values
    for scale in (1e-6, 3.0, 1e6):
        scaled = fitted.denoise(Codeword(received.values * scale), 0.5).values / scale
        # A dozen roundings at 2^-24 of values up to 4.
        torch.testing.assert_close(scaled, reference, rtol=1e-5, atol=1e-5)
    silent = fitted.denoise(Codeword(torch.zeros(2, LENGTH)), 0.5).values
    assert silent.abs().max() < 1e-15


@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 20.0])
def test_the_start_is_the_linear_estimate_of_each_element(snr_db: float) -> None:
    # White elements, of 64 so that a report's power is hardly more than their mean power: 1 + p of noise p is left.
    values = torch.randn(2000, 64, generator=seeded(0))
    denoiser = dnnnet(epochs=0, width=512)
    denoiser.fit(values)
    errors = relative_errors(denoiser, torch.randn(2000, 64, generator=seeded(1)), snr_db)
    # 2000 x 64 squares: 4 standard errors of sqrt(2 / 128000) are 1.6 %. The network is linear only so far, and the
    # report's power is estimated from 64 values: 3 % are left for both.
    assert float(errors.mean()) == pytest.approx(1 / (1 + 10 ** (-snr_db / 10)), rel=0.05)


def test_fit_is_repeatable_and_leaves_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    first, second = dnnnet(epochs=2), dnnnet(epochs=2)
    first.fit(signs(300, 0))
    second.fit(signs(300, 0))
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, tensor in first.state().items():
        assert torch.equal(tensor, second.state()[name])


def test_refuses_what_says_nothing() -> None:
    with pytest.raises(FeedbackInputError, match="denoiser dnnnet: got no network, expected fit"):
        dnnnet().denoise(Codeword(torch.zeros(1, LENGTH)), 0.1)
    for values in (torch.zeros(0, LENGTH), torch.full((4, LENGTH), math.nan), torch.zeros(4, LENGTH)):
        with pytest.raises(FeedbackInputError, match=r"denoiser dnnnet: got .*, expected"):
            dnnnet().fit(values)
    with pytest.raises(ValidationError, match="expected the lower bound first"):
        dnnnet(snr_db=[40, -5])


def network() -> NeuralCompressor:
    compressor_class = COMPRESSORS.get_class("csinet")
    compressor = compressor_class(compressor_class.Parameters(name="csinet", compression_ratio=4), (8, 8))
    assert isinstance(compressor, NeuralCompressor)
    return compressor


def nmse(compressor: NeuralCompressor, denoiser: Denoiser, csi: Tensor, snr_db: float) -> Tensor:
    """Of each channel."""
    received = noisy(compressor.encode(csi).values, snr_db)
    error = (compressor.decode(denoiser.denoise(received, 10 ** (-snr_db / 10))) - csi).abs().square().sum((1, 2))
    return error / csi.abs().square().sum((1, 2))


def test_joint_training_improves_the_whole_chain() -> None:
    training = TrainingSet(channels(400, (8, 8), seed=1), channels(100, (8, 8), seed=2))
    compressor = network()
    compressor.train_networks(training, TrainingRecipe(epochs=3, batch_size=50), seeded())
    clean = {name: tensor.clone() for name, tensor in compressor.state().items()}
    joint = TrainingRecipe(epochs=10, batch_size=50, learning_rate=2e-3, fc_rate_ratio=0.5)
    denoiser = dnnnet(epochs=5, snr_db=[-5, 10], joint=joint)
    denoiser.fit(compressor.encode(training.train).values)
    test = channels(200, (8, 8), seed=3)
    apart = nmse(compressor, denoiser, test, 0.0)
    weights = denoiser.state()["output.weight"].clone()
    denoiser.fit_jointly(compressor, training, seeded())
    gained = apart - nmse(compressor, denoiser, test, 0.0)
    # Paired errors of the same channels and noise: more than 4 standard errors.
    assert gained.mean() > 4 * gained.std() / len(test) ** 0.5
    state = compressor.state()
    for side in ("encoder", "decoder"):
        assert any(not torch.equal(state[name], clean[name]) for name in state if name.startswith(side))
    assert not torch.equal(denoiser.state()["output.weight"], weights)
    # What was learnt is all in the two states, which is what a scheme keeps.
    other, other_denoiser = network(), dnnnet(epochs=5, snr_db=[-5, 10], joint=joint)
    other.load_state(state)
    other_denoiser.load_state(denoiser.state())
    assert torch.equal(nmse(other, other_denoiser, test, 0.0), nmse(compressor, denoiser, test, 0.0))


def test_stage_2_is_left_out_where_there_is_nothing_to_train() -> None:
    training = TrainingSet(channels(60, (8, 8), seed=1), channels(20, (8, 8), seed=2))
    compressor, alone = network(), dnnnet(epochs=1, joint=None)
    before = {name: tensor.clone() for name, tensor in compressor.state().items()}
    alone.fit(compressor.encode(training.train).values)
    alone.fit_jointly(compressor, training, seeded())
    assert all(torch.equal(before[name], tensor) for name, tensor in compressor.state().items())
    klt_class = COMPRESSORS.get_class("klt")
    klt = klt_class(klt_class.Parameters(name="klt", compression_ratio=4), (8, 8))
    klt.fit(training, seeded())
    denoiser = dnnnet(epochs=1)
    denoiser.fit(klt.encode(training.train).values)
    weights = {name: tensor.clone() for name, tensor in denoiser.state().items()}
    denoiser.fit_jointly(klt, training, seeded())
    assert all(torch.equal(weights[name], tensor) for name, tensor in denoiser.state().items())
