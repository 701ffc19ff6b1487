"""Tapped delay lines without line of sight of TR 38.901, tables 7.7.2-1 to 7.7.2-3."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from feedback.links.parameters.uci import DelayProfile

# Delays over the RMS delay spread, powers in dB.
_TAPS: Mapping[DelayProfile, tuple[str, str]] = {
    "TDL-A": (
        "0 .3819 .4025 .5868 .461 .5375 .6708 .575 .7618 1.5375 1.8978 2.2242 2.1718 2.4942 2.5119 3.0582 4.081 4.4579 "
        "4.5695 4.7966 5.0066 5.3043 9.6586",
        "-13.4 0 -2.2 -4 -6 -8.2 -9.9 -10.5 -7.5 -15.9 -6.6 -16.7 -12.4 -15.2 -10.8 -11.3 -12.7 -16.2 -18.3 -18.9 "
        "-16.6 -19.9 -29.7",
    ),
    "TDL-B": (
        "0 .1072 .2155 .2095 .287 .2986 .3752 .5055 .3681 .3697 .57 .5283 1.1021 1.2756 1.5474 1.7842 2.0169 2.8294 "
        "3.0219 3.6187 4.1067 4.279 4.7834",
        "0 -2.2 -4 -3.2 -9.8 -1.2 -3.4 -5.2 -7.6 -3 -8.9 -9 -4.8 -5.7 -7.5 -1.9 -7.6 -12.2 -9.8 -11.4 -14.9 -9.2 -11.3",
    ),
    "TDL-C": (
        "0 .2099 .2219 .2329 .2176 .6366 .6448 .656 .6584 .7935 .8213 .9336 1.2285 1.3083 2.1704 2.7105 4.2589 4.6003 "
        "5.4902 5.6077 6.3065 6.6374 7.0427 8.6523",
        "-4.4 -1.2 -3.5 -5.2 -2.5 0 -2.2 -3.9 -7.4 -7.1 -10.7 -11.1 -5.1 -6.8 -8.7 -13.2 -13.9 -13.9 -15.8 -17.1 -16 "
        "-15.7 -21.6 -22.8",
    ),
}


def delay_profile(name: DelayProfile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Delays over the RMS delay spread, and powers of sum 1, ``[n_taps]``."""
    delays, powers_db = (np.array([float(number) for number in text.split()]) for text in _TAPS[name])
    powers = 10 ** (powers_db / 10)
    return delays, powers / powers.sum()
