"""How many bits rounded codewords take: a distribution for each of their elements, learnt with the network."""

import math

import torch
from torch import Tensor, nn

_COMPONENTS = 3
# Widths of the components at the start over that of the element, of a sharp middle and wide ends.
_WIDTHS = (0.25, 0.6, 1.2)
_OFFSETS = (-0.1, 0.0, 0.1)
# Least standard deviation that an element is taken to have, in steps of the quantiser.
_MIN_DEVIATION = 0.05
# Less probable cells cost as much as these, so that the gradient stays finite.
_MIN_PROBABILITY = 2.0**-24


class FactorisedPrior(nn.Module):
    r"""Mixtures of logistic distributions, one for each element of a codeword, independent of each other.

    .. math:: p_i(l) = \sum_k \pi_{i,k} \left[ \sigma\!\left(\frac{l + 1/2 - \mu_{i,k}}{s_{i,k}}\right)
              - \sigma\!\left(\frac{l - 1/2 - \mu_{i,k}}{s_{i,k}}\right) \right]

    is what a cell of width 1 around ``l`` has of the density. Of values with uniform noise of width 1, which
    stands for the rounding in training, :math:`-\sum_i \log_2 p_i` is a differentiable estimate of the bits (Balle,
    Laparra, Simoncelli, 2017, arXiv:1611.01704; for CSI Yang, Mashhadi, Gunduz, 2019, arXiv:1907.02942). The decoder
    gets what is rounded, as at a few bits most values are 0, and noise would be most of what it gets (Minnen, Singh,
    2020, arXiv:2007.08739).

    Args:
        codewords: of the network at its start, ``[n, M]``.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, codewords: Tensor) -> None:
        super().__init__()
        length = codewords.shape[1]
        self.register_buffer("mean", codewords.mean(dim=0))
        self.register_buffer("deviation", codewords.std(dim=0, correction=0).clamp_min(_MIN_DEVIATION))
        start = torch.zeros(3, length, _COMPONENTS, device=codewords.device)
        start[1] += torch.tensor(_OFFSETS, device=codewords.device)
        # A logistic distribution of scale s deviates by pi s / sqrt(3).
        start[2] += torch.tensor(_WIDTHS, device=codewords.device).mul(math.sqrt(3) / math.pi).log()
        # Logits of the weights, means, and logarithms of the scales, for elements of mean 0 and deviation 1.
        self.shape = nn.Parameter(start)

    def bits(self, values: Tensor) -> Tensor:
        """Bits of codewords ``[batch, M]``, rounded or with noise, ``[batch]``."""
        logits, means, scales = self.shape
        scales = scales.exp()
        centred = ((values - self.mean) / self.deviation)[:, :, None] - means
        half = 0.5 / self.deviation[:, None]
        upper, lower = (centred + half) / scales, (centred - half) / scales
        # Differences of sigmoids are taken where these are small.
        turned = -torch.sign(upper + lower)
        cells = (torch.sigmoid(turned * upper) - torch.sigmoid(turned * lower)).abs()
        probability = (logits.softmax(dim=-1) * cells).sum(-1)
        return -probability.clamp_min(_MIN_PROBABILITY).log2().sum(1)


def empirical_bits(levels: Tensor) -> Tensor:
    r"""Sum over the elements of the entropy of their levels, bits of a codeword on average, a scalar.

    Args:
        levels: whole numbers, ``[n, M]``.
    """
    total = levels.new_zeros((), dtype=torch.float64)
    for element in levels.T:
        share = element.unique(return_counts=True)[1].to(torch.float64) / len(element)
        total -= (share * share.log2()).sum()
    return total
