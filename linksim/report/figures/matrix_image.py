"""Pictures of matrices in dB: one colour map and one set of axes for all angular-delay pictures."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from channels.channel_batch import ArrayShape

# Monotone in lightness, so that it survives greyscale print.
COLOUR_MAP = "viridis"
FLOOR_DB = -40.0

DELAY_LABEL = "Delay row"


def angle_label(array: ArrayShape) -> str:
    """Label of the angular axis; beyond a ULA, bins come in groups of one DFT over the columns each."""
    if array.n_ports == array.n_columns:
        return "Angular bin (0: broadside)"
    return f"Angular bin (groups of {array.n_columns} columns)"


def decibels(amplitude: NDArray[np.floating], floor_db: float = FLOOR_DB) -> NDArray[np.float64]:
    """Amplitudes in dB below the largest of them, cut off at the floor; all-zero ones lie on the floor."""
    amplitude = np.asarray(amplitude, dtype=np.float64)
    largest = float(amplitude.max(initial=0.0))
    if largest == 0:
        return np.full(amplitude.shape, floor_db)
    return 20 * np.log10(np.maximum(amplitude / largest, 10 ** (floor_db / 20)))


def draw_matrix(axes: Axes, level_db: NDArray[np.floating], floor_db: float = FLOOR_DB) -> AxesImage:
    """A matrix of levels from ``floor_db`` to 0 dB, first row on top, entries as pixels."""
    axes.grid(False)
    return axes.imshow(level_db, cmap=COLOUR_MAP, vmin=floor_db, vmax=0, aspect="auto", interpolation="nearest")
