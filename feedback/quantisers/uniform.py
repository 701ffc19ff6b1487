"""Uniform scalar quantisation of codeword values."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from feedback.csi_report.checks import check_training, check_values
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.quantisers.parameters.uniform import UniformParameters


@QUANTISERS.register("uniform")
class Uniform(Quantiser):
    r"""Mid-rise quantiser of ``2^B`` equal cells over each element's range in training; values outside clip.

    .. math:: l_i = \lfloor (v_i - a_i) / \Delta_i \rfloor, \quad \hat v_i = a_i + (l_i + 1/2) \Delta_i,
              \quad \Delta_i = (b_i - a_i) 2^{-B}

    with ``[a_i, b_i]`` the range of element ``i`` over the training codewords, which UE and BS both know.
    """

    Parameters = UniformParameters
    settings: UniformParameters
    low: Tensor
    step: Tensor

    def __init__(self, parameters: UniformParameters) -> None:
        super().__init__(parameters)
        self.declare(low=("length",), step=("length",))

    def fit(self, values: Tensor) -> None:
        """Takes the range of every codeword element.

        Raises:
            FeedbackInputError: if there are no codewords, or one is not finite.
        """
        check_training("quantiser uniform", values)
        self.low = values.amin(dim=0)
        self.step = (values.amax(dim=0) - self.low) * 2.0**-self.settings.bits

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """Cells are not of negative width."""
        if (state["step"] < 0).any():
            raise FeedbackInputError("quantiser uniform: got a negative cell width, expected 0 or more")

    def quantise(self, codeword: Codeword) -> Codeword:
        """Level numbers ``0 .. 2^B - 1`` as float32, ``value_bits = M B``.

        Raises:
            FeedbackInputError: if a value is not finite, or the codeword has another length than in training.
        """
        low, step = self._range(codeword)
        # An element that never varied has cells of no width: any level stands for its one value.
        cells = (codeword.values - low) / torch.where(step > 0, step, 1.0)
        bits = self.settings.bits
        levels = cells.floor().clamp(0, 2**bits - 1)
        return replace(codeword, values=levels, value_bits=levels.shape[1] * bits, level_bits=bits)

    def dequantise(self, received: Codeword) -> Codeword:
        """Centres of the received cells."""
        low, step = self._range(received)
        return replace(received, values=low + (received.values + 0.5) * step)

    def _range(self, codeword: Codeword) -> tuple[Tensor, Tensor]:
        check_values(self.stage, codeword, len(self.low))
        return self.low, self.step
