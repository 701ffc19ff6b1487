"""What an ideal code of a Gaussian source of the training channels' covariance takes: a curve beside those of a run."""

import math
from collections.abc import Sequence

from torch import Tensor

from feedback.transform_coding.gaussian_source import gaussian_distortion
from linksim.preparation.fitting import load_spectrum
from linksim.scenario.identity import channel_fit_key
from linksim.scenario.sweep import Point, axis_values
from linksim.storage.reference_curves import ReferenceCurve, write_reference_curves
from linksim.storage.run_folder import RunFolder

GAUSSIAN_SOURCE = "gaussian_source"

# Four points an octave, from 8 to 32 768 bits, as long as there is an error to speak of.
_BITS = tuple(2.0 ** (quarter / 4) for quarter in range(12, 61))
_LEAST_DISTORTION = 1e-12


def write_references(points: Sequence[Point], folder: RunFolder) -> None:
    """Keeps the reference curves that a scenario asks for, those of points with the same training channels once."""
    together: dict[str, list[Point]] = {}
    for point in points:
        if GAUSSIAN_SOURCE in point.scenario.reference_curves:
            together.setdefault(channel_fit_key(point.scenario), []).append(point)
    write_reference_curves(folder.path, [_gaussian_source(alike, folder) for alike in together.values()])


def _gaussian_source(points: Sequence[Point], folder: RunFolder) -> ReferenceCurve:
    variances, channels, dimensions = load_spectrum(points[0].scenario, folder.fitted)
    bits, values = gaussian_curve(variances)
    places = tuple((point.sweep, {**axis_values(point.scenario), **point.axes}) for point in points)
    return ReferenceCurve(GAUSSIAN_SOURCE, "nmse_db", channels, dimensions, bits, values, places)


def gaussian_curve(variances: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bits, and the NMSE in dB of a Gaussian source of some variances ``[n]`` in so many of them."""
    errors = {bits: gaussian_distortion(variances, bits) for bits in _BITS}
    shown = {bits: error for bits, error in errors.items() if error >= _LEAST_DISTORTION}
    return tuple(shown), tuple(10 * math.log10(error) for error in shown.values())
