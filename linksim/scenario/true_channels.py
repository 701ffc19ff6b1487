"""The true channels of a scenario's source, as tasks for workers make them."""

import numpy as np
import torch
from numpy.typing import NDArray

from channels.source import BLOCK_SIZE, Split
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of


def truncated_channels(scenario: Scenario, split: Split, start: int, stop: int) -> NDArray[np.complex64]:
    """True angular-delay matrices of a split, not normalised, ``[stop - start, Na, Nt]``."""
    source = source_of(scenario)
    blocks = range(start, stop, BLOCK_SIZE)
    n_delay = scenario.transform.n_delay
    parts = [source.read_truncated(split, first, min(first + BLOCK_SIZE, stop), n_delay).cpu() for first in blocks]
    csi: NDArray[np.complex64] = torch.cat(parts).numpy()
    return csi
