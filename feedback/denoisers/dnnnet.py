"""DNNNet (Ye et al., 2020): a fully connected network takes the noise off a received codeword."""

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from feedback.compressor import Compressor
from feedback.csi_report.checks import check_training, check_values
from feedback.csi_report.codeword import Codeword
from feedback.denoiser import DENOISERS, Denoiser
from feedback.denoisers.noise_extraction import NoiseExtraction
from feedback.denoisers.parameters.dnnnet import DnnNetParameters
from feedback.errors import FeedbackInputError
from feedback.neural import NeuralCompressor
from feedback.state import state_length
from feedback.training.disturbance import Disturbance
from feedback.training.loop import train
from feedback.training.noise import drawn_snr_db, with_noise
from feedback.training.options import TrainingOptions
from feedback.training_set import TrainingSet

_SEED = 0
_BATCH_SIZE = 200
# One in so many training codewords is held out, to select on.
_HELD_OUT = 10


@DENOISERS.register("dnnnet")
class DnnNet(Denoiser):
    r"""Extracts the noise from the received codeword and subtracts it (see ``NoiseExtraction``).

    Stage 1, ``fit``: pairs of noisy and clean training codewords, the compressor as it is. What is made least is the
    error over the report's power, as with the Wiener filter, over a range of SNRs,

    .. math:: E[\lVert \hat v - v \rVert^2 / (M p)], \qquad p = \lVert v \rVert^2 / M.

    Stage 2, ``fit_jointly``: a network's encoder, the noise, this network and the network's decoder are trained
    together, end to end. Compressors that are no networks keep to stage 1.

    The paper's text leaves open whether the network is told the noise level, which the BS knows; here it is, as the
    Wiener filter is.
    """

    Parameters = DnnNetParameters
    settings: DnnNetParameters
    inner = "network"
    network: NoiseExtraction

    def fit(self, values: Tensor) -> None:
        """Stage 1; draws from a stream of its own. Codewords without power, which get no noise, say nothing.

        Raises:
            FeedbackInputError: if there are no codewords of some power, or one is not finite.
        """
        check_training("denoiser dnnnet", values)
        values = values.detach()
        values = values[values.square().mean(dim=1) > 0]
        if len(values) == 0:
            raise FeedbackInputError("denoiser dnnnet: got training codewords that are all zero, expected power")
        generator = torch.Generator().manual_seed(_SEED)
        network = self._build(values.shape[1])
        network.start(values.cpu(), generator)
        self.network = network.to(values.device)
        with torch.enable_grad():
            _pretrain(self.network, values, self.settings, generator)

    def fit_jointly(self, compressor: Compressor, training: TrainingSet, generator: torch.Generator) -> None:
        """Stage 2; the best weights on the validation channels are kept, those of stage 1 among them.

        Raises:
            FeedbackInputError: if the training set is unusable, or the loss becomes NaN or infinite.
        """
        section = self.settings.joint
        if section is None or not isinstance(compressor, NeuralCompressor):
            return
        recipe = self.settings.joint_recipe(section).for_phases(compressor.settings.phases_are_chosen)
        decoder = _DenoisingDecoder(self.network, compressor.decoder)
        options = compressor.suited(TrainingOptions(disturbance=_KnownNoise(snr_db=self.settings.snr_db)))
        with torch.enable_grad():
            train(compressor.encoder, decoder, compressor.training_matrices(training), recipe, generator, options)

    def build_inner(self, state: Mapping[str, Tensor]) -> NoiseExtraction:
        """A network for codewords of the state's length."""
        return self._build(state_length(state, "mean"))

    @torch.no_grad()
    def denoise(self, received: Codeword, noise_to_signal: float) -> Codeword:
        """The codeword less its extracted noise; the received one where there is no noise.

        Raises:
            FeedbackInputError: if the values are level numbers or bits, not finite, or of another number than in
                training.
        """
        network = self.network
        if received.value_bits is not None:
            raise FeedbackInputError("denoiser dnnnet: got quantised values, expected analogue ones (quantiser none)")
        check_values("denoiser dnnnet", received, len(network.mean))
        if noise_to_signal == 0:
            return received
        values = received.values
        level = values.new_full((len(values), 1), noise_to_signal)
        return replace(received, values=network(values, level))

    def _build(self, length: int) -> NoiseExtraction:
        settings = self.settings
        return NoiseExtraction(length, settings.hidden_layers, settings.width, settings.snr_db)


class _DenoisingDecoder(nn.Module):
    """Codewords as received, with the noise level behind their values, to images."""

    def __init__(self, denoiser: NoiseExtraction, decoder: nn.Module) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.decoder = decoder

    def forward(self, received: Tensor) -> Tensor:
        """``[batch, M + 1]`` to ``[batch, 2, Na, Nt]``."""
        rebuilt: Tensor = self.decoder(self.denoiser(received[:, :-1], received[:, -1:]))
        return rebuilt


class _KnownNoise(Disturbance):
    """Noise whose level the BS is told: noise power over the report's power follows the codeword's values."""

    snr_db: tuple[float, float]

    def apply(self, codewords: Tensor, generator: torch.Generator) -> Tensor:
        """Codewords ``[batch, M]`` with noise, and its level, ``[batch, M + 1]``."""
        snr_db = drawn_snr_db(self.snr_db, len(codewords), generator)
        level = (10 ** (-snr_db / 10)).to(codewords.device)
        return torch.cat([with_noise(codewords, snr_db, generator), level], dim=1)


def _pretrain(
    network: NoiseExtraction, codewords: Tensor, parameters: DnnNetParameters, generator: torch.Generator
) -> None:
    """Trains on pairs of noisy and clean codewords, new noise at every pass; Adam, its steps falling as a cosine.

    The weights of least error on the codewords held out are kept, those of the start among them.
    """
    n_held = max(len(codewords) // _HELD_OUT, 1)
    held, codewords = codewords[:n_held], codewords[n_held:] if len(codewords) > 1 else codewords
    held_seed = int(torch.randint(2**62, (), generator=generator))

    def held_loss() -> float:
        with torch.no_grad():
            return float(_loss(network, held, parameters, torch.Generator().manual_seed(held_seed)))

    best_loss, best = held_loss(), copy.deepcopy(network.state_dict())
    optimiser = torch.optim.Adam(network.parameters(), lr=parameters.learning_rate, fused=True)
    batches = math.ceil(len(codewords) / _BATCH_SIZE)
    schedule: Any = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(parameters.epochs * batches, 1))
    for _ in range(parameters.epochs):
        order = torch.randperm(len(codewords), generator=generator).to(codewords.device)
        for rows in order.split(_BATCH_SIZE):
            optimiser.zero_grad()
            _loss(network, codewords[rows], parameters, generator).backward()
            optimiser.step()
            schedule.step()
        if (loss := held_loss()) < best_loss:
            best_loss, best = loss, copy.deepcopy(network.state_dict())
    network.load_state_dict(best)


def _loss(network: NoiseExtraction, clean: Tensor, parameters: DnnNetParameters, generator: torch.Generator) -> Tensor:
    """Mean error of estimated codewords over their power."""
    estimate = network(*_noisy(clean, parameters, generator))
    return ((estimate - clean).square() / clean.square().mean(dim=1, keepdim=True)).mean()


def _noisy(clean: Tensor, parameters: DnnNetParameters, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Codewords with noise, ``[n, M]``, and its power over theirs, ``[n, 1]``."""
    snr_db = drawn_snr_db(parameters.snr_db, len(clean), generator)
    return with_noise(clean, snr_db, generator), (10 ** (-snr_db / 10)).to(clean.device)
