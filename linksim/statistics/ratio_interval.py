r"""Confidence intervals of ratios of two means, in decibels.

Fieller's way (J. Roy. Statist. Soc. B 16, 175-185, 1954): a ratio :math:`\rho` belongs to the interval where 0 belongs
to that of the mean of :math:`a_i - \rho b_i`, here of ``linksim.statistics.skewed_interval``. Nothing is taken to first
order, so that it covers as much as the interval of a mean does. Where few values leave one of the means next to
nothing there may be no such end, or one far away; no end lies farther than those of the two means together allow.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from linksim.statistics.accumulator import interval
from linksim.statistics.skewed_interval import Spread, interval_of_difference, interval_of_mean

# Ends are found to this many decibels.
_RESOLUTION = 1e-10


def interval_of_paired_ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of the 95 % interval of the ratio of two means over the same samples.

    Args:
        a: values above, ``[n]``, mean 1.
        b: values below, ``[n]``, mean 1; at least two.

    Returns:
        The ends in dB; not above and not below 0, the estimate.
    """
    return _ends(lambda ratio: interval_of_mean(Spread.of(a - ratio * b)), Spread.of(a), Spread.of(b))


def interval_of_independent_ratio(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Ends of the 95 % interval of the ratio of two independent means.

    Args:
        a: values above, ``[n]``, mean 1; at least two.
        b: values below, ``[m]``, mean 1; at least two.

    Returns:
        The ends in dB; not above and not below 0, the estimate.
    """
    above, below = Spread.of(a), Spread.of(b)
    return _ends(lambda ratio: interval_of_difference(above, below.scaled(ratio)), above, below)


def _ends(of_difference: Callable[[float], tuple[float, float]], a: Spread, b: Spread) -> tuple[float, float]:
    from scipy.optimize import brentq

    def end(side: int, farthest: float) -> float:
        def beyond(decibels: float) -> float:
            ratio = 10 ** (decibels / 10)
            return 1 - ratio + of_difference(ratio)[side]

        # Without spread, or without an end within reach, there is no change of sign.
        here = beyond(0.0)
        if here * beyond(farthest) >= 0:
            return farthest if here else 0.0
        return float(brentq(beyond, 0.0, farthest, xtol=_RESOLUTION))

    above, below = (interval(1.0, spread, decibel=True) for spread in (a, b))
    assert above.low is not None
    assert above.high is not None
    assert below.low is not None
    assert below.high is not None
    return end(0, above.low - below.high), end(1, above.high - below.low)
