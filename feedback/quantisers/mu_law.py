"""Quantisation of mu-law companded codeword values, as in CsiNet+."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from feedback.csi_report.checks import check_training, check_values
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.quantisers.parameters.mu_law import MuLawParameters


@QUANTISERS.register("mu_law")
class MuLaw(Quantiser):
    r"""``2^B`` equal cells after mu-law companding: fine near each element's mean, coarse far from it.

    .. math:: x_i = (v_i - m_i) / a_i, \quad
              F(x) = \mathrm{sgn}(x) \frac{\ln(1 + \mu |x|)}{\ln(1 + \mu)}, \quad
              l_i = \lfloor (F(x_i) + 1)\, 2^{B - 1} \rfloor

    with ``m_i`` the mean of element ``i`` over the training codewords and ``a_i`` its largest deviation; what lies
    outside clips. The BS expands the centre of the received cell. CsiNet+ further corrects the expanded values by a
    trained offset network, which is left out.
    """

    Parameters = MuLawParameters
    settings: MuLawParameters
    mean: Tensor
    reach: Tensor

    def __init__(self, parameters: MuLawParameters) -> None:
        super().__init__(parameters)
        self.declare(mean=("length",), reach=("length",))

    def fit(self, values: Tensor) -> None:
        """Takes the mean and the largest deviation of every codeword element.

        Raises:
            FeedbackInputError: if there are no codewords, or one is not finite.
        """
        check_training("quantiser mu_law", values)
        self.mean = values.mean(dim=0, dtype=torch.float64).to(torch.float32)
        self.reach = (values - self.mean).abs().amax(dim=0)

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """Ranges are not negative."""
        if (state["reach"] < 0).any():
            raise FeedbackInputError("quantiser mu_law: got a negative range, expected 0 or more")

    def quantise(self, codeword: Codeword) -> Codeword:
        """Level numbers ``0 .. 2^B - 1`` as float32, ``value_bits = M B``.

        Raises:
            FeedbackInputError: if a value is not finite, or the codeword has another length than in training.
        """
        mean, reach = self._range(codeword)
        mu, bits = self.settings.mu, self.settings.bits
        # An element that never varied has no range: any level stands for its one value.
        x = ((codeword.values - mean) / torch.where(reach > 0, reach, 1.0)).clamp(-1, 1)
        companded = x.sign() * (mu * x.abs()).log1p() / math.log1p(mu)
        levels = ((companded + 1) * 2 ** (bits - 1)).floor().clamp(0, 2**bits - 1)
        return replace(codeword, values=levels, value_bits=levels.shape[1] * bits, level_bits=bits)

    def dequantise(self, received: Codeword) -> Codeword:
        """Expanded centres of the received cells."""
        mean, reach = self._range(received)
        mu = self.settings.mu
        companded = (received.values + 0.5) * 2.0 ** (1 - self.settings.bits) - 1
        x = companded.sign() * (companded.abs() * math.log1p(mu)).expm1() / mu
        return replace(received, values=mean + reach * x)

    def _range(self, codeword: Codeword) -> tuple[Tensor, Tensor]:
        check_values(self.stage, codeword, len(self.mean))
        return self.mean, self.reach
