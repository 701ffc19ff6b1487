"""The step of a mean number of bits, against a search through the whole grid."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from feedback.context_codec import rate_control
from feedback.context_codec.rate_control import finest_step

_GRID = [2.0 ** (number / 96) for number in range(-7 * 96, 5 * 96 + 1)]
_N = 2000


def gaussian(step: float, n: int) -> float:
    """About what levels of Gaussian entries take: their rate-distortion function, and 20 bits; few ones take less."""
    return 20 + 1024 * math.log2(1 + 1 / (4 * step) ** 2) * (0.9 if n < _N else 1.0)


def stairs(step: float, n: int) -> float:
    return 64.0 * math.floor(4 - math.log2(step))


def cliff(step: float, n: int) -> float:
    return 5000.0 if step < 0.3 else 0.0


@pytest.mark.parametrize("bits", [gaussian, stairs, cliff])
@pytest.mark.parametrize("target", [22.0, 64.0, 256.0, 512.0, 3000.0])
@pytest.mark.parametrize("n", [1, 200, _N])
def test_the_first_of_the_grid_that_fits(bits: Callable[[float, int], float], target: float, n: int) -> None:
    (expected, *_) = [step for step in _GRID if bits(step, n) <= target]
    assert finest_step(bits, n, target) == expected


def test_random_bits_that_fall() -> None:
    generator = np.random.default_rng(1)
    for _ in range(50):
        falls = generator.exponential(size=len(_GRID)) * (generator.random(len(_GRID)) < 0.1)
        of_step = dict(zip(_GRID, 10.0 + falls.sum() - np.cumsum(falls), strict=True))
        target = generator.choice(list(of_step.values()))
        expected = next(step for step in _GRID if of_step[step] <= target)
        assert finest_step(lambda step, n, bits=of_step: bits[step], _N, target) == expected  # type: ignore[misc]


def test_few_steps_are_tried_over_all_channels() -> None:
    tried: list[float] = []

    def bits(step: float, n: int) -> float:
        if n == _N:
            tried.append(step)
        return gaussian(step, n)

    for target in (64.0, 128.0, 256.0, 512.0):
        tried.clear()
        finest_step(bits, _N, target)
        # One where a part of the channels pointed, then the two around the place; all at most twice.
        assert len(set(tried)) <= 4
    assert _GRID[-1] == rate_control.COARSEST_STEP
