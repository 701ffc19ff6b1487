r"""Block error rates of NR's LDPC codes over AWGN, as curves of three numbers each.

Sionna ships block error rates of each scheme at signal-to-noise ratios 1.3 to 1.8 dB apart (``sionna.sys``, 20
iterations of belief propagation), and none of code rates below 0.24. The curves fall from 1 to 0 between its points, so
an interpolation does not tell where. Here they are fitted together instead, each modulation with the probit

.. math:: \mathrm{BLER} = Q\left(\frac{\gamma - \mu - (a_0 + a_1 (R - 0.6)) / \sqrt K}{s / \sqrt K + b}\right)

of the ratio :math:`\gamma` in dB, whose shift and width fall with the code block's size as those of the normal
approximation do (Y. Polyanskiy, H. V. Poor and S. Verdú, IEEE Trans. Inf. Theory 56(5), 2010,
DOI 10.1109/TIT.2010.2043769), by maximum likelihood. ``tests/validate/test_coded_transmission.py`` makes the fit anew
and compares it with coded transmission. Rates below 1/5 repeat a code of that rate (TS 38.212, 5.3.2 and 5.4.2).
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple


class Waterfall(NamedTuple):
    """A curve of block error rates over the signal-to-noise ratio: a normal distribution's tail.

    Attributes:
        middle_db: where every other block is lost.
        width_db: standard deviation.
    """

    middle_db: float
    width_db: float


class _Modulation(NamedTuple):
    """``a_0``, ``a_1``, ``s``, ``b``, and ``mu`` by the code rate times 1024; all in dB."""

    shift: float
    shift_by_rate: float
    width: float
    least_width: float
    middles: Mapping[float, float]


_LOWEST_RATE_1024 = 1024 / 5

_MODULATIONS: Mapping[int, _Modulation] = {
    2: _Modulation(
        *(-1.090, -2.310, 7.669, 0.018),
        # That of rate 1/5 is of coded transmission by Sionna's blocks.
        {
            _LOWEST_RATE_1024: -3.97,
            251: -2.937,
            308: -1.899,
            379: -0.774,
            449: 0.219,
            526: 1.198,
            602: 2.119,
            679: 3.074,
        },
    ),
    4: _Modulation(
        *(-0.782, 3.301, 8.294, 0.050),
        {340: 3.266, 378: 3.932, 434: 4.921, 490: 5.771, 553: 6.774, 616: 7.776, 658: 8.463},
    ),
    6: _Modulation(
        *(-1.746, 8.215, 10.515, 0.044),
        {438.0: 8.870, 466: 9.502, 517: 10.420, 567: 11.441, 616: 12.371, 666: 13.349, 719: 14.240, 772: 15.167}
        | {822.0: 16.219, 873: 17.233, 910: 18.040, 948: 18.982},
    ),
    8: _Modulation(
        *(-5.120, 16.822, 12.211, 0.052),
        {682.5: 18.331, 711: 18.701, 754: 19.814, 797: 20.699, 841: 21.678, 885: 22.848, 916.5: 23.800, 948: 24.591},
    ),
}


def waterfall(order: int, code_rate: float, code_block_size: int) -> Waterfall:
    """The curve of a code block; linear between the code rates of the standard's schemes.

    Args:
        order: bits per symbol.
        code_rate: bits that are encoded, checksums included, over those that are sent: rounding a transport block's
            size moves it off the scheme's target, most where blocks are small.
        code_block_size: bits that are encoded, ``K``.
    """
    if code_rate >= 1:
        return Waterfall(math.inf, 1.0)
    modulation = _MODULATIONS[order]
    coded_rate = max(code_rate, _LOWEST_RATE_1024 / 1024) if order == 2 else code_rate
    repeated_db = 10 * math.log10(coded_rate / code_rate)
    root = math.sqrt(code_block_size)
    shift = modulation.shift + modulation.shift_by_rate * (coded_rate - 0.6)
    middle_db = _interpolated(modulation.middles, 1024 * coded_rate) + shift / root - repeated_db
    return Waterfall(middle_db, modulation.width / root + modulation.least_width)


def _interpolated(middles: Mapping[float, float], rate_1024: float) -> float:
    """Linear between the two nearest code rates, and beyond the outermost."""
    rates = list(middles)
    place = min(max(bisect_left(rates, rate_1024), 1), len(rates) - 1)
    low, high = rates[place - 1], rates[place]
    return middles[low] + (middles[high] - middles[low]) * (rate_1024 - low) / (high - low)
