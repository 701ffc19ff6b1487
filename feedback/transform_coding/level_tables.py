"""Tables of the level code: probabilities of decisions, prices, and where the values of a level lie on average."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from feedback.transform_coding import sizes as s
from feedback.transform_coding.kernel import LevelCode

# How many decisions the Laplacian distribution counts for, beside those that were seen.
_PRIOR_WEIGHT = 4.0
# Errors of so many values at the middle of the cell count beside those that were seen.
_MIDDLE_WEIGHT = 4.0
# Where cells begin, in steps below their middle: the choice by rate and distortion prefers the smaller level.
_CELL_BELOW = 0.4


@dataclass(frozen=True)
class LevelTables:
    """What the levels of a class look like.

    Attributes:
        decision: probabilities of decisions in 1/65536, ``[CLASSES, SEEN, DECISIONS]``, uint16.
        centroid: mean of the values of a level of a size, less that size, in steps, ``[CLASSES, SEEN, CENTROIDS + 1]``.
    """

    decision: NDArray[np.uint16]
    centroid: NDArray[np.float32]


@dataclass
class LevelCounts:
    """Decisions and values that were seen, by class and by what was known."""

    decisions: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, s.CLASSES, s.SEEN, s.DECISIONS)))
    values: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, s.CLASSES, s.SEEN, s.CENTROIDS + 1)))

    def add(
        self, levels: NDArray[np.int32], classes: NDArray[np.int64], seen: NDArray[np.int64], size: NDArray[np.float64]
    ) -> None:
        """Counts the parts of some reports.

        Args:
            levels: ``[...]``.
            classes: of each, ``[...]``.
            seen: what was known of each, ``[...]``.
            size: moduli of the values in steps, ``[...]``.
        """
        context = (classes * s.SEEN + seen).ravel()
        level = np.abs(levels).ravel()
        self._count(context, 0, level == 0)
        some = level > 0
        context, level, size = context[some], level[some], size.ravel()[some]
        octave = np.frexp(level)[1] - 1
        left, left_octave, left_level = context, octave, level
        for k in range(min(int(octave.max(initial=-1)) + 1, s.OCTAVES - 1)):
            beyond = left_octave > k
            self._count(left, 1 + k, beyond)
            left, left_octave, left_level = left[beyond], left_octave[beyond], left_level[beyond]
            behind = left_octave == k + 1
            self._count(left[behind], s.OCTAVES + k, (left_level[behind] >> k & 1) == 1)
        own = level <= s.CENTROIDS
        place = context[own] * (s.CENTROIDS + 1) + level[own]
        for kind, weights in enumerate((size[own] - level[own], None)):
            found = np.bincount(place, weights, minlength=self.values[kind].size)
            self.values[kind] += found.reshape(self.values[kind].shape)

    def _count(self, context: NDArray[np.int64], decision: int, one: NDArray[np.bool_]) -> None:
        found = np.bincount(2 * context + one, minlength=2 * s.CLASSES * s.SEEN)
        self.decisions[..., decision] += found.reshape(s.CLASSES, s.SEEN, 2).transpose(2, 0, 1)

    def tables(self) -> LevelTables:
        """Tables of what was seen; of Laplacian distributions where nothing was."""
        zeros, ones = self.decisions
        probability = (ones + _PRIOR_WEIGHT * _laplacian()[:, None]) / (zeros + ones + _PRIOR_WEIGHT)
        decision = np.clip(np.rint(65536 * probability), s.MIN_DOUBT, 65536 - s.MIN_DOUBT).astype(np.uint16)
        errors, n = self.values
        return LevelTables(decision, (errors / (n + _MIDDLE_WEIGHT)).astype(np.float32))


def prices_of(decision: NDArray[np.uint16]) -> NDArray[np.int32]:
    """Bits of sizes in 1/256, with a bit for the sign, ``[CLASSES, SEEN, PRICED]``."""
    one = -256 * np.log2(decision / 65536)
    zero = -256 * np.log2(1 - decision / 65536)
    price = np.zeros((*decision.shape[:2], s.PRICED))
    price[:, :, 0] = one[:, :, 0]
    for size in range(1, s.PRICED):
        octave = size.bit_length() - 1
        bits = zero[:, :, 0] + 256 + one[:, :, 1 : 1 + octave].sum(-1)
        if octave < s.OCTAVES - 1:
            bits = bits + zero[:, :, 1 + octave]
        if octave:
            top = size >> (octave - 1) & 1
            bits = bits + (one if top else zero)[:, :, s.OCTAVES + octave - 1] + 256 * (octave - 1)
        price[:, :, size] = bits
    return np.rint(price).astype(np.int32)


def label_table(counts: NDArray[np.float64]) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """Probabilities of the bits of labels, and the labels' prices, from how often each was chosen ``[components]``."""
    components = len(counts)
    width = (components - 1).bit_length()
    weights = np.zeros(2 * 2**width)
    weights[2**width : 2**width + components] = counts + 0.5
    for node in range(2**width - 1, 0, -1):
        weights[node] = weights[2 * node] + weights[2 * node + 1]
    nodes = np.arange(2**width)
    below = np.maximum(weights[nodes], 1e-9)
    share = weights[np.minimum(2 * nodes + 1, len(weights) - 1)] / below
    one = np.clip(np.rint(65536 * share), s.MIN_DOUBT, 65536 - s.MIN_DOUBT)
    return one.astype(np.uint16), label_prices(one.astype(np.uint16), components)


def label_prices(one: NDArray[np.uint16], components: int) -> NDArray[np.int32]:
    """Bits of each label in 1/256, ``[components]``, from the probabilities of their bits."""
    width = (components - 1).bit_length()
    prices = np.zeros(components)
    for label in range(components):
        node = 1
        for k in range(width - 1, -1, -1):
            bit = label >> k & 1
            probability = one[node] / 65536
            prices[label] -= 256 * np.log2(probability if bit else 1 - probability)
            node = 2 * node + bit
    return np.rint(prices).astype(np.int32)


def code_of(spread: NDArray[np.int16], label: NDArray[np.uint16], decision: NDArray[np.uint16]) -> LevelCode:
    """The code of spreads ``[components, entries]``, bits of labels, and decisions on levels."""
    prices = label_prices(label, len(spread))
    flat = np.ascontiguousarray
    return LevelCode(flat(spread), flat(label), prices, flat(decision), prices_of(decision))


def _laplacian() -> NDArray[np.float64]:
    r"""Probabilities of decisions on a Laplacian part of each class, ``[CLASSES, DECISIONS]``.

    With :math:`b = \sigma / (\sqrt 2 \Delta)` a size is ``m`` or more with probability
    :math:`e^{-(m - 0.4) / b}`.
    """
    sigma = np.exp2(np.arange(s.CLASSES) / s.CLASSES_PER_OCTAVE - s.FINEST_OCTAVE)
    scale = sigma[:, None] / np.sqrt(2)
    octaves = np.arange(s.OCTAVES - 1)
    zero = 1 - np.exp(-(1 - _CELL_BELOW) / scale)
    half = np.exp(-np.exp2(octaves) / scale)
    return np.concatenate([zero, half, half / (1 + half)], axis=1)
