"""One link of QuaDRiGa: what a ``qd_channel`` object holds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channels.errors import ChannelInputError
from channels.formats.hdf5_array import single_precision


@dataclass(frozen=True)
class QuadrigaLink:
    """Path gains and delays of a link.

    Attributes:
        coefficients: ``[n_rx, n_tx, n_paths, n_snapshots]``, complex64, linear.
        delays_s: seconds, float64, ``[n_paths, n_snapshots]``, or ``[n_rx, n_tx, n_paths, n_snapshots]`` where each
            pair of antennas has its own.
        carrier_hz: carrier frequency in Hz, ``None`` if the file does not say.
    """

    coefficients: NDArray[np.complex64]
    delays_s: NDArray[np.float64]
    carrier_hz: float | None = None


def checked_link(coeff: NDArray[Any], delay: NDArray[Any], carrier_hz: NDArray[Any] | None, where: str) -> QuadrigaLink:
    """Link of the fields of a ``qd_channel`` object, with MATLAB's order of axes; it drops trailing axes of length 1.

    Args:
        coeff: ``[n_rx, n_tx, n_paths, n_snapshots]``.
        delay: ``[n_paths, n_snapshots]`` or the shape of ``coeff``; ``[1, 1, n_paths, n_snapshots]`` for all antennas.
        carrier_hz: ``center_frequency``; 0 and NaN stand for an unknown one.
        where: file and link, for error messages.

    Raises:
        ChannelInputError: if the shapes do not fit, if a delay is complex, or if a number is NaN or infinite.
    """
    if coeff.ndim > 4 or coeff.size == 0 or coeff.dtype.kind not in "fciu":
        raise ChannelInputError(
            f"{where}: coeff: got {coeff.dtype} of shape {_text(coeff)}, expected numbers [rx, tx, path, snapshot]"
        )
    # Values beyond float32 become infinite, and are refused below.
    coefficients = single_precision(_four_axes(coeff)).astype(np.complex64, copy=False)
    n_rx, n_tx, n_paths, n_snapshots = coefficients.shape
    delays: NDArray[np.float64] | None = None
    if delay.dtype.kind in "fiu" and delay.ndim <= 4:
        if delay.shape == (n_paths, n_snapshots):
            delays = delay.astype(np.float64)
        elif _four_axes(delay).shape in (coefficients.shape, (1, 1, n_paths, n_snapshots)):
            delays = _four_axes(delay).astype(np.float64)
            delays = delays[0, 0] if delays.shape[:2] == (1, 1) else delays
    if delays is None:
        raise ChannelInputError(
            f"{where}: delay: got {delay.dtype} of shape {_text(delay)}, expected real {n_paths} x {n_snapshots} or "
            f"{n_rx} x {n_tx} x {n_paths} x {n_snapshots} as coeff says"
        )
    for name, values in (("coeff", coefficients), ("delay", delays)):
        if not np.isfinite(values).all():
            raise ChannelInputError(f"{where}: {name}: got NaN or infinity, expected finite numbers")
    return QuadrigaLink(coefficients, delays, _carrier(carrier_hz, where))


def fit_together(coeff: tuple[int, ...], delay: tuple[int, ...]) -> bool:
    """Whether shapes of ``coeff`` and ``delay`` are possible, as ``checked_link`` describes them."""
    if len(coeff) > 4 or len(delay) > 4:
        return False
    full = coeff + (1,) * (4 - len(coeff))
    return delay == full[2:] or delay + (1,) * (4 - len(delay)) in (full, (1, 1, *full[2:]))


def _carrier(values: NDArray[Any] | None, where: str) -> float | None:
    if values is None or values.size == 0:
        return None
    if values.dtype.kind not in "fiu":
        raise ChannelInputError(f"{where}: center_frequency: got {values.dtype}, expected a number in Hz")
    frequencies = np.unique(values)
    if not frequencies[0] > 0 or not np.isfinite(frequencies).all():
        return None
    if len(frequencies) > 1:
        raise ChannelInputError(f"{where}: center_frequency: got {len(frequencies)} of them, expected one")
    # QuaDRiGa stores single precision: the shortest decimal number that rounds to it is the one meant.
    return float(str(frequencies[0]))


def _four_axes(values: NDArray[Any]) -> NDArray[Any]:
    return values.reshape(values.shape + (1,) * (4 - values.ndim))


def _text(values: NDArray[Any]) -> str:
    return " x ".join(str(size) for size in values.shape) or "()"
