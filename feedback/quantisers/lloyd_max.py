"""Lloyd-Max quantisation: the scalar levels of least mean-square error on training codewords."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from feedback.csi_report.checks import check_training, check_values
from feedback.csi_report.codeword import Codeword
from feedback.errors import FeedbackInputError
from feedback.quantiser import QUANTISERS, Quantiser
from feedback.quantisers.parameters.lloyd_max import LloydMaxParameters

_MAX_ITERATIONS = 2000
# Largest move of a level at which iterations end, in standard deviations.
_TOLERANCE = 1e-6
_QUANTILE_BINS = 4096
# Every so-many-th training codeword is held out to choose an element's levels by.
_HELD_OUT = 4
# Training values whose levels are sought at once, so few that they stay in the cache.
_BLOCK = 2**17


@QUANTISERS.register("lloyd_max")
class LloydMax(Quantiser):
    r"""``2^B`` levels for each element of the codeword.

    .. math:: l_i = \arg\min_k |v_i - c_{i,k}|, \qquad \hat v_i = c_{i, l_i}

    The levels meet the conditions of Max (1960, DOI 10.1109/TIT.1960.1057548) and Lloyd (1982, DOI
    10.1109/TIT.1982.1056489) on the training values of element ``i``: each is the mean of the values nearest to it.
    A few thousand codewords may be too few for the outer levels: where those held out, a quarter, prefer them, an
    element gets the levels of all elements together, each brought to mean 0 and variance 1 before.
    """

    Parameters = LloydMaxParameters
    settings: LloydMaxParameters
    levels: Tensor

    def __init__(self, parameters: LloydMaxParameters) -> None:
        super().__init__(parameters)
        self.declare(levels=("length", 2**parameters.bits))

    def fit(self, values: Tensor) -> None:
        """Learns the levels of every element.

        Raises:
            FeedbackInputError: if there are no codewords, or one is not finite.
        """
        check_training("quantiser lloyd_max", values)
        self.levels = element_levels(values.to(torch.float64), 2**self.settings.bits).to(torch.float32)

    def check_learnt(self, state: Mapping[str, Tensor]) -> None:
        """Levels rise."""
        if (state["levels"].diff() < 0).any():
            raise FeedbackInputError("quantiser lloyd_max: got falling levels, expected rising ones")

    def quantise(self, codeword: Codeword) -> Codeword:
        """Numbers ``0 .. 2^B - 1`` of the nearest levels as float32, ``value_bits = M B``.

        Raises:
            FeedbackInputError: if a value is not finite, or the codeword has another length than in training.
        """
        levels = self._table(codeword)
        nearest = torch.searchsorted(_midpoints(levels), codeword.values.T.contiguous()).T.to(torch.float32)
        bits = self.settings.bits
        return replace(codeword, values=nearest, value_bits=nearest.shape[1] * bits, level_bits=bits)

    def dequantise(self, received: Codeword) -> Codeword:
        """The received levels."""
        levels = self._table(received)
        return replace(received, values=levels.gather(1, received.values.T.to(torch.int64)).T.contiguous())

    def _table(self, codeword: Codeword) -> Tensor:
        check_values(self.stage, codeword, len(self.levels))
        return self.levels


def element_levels(values: Tensor, n_levels: int) -> Tensor:
    """Levels of each element: its own, or those of all standardised elements where held-out codewords prefer them.

    Args:
        values: training codewords ``[n, length]``, float64.
        n_levels: how many levels.

    Returns:
        Rising levels ``[length, n_levels]``, float64; all the mean where an element never varied.
    """
    mean, deviation = values.mean(dim=0), values.std(dim=0, correction=0)
    # Elements that never varied say nothing about the levels.
    varied = deviation > 1e-6 * values.abs().amax(dim=0)
    standardised = ((values - mean) / deviation).T[varied].contiguous()
    held_out = torch.arange(len(values), device=values.device) % _HELD_OUT == _HELD_OUT - 1
    chosen = lloyd_levels(standardised.flatten(), n_levels).expand(len(standardised), -1)
    if held_out.any():
        known, test = standardised[:, ~held_out].contiguous(), standardised[:, held_out].contiguous()
        common = lloyd_levels(known.flatten(), n_levels).repeat(len(known), 1)
        own_wins = _distortion(test, lloyd_levels(known, n_levels)) < _distortion(test, common)
        chosen = torch.where(own_wins[:, None], lloyd_levels(standardised, n_levels), chosen)
    levels = mean[:, None].repeat(1, n_levels)
    levels[varied] += deviation[varied, None] * chosen
    return levels


def lloyd_levels(values: Tensor, n_levels: int) -> Tensor:
    """Levels of least mean-square error on empirical distributions, by Lloyd's iteration.

    Args:
        values: ``[..., n]``, float64, one distribution in each row.
        n_levels: how many levels.

    Returns:
        Rising levels ``[..., n_levels]``, float64; all 0 where there are no values.
    """
    if values.numel() == 0:
        return values.new_zeros(*values.shape[:-1], n_levels)
    rows = values.reshape(-1, values.shape[-1]).contiguous().split(max(_BLOCK // values.shape[-1], 1))
    return torch.cat([_levels_of_rows(block, n_levels) for block in rows]).view(*values.shape[:-1], n_levels)


def _levels_of_rows(values: Tensor, n_levels: int) -> Tensor:
    ordered = values.sort().values
    sums = torch.nn.functional.pad(ordered.cumsum(-1), (1, 0))
    levels = _high_resolution_levels(ordered, n_levels)
    moving = torch.ones_like(levels[:, :1], dtype=torch.bool)
    for _ in range(_MAX_ITERATIONS):
        inner = torch.searchsorted(ordered, _midpoints(levels), right=True)
        edges = torch.nn.functional.pad(torch.nn.functional.pad(inner, (1, 0)), (0, 1), value=ordered.shape[-1])
        counts = edges.diff()
        # A level that is nearest to no value stays where it is.
        means = torch.where(counts > 0, sums.gather(-1, edges).diff() / counts, levels).sort().values
        # A row that came to rest does not go on for the others' sake: its levels are the same in any company.
        moved = (means - levels).abs().amax(-1, keepdim=True)
        levels = torch.where(moving, means, levels)
        moving = moving & (moved >= _TOLERANCE)
        if not moving.any():
            break
    return levels


def _high_resolution_levels(ordered: Tensor, n_levels: int) -> Tensor:
    """Levels with density proportional to the cube root of the values' (Panter and Dite, 1951), to start from."""
    n = ordered.shape[-1]
    n_bins = min(_QUANTILE_BINS, max(n - 1, 1))
    ranks = torch.linspace(0, n - 1, n_bins + 1, dtype=torch.float64, device=ordered.device)
    edges = ordered[:, ranks.round().to(torch.int64)]
    # Bins of equal count have a density of 1 / width, so the cube root's integral over a bin is width^(2/3).
    shares = edges.diff().pow(2 / 3)
    cumulative = torch.nn.functional.pad(shares.cumsum(-1), (1, 0))
    middles = (torch.arange(n_levels, dtype=torch.float64, device=ordered.device) + 0.5) / n_levels
    wanted = middles * cumulative[:, -1:]
    bins = (torch.searchsorted(cumulative, wanted) - 1).clamp(min=0)
    share = shares.gather(-1, bins)
    within = (wanted - cumulative.gather(-1, bins)) / torch.where(share > 0, share, 1.0)
    return edges.gather(-1, bins) + within * edges.diff().gather(-1, bins)


def _distortion(values: Tensor, levels: Tensor) -> Tensor:
    """Mean squared error of each row of ``[rows, n]`` at its levels ``[rows, n_levels]``."""
    nearest = torch.searchsorted(_midpoints(levels), values)
    return (values - levels.gather(-1, nearest)).square().mean(-1)


def _midpoints(levels: Tensor) -> Tensor:
    return (levels[..., 1:] + levels[..., :-1]) / 2
