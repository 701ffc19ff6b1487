"""Uniform quantisation of codeword values after a sigmoid, as in ACRNet."""

import math
from dataclasses import replace

from torch import Tensor

from feedback.csi_report.checks import check_values
from feedback.csi_report.codeword import Codeword
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.quantisers.parameters.sigmoid_uniform import SigmoidUniformParameters


@QUANTISERS.register("sigmoid_uniform")
class SigmoidUniform(Quantiser):
    r"""Squashes values into (0, 1) and rounds them down to ``2^B`` equal cells (ACRNet, eq. 12); learns nothing.

    .. math:: l = \lfloor 2^B \, \sigma(v) \rfloor, \qquad \hat v = \sigma^{-1}\bigl((l + 1/2)\, 2^{-B}\bigr)

    with the sigmoid :math:`\sigma`. The paper does not say how the BS inverts it; here it takes the cell's centre.
    """

    Parameters = SigmoidUniformParameters
    settings: SigmoidUniformParameters

    @property
    def largest_value(self) -> float:
        """That of the outermost cell's centre."""
        return math.log(2 ** (self.settings.bits + 1) - 1)

    def quantise(self, codeword: Codeword) -> Codeword:
        """Level numbers ``0 .. 2^B - 1`` as float32, ``value_bits = M B``.

        Raises:
            FeedbackInputError: if a value is not finite.
        """
        check_values("quantiser sigmoid_uniform", codeword)
        bits, levels = self.settings.bits, self._levels(codeword.values)
        return replace(codeword, values=levels, value_bits=levels.shape[1] * bits, level_bits=bits)

    def dequantise(self, received: Codeword) -> Codeword:
        """The logit of the received cells' centres."""
        return replace(received, values=self._centres(received.values))

    def received(self, values: Tensor) -> Tensor:
        """As the BS gets them; without a look at what they are, which a captured step of training cannot have."""
        return self._centres(self._levels(values))

    def _levels(self, values: Tensor) -> Tensor:
        # The sigmoid of a large value rounds to 1, which lies in no cell.
        return (values.sigmoid() * 2**self.settings.bits).floor().clamp(max=2**self.settings.bits - 1)

    def _centres(self, levels: Tensor) -> Tensor:
        return ((levels + 0.5) * 2.0**-self.settings.bits).logit()
