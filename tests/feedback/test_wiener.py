"""How far the Wiener filter corrects a codeword, where a decoder has learnt to live with noise itself."""

import pytest
import torch
from linear_networks import seeded
from torch import Tensor

from feedback.compressor import COMPRESSORS, Complexity, Compressor, CompressorParameters
from feedback.conformance.candidate import channels
from feedback.csi_report.codeword import Codeword
from feedback.denoisers.wiener import Wiener
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet


class Scaled(Compressor):
    """Reports every entry; the BS scales what it gets."""

    def __init__(self, gain: float) -> None:
        super().__init__(CompressorParameters(name="scaled"), (4, 2))
        self.gain = gain

    def encode(self, csi: Tensor) -> Codeword:
        return Codeword(torch.view_as_real(csi).flatten(1))

    def decode(self, received: Codeword) -> Tensor:
        return self.gain * torch.view_as_complex(received.values.unflatten(1, (4, 2, 2)))

    def complexity(self) -> Complexity:
        return Complexity(ue_macs=0, bs_macs=0, ue_parameters=0, bs_parameters=0)


def wiener() -> Wiener:
    return Wiener(Wiener.Parameters())


@pytest.mark.parametrize(("gain", "share"), [(1.0, 1.0), (0.75, 0.67), (0.5, 0.0)])
def test_corrects_as_far_as_the_decoder_gains_by_it(gain: float, share: float) -> None:
    csi = torch.randn(2000, 4, 2, dtype=torch.complex64, generator=seeded(1))
    training, compressor, denoiser = TrainingSet(csi, csi[:0]), Scaled(gain), wiener()
    denoiser.fit(compressor.encode(csi).values)
    denoiser.fit_jointly(compressor, training, seeded(2))
    received = Codeword(torch.randn(50, 16, generator=seeded(3)))
    # White values at an SNR of 1: the filter halves, and so does the whole chain of least error. What the decoder does
    # not do of it is left for the share: gain (1 - share / 2) = 1 / 2, shares in quarters.
    factor = float((denoiser.denoise(received, 1.0).values * received.values).sum() / received.values.square().sum())
    # Moments of 2000 codewords are off by 2 %, half a step of the share is 0.125 / 2.
    assert factor == pytest.approx(1 - share / 2, abs=0.08)


def test_never_loses_where_a_network_was_trained_through_noise() -> None:
    compressor_class = COMPRESSORS.get_class("csinet")
    document = {"name": "csinet", "compression_ratio": 4, "disturbance": {"snr_db": [-5, 5]}}
    compressor = compressor_class(compressor_class.Parameters.model_validate(document), (8, 8))
    assert isinstance(compressor, NeuralCompressor)
    training = TrainingSet(channels(600, (8, 8)), channels(50, (8, 8), seed=1))
    compressor.train_networks(training, TrainingRecipe(epochs=8, batch_size=50), seeded(2))
    full, fitted = wiener(), wiener()
    for denoiser in (full, fitted):
        denoiser.fit(compressor.encode(training.train).values)
    fitted.fit_jointly(compressor, training, seeded(3))
    csi = channels(600, (8, 8), seed=4)
    sent = compressor.encode(csi).values
    lost_by_full = False
    for snr_db in (-5, 5, 20, 40):
        noise = 10 ** (-snr_db / 10)
        amplitude = (sent.square().mean(1, keepdim=True) * noise).sqrt()
        received = Codeword(sent + amplitude * torch.randn(sent.shape, generator=seeded(5)))
        plain = _relative_errors(csi, compressor.decode(received))
        for denoiser in (full, fitted):
            lost = _relative_errors(csi, compressor.decode(denoiser.denoise(received, noise))) - plain
            # Paired errors of 600 channels; the share was chosen on others.
            beyond_interval = bool(lost.mean() > 1.96 * lost.std() / len(lost) ** 0.5)
            if denoiser is fitted:
                assert not beyond_interval, snr_db
            lost_by_full |= beyond_interval
    assert lost_by_full


def test_refuses_shares_that_are_none() -> None:
    denoiser = wiener()
    denoiser.fit(torch.randn(50, 4, generator=seeded(1)))
    with pytest.raises(FeedbackInputError, match="got a share outside 0 to 1"):
        denoiser.load_state(denoiser.state() | {"shares": denoiser.state()["shares"] * 2})


def _relative_errors(csi: Tensor, rebuilt: Tensor) -> Tensor:
    return (rebuilt - csi).abs().square().sum((1, 2)) / csi.abs().square().sum((1, 2))
