"""Probabilities and centroids of the context model, counted from what training reports have in every context."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import sizes

# Probabilities of the 256 numbers lie equally far apart in log odds, from 24 / 65536 to its complement.
_LEAST = 24 / 65536
_REACH = float(np.log((1 - _LEAST) / _LEAST))

# Axes over which counts are pooled, the coarsest first, and how many counts each pool is worth to the next.
_Pools = Sequence[tuple[tuple[int, ...], float]]


def number_tables() -> dict[str, NDArray[Any]]:
    """The tables ``probability``, ``price`` and ``logarithm``, which no training changes."""
    probability = np.round(65536 * _odds_to_probability(np.arange(256)))
    price = np.round(-256 * np.log2(np.stack([1 - probability / 65536, probability / 65536])))
    logarithm = np.round(16 * np.log2(1 + np.arange(sizes.LOGARITHMS)))
    return {
        "probability": probability.astype(np.uint16),
        "price": price.astype(np.uint16),
        "logarithm": logarithm.astype(np.uint8),
    }


def probability_numbers(probability: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The nearest numbers of probabilities of any shape."""
    p = np.clip(probability, _LEAST, 1 - _LEAST)
    numbers: NDArray[np.uint8] = np.round((np.log(p / (1 - p)) / _REACH + 1) / 2 * 255).astype(np.uint8)
    return numbers


class ContextCounts:
    """What reports have in every context: outcomes of each decision, ``[..., 2]``, and where values of a level lie."""

    def __init__(self) -> None:
        s = sizes
        self.zero = np.zeros((s.PRIMARY, s.SECONDARY, s.PREDICTED, s.SEEN, 2), np.int64)
        self.agrees = np.zeros((s.PRIMARY, s.PREDICTED, 2, 2), np.int64)
        self.larger = np.zeros((s.PRIMARY, s.SECONDARY, 2, s.PREDICTED // 2, s.SIZES, 2), np.int64)
        self.offset_total = np.zeros((s.CENTROIDS + 1, 2, s.PREDICTED, s.PRIMARY, s.SEEN), np.int64)
        self.offset_count = np.zeros_like(self.offset_total)

    def add(self, levels: NDArray[np.int16], contexts: NDArray[np.uint8], values: NDArray[np.int32]) -> None:
        """Counts entries.

        Args:
            levels: ``[m, 2]``.
            contexts: of ``CodingRecord``, ``[m, 2, 4]``.
            values: in 1/256 step, ``[m, 2]``.
        """
        primary, secondary, size, last = contexts.reshape(-1, 4).T.astype(np.int64)
        seen, negative, part = last // 2, last % 2 == 1, np.tile(np.arange(2), len(contexts))
        level = levels.ravel().astype(np.int64)
        magnitude, agrees = np.abs(level), ((level < 0) == negative).astype(np.int64)
        nonzero = np.flatnonzero(level)
        _count(self.zero, primary, secondary, size, seen, (level == 0).astype(np.int64))
        _count(self.agrees, *(column[nonzero] for column in (primary, size, part, agrees)))
        about = primary, secondary, agrees, size // 2
        for k in range(1, sizes.SIZES + 1):
            decided = nonzero[magnitude[nonzero] >= k]
            more = (magnitude[decided] > k).astype(np.int64)
            _count(self.larger, *(column[decided] for column in about), np.full(len(decided), k - 1), more)
        direction = np.where(level == 0, np.where(negative, -1, 1), np.sign(level))
        offset = (values.ravel() - 256 * level) * direction
        where = np.minimum(magnitude, sizes.CENTROIDS), np.where(level == 0, 0, agrees), size, primary, seen
        _count(self.offset_count, *where)
        _count(self.offset_total, *where, weights=offset)

    def decision_tables(self) -> dict[str, NDArray[Any]]:
        """The tables ``zero``, ``agrees`` and ``larger``."""
        larger = [
            _probabilities(self.larger[..., k, :], (((1, 2, 3), 4), ((2, 3), 8), ((3,), 8), ((), 8)), start=0.4)
            for k in range(sizes.SIZES)
        ]
        zero = _probabilities(self.zero, (((1, 2, 3), 2), ((1, 2), 8), ((1,), 8), ((), 8)))
        agrees = _probabilities(self.agrees, (((0,), 8), ((), 16)))
        return {
            "zero": probability_numbers(zero),
            "agrees": probability_numbers(agrees),
            "larger": probability_numbers(np.stack(larger, axis=-1)),
        }

    def centroid_table(self) -> NDArray[np.int16]:
        """The table ``centroid``."""
        mean = np.zeros(1)
        for pooled, strength in (((2, 3, 4), 1.0), ((3, 4), 20.0), ((4,), 20.0), ((), 20.0)):
            total = self.offset_total.sum(pooled, keepdims=True)
            mean = (total + strength * mean) / (self.offset_count.sum(pooled, keepdims=True) + strength)
        found: NDArray[np.int16] = np.round(mean).astype(np.int16)
        # Nothing says in which direction a zero is moved whose prediction is nought.
        found[0, :, 0] = 0
        return found


def predictor_weights(neighbours: NDArray[np.int16], levels: NDArray[np.int16]) -> NDArray[np.int16]:
    """The table ``predictor``: weighted least squares, where large levels weigh less.

    Args:
        neighbours: levels around, ``[m, NEIGHBOURS, 2]``.
        levels: ``[m, 2]``.
    """
    weight = 1 / (1 + np.abs(levels).sum(axis=1) + np.abs(neighbours.astype(np.int32)).sum(axis=(1, 2)))
    rows = (neighbours * weight[:, None, None]).swapaxes(1, 2).reshape(-1, neighbours.shape[1])
    wanted = (levels * weight[:, None]).ravel()
    # A neighbour that no array of the training has gets no weight.
    gram = rows.T @ rows + 1e-9 * np.eye(rows.shape[1])
    weights = np.linalg.solve(gram, rows.T @ wanted)
    found: NDArray[np.int16] = np.round(64 * weights).astype(np.int16)
    return found


def _odds_to_probability(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = 1 / (1 + np.exp(-(2 * numbers / 255 - 1) * _REACH))
    return odds


def _count(counts: NDArray[np.int64], *where: NDArray[np.int64], weights: NDArray[np.int64] | None = None) -> None:
    index = np.ravel_multi_index(where, counts.shape)
    # Sums of float64 are exact below 2^53.
    found = np.bincount(index, None if weights is None else weights.astype(np.float64), counts.size)
    counts += found.reshape(counts.shape).astype(np.int64)


def _probabilities(counts: NDArray[np.int64], pools: _Pools, start: float = 0.5) -> NDArray[np.float64]:
    """Probability of 1, from counts ``[..., 2]`` of 0 and 1: each pool is the prior of the next."""
    probability = np.array(start)
    for axes, strength in pools:
        zeros, ones = np.moveaxis(counts.sum(axes, keepdims=True), -1, 0)
        probability = (ones + strength * probability) / (zeros + ones + strength)
    return probability
