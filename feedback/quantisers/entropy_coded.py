"""Uniform quantisation followed by entropy coding: every report is a bitstream of its own length."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from feedback.csi_report.checks import check_training, check_values
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.quantisers.parameters.entropy_coded import EntropyCodedParameters
from feedback.quantisers.range_coding import range_decode, range_encode

# Levels at each side of the mean, at most: more would take priors of another size than codewords need.
_MOST_LEVELS = 4096


@QUANTISERS.register("entropy_coded")
class EntropyCoded(Quantiser):
    r"""Equal cells, the same for all elements, range-coded under each element's distribution in training.

    .. math:: l_i = \mathrm{round}((v_i - m_i) / \Delta), \quad \hat v_i = m_i + l_i \Delta, \quad
              \text{bits} \approx -\sum_i \log_2 p_i(l_i)

    with ``m_i`` the mean of element ``i`` over the training codewords. One cell width for all elements is what gives
    the least mean-square error for a total rate at high resolution (Gish and Pierce, 1968): an element that hardly
    varies then costs hardly any bits. ``p_i`` is the histogram of training levels, one further codeword spread evenly
    over all levels, so that each can be coded; values outside all training ranges clip.

    No bitstream begins with another, so reports may follow each other on the link without a word about their length.
    """

    Parameters = EntropyCodedParameters
    settings: EntropyCodedParameters
    mean: Tensor
    step: Tensor
    priors: Tensor

    def __init__(self, parameters: EntropyCodedParameters) -> None:
        super().__init__(parameters)
        self.declare(mean=("length",), step=(), priors=("length", "levels"))

    def fit(self, values: Tensor) -> None:
        """Takes the mean of every element, the common cell width, and the distribution of every element's levels.

        Raises:
            FeedbackInputError: if there are no codewords, or one is not finite.
        """
        check_training("quantiser entropy_coded", values)
        mean = values.mean(dim=0, dtype=torch.float64).to(torch.float32)
        step = self._step(values)
        levels = _levels(values, mean, step)
        reach = max(int(levels.abs().max()), 1)
        n_elements, n_levels = len(mean), 2 * reach + 1
        bins = torch.arange(n_elements, device=values.device) * n_levels + (levels + reach).to(torch.int64)
        counts = bins.flatten().bincount(minlength=n_elements * n_levels).view(n_elements, n_levels)
        priors = (counts + 1 / n_levels) / (len(values) + 1)
        self.mean, self.step, self.priors = mean, step, priors.to(torch.float32)

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """There is a level amid, every level can occur, and cells are not of negative width."""
        if state["priors"].shape[1] % 2 == 0 or (state["priors"] <= 0).any() or state["step"] < 0:
            raise FeedbackInputError(
                "quantiser entropy_coded: got an even number of levels, a probability of 0 or a negative cell width, "
                "expected an odd number, probabilities above 0, and a width of 0 or more"
            )

    def quantise(self, codeword: Codeword) -> Codeword:
        """Bits 0 and 1 as float32, ``[batch, longest]``, zeros behind the ``value_bits`` of each report.

        Raises:
            FeedbackInputError: if a value is not finite, or the codeword has another length than in training.
        """
        check_values(self.stage, codeword, len(self.mean))
        priors = self._priors()
        reach = priors.shape[1] // 2
        levels = _levels(codeword.values, self.mean, self.step).clamp(-reach, reach) + reach
        streams = [range_encode(symbols, priors) for symbols in levels.cpu().numpy().astype(np.int32)]
        lengths = [len(stream) for stream in streams]
        bits = np.zeros((len(streams), max(lengths, default=0)), np.float32)
        for row, stream in zip(bits, streams, strict=True):
            row[: len(stream)] = stream
        device = codeword.values.device
        return replace(
            codeword, values=torch.from_numpy(bits).to(device), value_bits=torch.tensor(lengths, device=device)
        )

    def dequantise(self, received: Codeword) -> Codeword:
        """Centres of the cells that the bitstreams stand for; what follows their end does not matter.

        Where the link loses reports, the BS also takes those for lost whose bits no report has, which are a stream as
        ``quantise`` makes it and zeros; such rows hold the means.

        Raises:
            FeedbackInputError: if the values are no bitstreams of this quantiser, and the link loses none.
        """
        if not isinstance(received.value_bits, Tensor):
            raise FeedbackInputError("quantiser entropy_coded: got no lengths of bitstreams, expected one per report")
        priors = self._priors()
        bits = received.values.cpu().numpy().astype(np.uint8)
        lengths = received.value_bits.tolist()
        reach, erased = priors.shape[1] // 2, received.erased
        levels = np.zeros((len(bits), len(priors)), np.int32)
        lost = np.zeros(len(bits), bool) if erased is None else erased.cpu().numpy()
        for row in np.flatnonzero(~lost):
            stream = bits[row, : lengths[row]]
            try:
                symbols = range_decode(stream, priors)
            except FeedbackInputError:
                if erased is None:
                    raise
                lost[row] = True
                continue
            if erased is not None and not _is_padded(stream, range_encode(symbols, priors)):
                lost[row] = True
                continue
            levels[row] = symbols - reach
        offsets = torch.from_numpy(levels.astype(np.float32)).to(received.values.device) * self.step
        erased = None if erased is None else torch.from_numpy(lost).to(erased.device)
        return replace(received, values=self.mean + offsets, erased=erased)

    def _step(self, values: Tensor) -> Tensor:
        if self.settings.cells is not None:
            return (values.amax(dim=0) - values.amin(dim=0)).amax() / self.settings.cells
        step = values.new_tensor(self.settings.step)
        reach = float((values - values.mean(dim=0)).abs().max() / step)
        if reach > _MOST_LEVELS:
            raise FeedbackInputError(
                f"{self.stage}: step: got {self.settings.step:g}, which gives values of up to {reach:.0f} steps, "
                f"expected at most {_MOST_LEVELS}"
            )
        return step

    def _priors(self) -> np.ndarray:
        return self.priors.cpu().numpy()


def _is_padded(bits: np.ndarray, stream: np.ndarray) -> bool:
    """Whether the bits are a stream with nothing but zeros behind it."""
    return np.array_equal(bits[: len(stream)], stream) and not bits[len(stream) :].any()


def _levels(values: Tensor, mean: Tensor, step: Tensor) -> Tensor:
    # Elements that never varied have cells of no width: level 0 stands for their one value.
    return ((values - mean) / torch.where(step > 0, step, torch.inf)).round()
