"""Lloyd-Max quantisation: the scalar levels of least mean-square error on training codewords."""

from dataclasses import replace
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from feedback.csi_report.checks import check_training, check_values
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS, Quantiser, QuantiserParameters
from feedback.state import checked_state, state_length

_MAX_ITERATIONS = 2000
# Largest move of a level at which iterations end, in standard deviations.
_TOLERANCE = 1e-6
_QUANTILE_BINS = 4096


class LloydMaxParameters(QuantiserParameters):
    """Parameters of ``lloyd_max``."""

    name: Literal["lloyd_max"] = "lloyd_max"
    bits: int = Field(ge=1, le=10, description="bits per codeword value")


@QUANTISERS.register("lloyd_max")
class LloydMax(Quantiser):
    r"""One codebook of ``2^B`` levels for all elements, each brought to mean 0 and variance 1 before.

    .. math:: l_i = \arg\min_k |(v_i - m_i) / s_i - c_k|, \qquad \hat v_i = m_i + s_i c_{l_i}

    with the mean ``m_i`` and standard deviation ``s_i`` of element ``i`` over the training codewords. The levels
    ``c_k`` meet the conditions of Max (1960) and Lloyd (1982) on them: each is the mean of the values nearest to it.
    One codebook for all, because a few thousand codewords are enough for its outer levels, and not for those of one
    element.
    """

    titles = ("Lloyd-Max",)
    Parameters = LloydMaxParameters
    parameters: LloydMaxParameters

    def __init__(self, parameters: LloydMaxParameters) -> None:
        super().__init__(parameters)
        self._state: dict[str, Tensor] = {}

    def fit(self, values: Tensor) -> None:
        """Takes mean and deviation of every element, and the levels of all of them together.

        Raises:
            FeedbackInputError: if there are no codewords, or one is not finite.
        """
        check_training("quantiser lloyd_max", values)
        values = values.to(torch.float64)
        mean, deviation = values.mean(dim=0), values.std(dim=0, correction=0)
        # Elements that never varied say nothing about the levels.
        varied = deviation > 1e-6 * values.abs().amax(dim=0)
        deviation = torch.where(varied, deviation, 0.0)
        standardised = ((values - mean) / deviation)[:, varied]
        levels = lloyd_levels(standardised.flatten(), 2**self.parameters.bits)
        state = {"levels": levels, "mean": mean, "deviation": deviation}
        self._state = {name: tensor.to(torch.float32) for name, tensor in state.items()}

    def state(self) -> dict[str, Tensor]:
        """``levels``, rising, ``[2^B]``; ``mean`` and ``deviation`` of every element, ``[length]``; float32."""
        if not self._state:
            raise FeedbackInputError(
                "quantiser lloyd_max: got no levels, expected fit() on training codewords before use"
            )
        return dict(self._state)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Takes over the levels and scales of ``state``, whose length is the codeword's."""
        length = state_length(state, "mean")
        expected = {"levels": torch.empty(2**self.parameters.bits)}
        checked = checked_state(state, expected | {name: torch.empty(length) for name in ("mean", "deviation")})
        if (checked["levels"].diff() < 0).any() or (checked["deviation"] < 0).any():
            raise FeedbackInputError(
                "quantiser lloyd_max: got falling levels or a negative deviation, expected rising levels, 0 or more"
            )
        self._state = checked

    def quantise(self, codeword: Codeword) -> Codeword:
        """Numbers ``0 .. 2^B - 1`` of the nearest levels as float32, ``value_bits = M B``.

        Raises:
            FeedbackInputError: if a value is not finite, or the codeword has another length than in training.
        """
        levels, mean, deviation = self._tables(codeword)
        standardised = (codeword.values - mean) / torch.where(deviation > 0, deviation, 1.0)
        nearest = torch.searchsorted(_midpoints(levels), standardised.contiguous()).to(torch.float32)
        bits = self.parameters.bits
        return replace(codeword, values=nearest, value_bits=nearest.shape[1] * bits, level_bits=bits)

    def dequantise(self, received: Codeword) -> Codeword:
        """The received levels, scaled back."""
        levels, mean, deviation = self._tables(received)
        return replace(received, values=mean + deviation * levels[received.values.to(torch.int64)])

    def _tables(self, codeword: Codeword) -> tuple[Tensor, Tensor, Tensor]:
        state = self.state()
        check_values("quantiser lloyd_max", codeword, len(state["mean"]))
        levels, mean, deviation = (state[name].to(codeword.values.device) for name in ("levels", "mean", "deviation"))
        return levels, mean, deviation


def lloyd_levels(values: Tensor, n_levels: int) -> Tensor:
    """Levels of least mean-square error on an empirical distribution, by Lloyd's iteration.

    Args:
        values: ``[n]``, float64.
        n_levels: how many levels.

    Returns:
        Rising levels ``[n_levels]``, float64; all 0 where there are no values.
    """
    if len(values) == 0:
        return values.new_zeros(n_levels)
    ordered = values.sort().values
    sums = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
    levels = _high_resolution_levels(ordered, n_levels)
    for _ in range(_MAX_ITERATIONS):
        inner = torch.searchsorted(ordered, _midpoints(levels), right=True)
        edges = torch.cat([inner.new_zeros(1), inner, inner.new_full((1,), len(ordered))])
        counts = edges.diff()
        # A level that is nearest to no value stays where it is.
        means = torch.where(counts > 0, sums[edges].diff() / counts, levels).sort().values
        moved = float((means - levels).abs().max())
        levels = means
        if moved < _TOLERANCE:
            break
    return levels


def _high_resolution_levels(ordered: Tensor, n_levels: int) -> Tensor:
    """Levels with density proportional to the cube root of the values' (Panter and Dite, 1951), to start from."""
    n_bins = min(_QUANTILE_BINS, max(len(ordered) - 1, 1))
    ranks = torch.linspace(0, len(ordered) - 1, n_bins + 1, dtype=torch.float64, device=ordered.device)
    edges = ordered[ranks.round().to(torch.int64)]
    # Bins of equal count have a density of 1 / width, so the cube root's integral over a bin is width^(2/3).
    shares = edges.diff().pow(2 / 3)
    cumulative = torch.cat([shares.new_zeros(1), shares.cumsum(0)])
    wanted = (torch.arange(n_levels, dtype=torch.float64, device=ordered.device) + 0.5) / n_levels * cumulative[-1]
    bins = (torch.searchsorted(cumulative, wanted) - 1).clamp(min=0)
    within = (wanted - cumulative[bins]) / torch.where(shares[bins] > 0, shares[bins], 1.0)
    return edges[bins] + within * edges.diff()[bins]


def _midpoints(levels: Tensor) -> Tensor:
    return (levels[1:] + levels[:-1]) / 2
