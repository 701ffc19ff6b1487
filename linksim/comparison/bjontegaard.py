r"""Mean distance of two rate-distortion curves: bits saved at equal quality, quality gained at equal bits.

Bjøntegaard's deltas (ITU-T VCEG-M33, 2001) with monotone piecewise cubic interpolation (Fritsch and Carlson, SIAM J.
Numer. Anal. 17(2), 1980, doi:10.1137/0717021) over the logarithm of the bits, taken where both curves have points to
both sides. Quality is what grows when things get better: SGCS, rate, or the negative NMSE in dB.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bjontegaard:
    r"""Distance of a curve from a reference.

    Attributes:
        bits_ratio: bits at equal quality over the reference's, :math:`2^{\overline{\Delta \log_2 b}}`; below 1 where
            the curve needs fewer. ``None`` where no quality is reached by both.
        gain: quality at equal bits less the reference's, in the metric's unit; ``None`` where no number of bits is
            spent by both.
        bits: least and greatest number of bits that the gain is a mean over; ``None`` where there is no gain.
    """

    bits_ratio: float | None
    gain: float | None
    bits: tuple[float, float] | None


def efficient(bits: Array, quality: Array) -> NDArray[np.intp]:
    """Indices of the points that no other of as few bits equals in quality, bits rising.

    Args:
        bits: ``[n]``, positive.
        quality: ``[n]``, more is better.
    """
    order = np.lexsort((-quality, bits))
    best = np.maximum.accumulate(np.concatenate(([-np.inf], quality[order][:-1])))
    found: NDArray[np.intp] = order[quality[order] > best]
    return found


def compare(bits: Array, quality: Array, reference_bits: Array, reference_quality: Array) -> Bjontegaard:
    """Distance of a curve from a reference; points that others of as few bits beat do not count.

    Args:
        bits: of the curve's points, ``[n]``, positive and finite.
        quality: of the same points, finite.
        reference_bits: of the reference's points, ``[m]``.
        reference_quality: of the same points.
    """
    own, other = _curve(bits, quality), _curve(reference_bits, reference_quality)
    if len(own[0]) < 2 or len(other[0]) < 2:
        return Bjontegaard(None, None, None)
    gain = _mean_difference(own, other)
    saved = _mean_difference(own[::-1], other[::-1])
    low, high = max(own[0][0], other[0][0]), min(own[0][-1], other[0][-1])
    return Bjontegaard(
        bits_ratio=None if saved is None else float(2**saved),
        gain=gain,
        bits=None if gain is None else (float(2**low), float(2**high)),
    )


def _curve(bits: Array, quality: Array) -> tuple[Array, Array]:
    """Logarithm of the bits and quality, both rising."""
    kept = efficient(bits, quality)
    return np.log2(bits[kept]), quality[kept]


def _mean_difference(own: tuple[Array, Array], other: tuple[Array, Array]) -> float | None:
    """Mean of ``own - other`` over the abscissae that both have."""
    from scipy.interpolate import PchipInterpolator

    low, high = max(own[0][0], other[0][0]), min(own[0][-1], other[0][-1])
    if not low < high:
        return None
    areas = [float(PchipInterpolator(*curve).integrate(low, high)) for curve in (own, other)]
    return (areas[0] - areas[1]) / (high - low)
