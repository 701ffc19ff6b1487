"""The fully connected network that extracts the noise of a received codeword (DNNNet)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from feedback.layers.basic import initialise


class NoiseExtraction(nn.Module):
    r"""Subtracts from a received codeword what is taken for its noise: a linear share, and what a network finds.

    .. math:: \hat v_i = r_i - \sqrt{\hat p / \gamma} \, \bigl(w_i x_i + g_L(\dots g_2(x))_i\bigr), \qquad
              g_l(x) = \zeta(W_l x + b_l), \quad g_L(x) = W_L x + b_L

    with the sigmoid :math:`\zeta` (Ansari and Feghhi, eqs. 1 to 5, after Ye et al., 2020). Codewords of all powers and
    noise levels look alike to the network: the power of the report is estimated from what was received,
    :math:`\hat p = \lVert r \rVert^2 / (M (1 + 1 / \gamma))`, and the input is

    .. math:: x_i = (r_i / \sqrt{\hat p} - m_i) / \sqrt{s_i^2 + 1 / \gamma}

    with mean ``m`` and deviation ``s`` of the elements of codewords of unit power, and one further input for the SNR,
    from -1 to 1 over the range that was learnt. The weights :math:`w_i = \gamma^{-1/2} (s_i^2 + 1 / \gamma)^{-1/2}` are
    not learnt and not the paper's: they make the linear MMSE estimate of each element by itself, which the network
    starts from, as its output layer starts at 0.

    Args:
        length: codeword length ``M``.
        hidden_layers: layers with a sigmoid, ``L - 2``.
        width: outputs of each of them.
        snr_db: feedback SNRs that are learnt, lower bound first.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, length: int, hidden_layers: int, width: int, snr_db: tuple[float, float]) -> None:
        super().__init__()
        self.snr_db = snr_db
        self.register_buffer("mean", torch.zeros(length))
        self.register_buffer("deviation", torch.ones(length))
        sizes = [length + 1, *[width] * hidden_layers]
        # Layers draw weights as they are made, from the global generator, whose state must stay as it is.
        with torch.random.fork_rng(devices=[]):
            self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
            self.output = nn.Linear(width, length)

    @torch.no_grad()
    def start(self, codewords: Tensor, generator: torch.Generator) -> None:
        """Takes the moments of training codewords ``[n, M]``, each of some power, and draws weights."""
        unit = codewords / codewords.square().mean(dim=1, keepdim=True).sqrt()
        self.mean.copy_(unit.mean(dim=0))
        self.deviation.copy_(unit.std(dim=0, correction=0))
        initialise(self, generator)
        nn.init.zeros_(self.output.weight)

    def forward(self, received: Tensor, noise_to_signal: Tensor) -> Tensor:
        """Estimated codewords ``[batch, M]``.

        Args:
            received: ``[batch, M]``.
            noise_to_signal: noise power over the power of each report, linear, above 0, ``[batch, 1]``.
        """
        power = received.square().mean(dim=1, keepdim=True) / (1 + noise_to_signal)
        # A report without power has no noise; the square root has no gradient at 0.
        amplitude = power.clamp_min(torch.finfo(power.dtype).tiny).sqrt()
        spread = (self.deviation.square() + noise_to_signal).sqrt()
        x = (received / amplitude - self.mean) / spread
        linear = x * noise_to_signal.sqrt() / spread
        h = torch.cat([x, self._level(noise_to_signal)], dim=1)
        for layer in self.hidden:
            # Of mean 0 and slope 1 at 0: the same functions as the plain sigmoid's, and steps that suit the next layer.
            h = 4 * layer(h).sigmoid() - 2
        return received - amplitude * noise_to_signal.sqrt() * (linear + self.output(h))

    def _level(self, noise_to_signal: Tensor) -> Tensor:
        low, high = self.snr_db
        centre, reach = (low + high) / 2, max((high - low) / 2, 1.0)
        return ((-10 * noise_to_signal.log10() - centre) / reach).clamp(-1, 1)
