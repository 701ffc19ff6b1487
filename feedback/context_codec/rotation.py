"""Sub-bin rotation of the angle axis: the one of a few phase ramps over the antennas that needs the fewest bits."""

import numpy as np
from numpy.typing import NDArray

ROTATIONS = 8
ROTATION_BITS = 3


def rotation_bits(columns: int) -> int:
    """Bits that tell the rotation; a single column has nothing to rotate."""
    return ROTATION_BITS if columns > 1 else 0


def axis_rotations(beams: int) -> int:
    """Rotations of an axis of so many beams; a single one has none."""
    return ROTATIONS if beams > 1 else 1


def panel_rotations(rows: int, columns: int) -> int:
    """Rotations of a panel that turns along both axes."""
    return axis_rotations(rows) * axis_rotations(columns)


def rotate(matrices: NDArray[np.complex128], numbers: NDArray[np.int64], back: bool = False) -> NDArray[np.complex128]:
    r"""Moves the angle axis of every matrix by a share ``number / ROTATIONS`` of a bin.

    .. math:: \hat x = F \,\mathrm{diag}\!\left(e^{j 2\pi (k - (N - 1) / 2)\, r / (R N)}\right) F^{-1} x

    over the last axis of ``N`` columns: a phase ramp over the antennas, centred, so that neighbouring beams of a path
    keep the phase relation that the prediction of levels has learnt.

    Args:
        matrices: ``[n, ..., columns]``.
        numbers: the rotation of each, ``[n]``, 0 to ``ROTATIONS - 1``.
        back: undo it.
    """
    ramps = _ramps(matrices.shape[-1])[numbers]
    ramps = (ramps.conj() if back else ramps).reshape(len(matrices), *[1] * (matrices.ndim - 2), -1)
    rotated: NDArray[np.complex128] = np.fft.fft(np.fft.ifft(matrices, axis=-1) * ramps, axis=-1)
    return rotated


def all_rotations(matrices: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Every rotation of matrices ``[n, ..., columns]``, ``[n, ROTATIONS, ..., columns]``; a single column as it is."""
    if matrices.shape[-1] == 1:
        return matrices[:, None]
    antennas = np.fft.ifft(matrices, axis=-1)[:, None]
    ramps = _ramps(matrices.shape[-1]).reshape(ROTATIONS, *[1] * (matrices.ndim - 2), -1)
    rotated: NDArray[np.complex128] = np.fft.fft(antennas * ramps, axis=-1)
    return rotated


def best_rotation(power: NDArray[np.float64], step: NDArray[np.float64]) -> NDArray[np.int64]:
    r"""The rotation of least :math:`\sum \log_2(1 + |x|^2 / \Delta^2)`, which goes with the bits at that step.

    Args:
        power: of all rotations of each matrix, ``[n, rotations, entries]``.
        step: ``[n]``.
    """
    scores = np.log2(1 + power / np.square(step)[:, None, None]).sum(axis=-1)
    best: NDArray[np.int64] = scores.argmin(axis=1)
    return best


def _ramps(columns: int) -> NDArray[np.complex128]:
    """Phase ramps over the antennas, ``[ROTATIONS, columns]``."""
    share = np.arange(ROTATIONS)[:, None] / ROTATIONS
    ramps: NDArray[np.complex128] = np.exp(2j * np.pi * share * (np.arange(columns) - (columns - 1) / 2) / columns)
    return ramps
