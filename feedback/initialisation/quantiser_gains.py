"""Gains that codewords of a linear start get before a quantiser, and what undoes them."""

from collections.abc import Callable

from torch import Tensor

from feedback.training.disturbance import Disturbance
from feedback.training.factorised_prior import empirical_bits

# Standard deviations at a quantiser's input to choose from.
_SPREADS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
# Least standard deviation of a codeword entry, over the largest, that its gain makes up for.
_MIN_DEVIATION_RATIO = 1e-4
# Steps of an entropy-coded quantiser within the standard deviation of the widest element, to choose from.
_STEPS_IN_DEVIATION = tuple(2.0 ** (half / 2) for half in range(-4, 13))
_GAIN_SAMPLES = 2000


def quantiser_gains(
    values: Tensor, deviations: Tensor, disturbance: Disturbance | None
) -> tuple[Tensor, Tensor] | None:
    """Gains of codewords before the quantiser of training and weights after it, ``[M]`` each; ``None`` without one.

    Args:
        values: codewords ``[n, M]``, along orthonormal axes.
        deviations: the images that they stand for, ``[n, 2 Na Nt]``.
        disturbance: of training.
    """
    if disturbance is not None and disturbance.bits is not None:
        return spread(values, disturbance.quantise)
    if disturbance is not None and disturbance.rate_weight is not None:
        gains = values.new_full(values.shape[1:], rate_gain(values, deviations, disturbance.rate_weight))
        return gains, 1 / gains
    return None


def spread(values: Tensor, quantise: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Gains before a quantiser and weights after it, of least mean-square error over the spreads to choose from.

    Args:
        values: codewords ``[n, M]``.
        quantise: values to the values that the BS gets.

    Returns:
        Gains and weights, ``[M]`` each.
    """
    size = values.square().mean(dim=0).sqrt()
    unit = 1 / size.clamp_min(_MIN_DEVIATION_RATIO * float(size.max()))
    found: list[tuple[float, Tensor, Tensor]] = []
    for spread in _SPREADS:
        received = quantise(spread * unit * values)
        weights = (values * received).mean(dim=0) / received.square().mean(dim=0)
        found.append((float((values - weights * received).square().sum()), spread * unit, weights))
    return min(found, key=lambda choice: choice[0])[1:]


def rate_gain(values: Tensor, deviations: Tensor, weight: float) -> float:
    r"""The gain before rounding that makes error and bits together least, :math:`D + \lambda R`.

    Args:
        values: codewords ``[n, M]``, along orthonormal axes.
        deviations: the images that they stand for, ``[n, 2 Na Nt]``.
        weight: error per bit.
    """
    values, deviations = values[:_GAIN_SAMPLES], deviations[:_GAIN_SAMPLES]
    energies = deviations.square().sum(1)
    left_out = energies - values.square().sum(1)
    widest = float(values.std(dim=0).max())
    found: list[tuple[float, float]] = []
    for steps in _STEPS_IN_DEVIATION:
        gain = steps / widest
        levels = (gain * values).round()
        error = (left_out + (levels / gain - values).square().sum(1)) / energies
        found.append((float(error.mean()) + weight * float(empirical_bits(levels)), gain))
    return min(found)[1]
