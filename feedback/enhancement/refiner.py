"""What a BS makes of the values of a context codec's reports, with filters that it has learnt."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from feedback.complexity import count_macs, count_parameters
from feedback.context_codec.kernel import LevelShape
from feedback.enhancement.gated_filters import GatedFilters
from feedback.enhancement.weights import Weights

# The range of steps that filters learn from; beyond it they are told its nearest end.
MIN_STEP, MAX_STEP = 0.14, 4.3


@dataclass(frozen=True)
class FilterRefiner:
    """Refines every plane of delays and columns of a report by itself: layers and tilts are alike.

    Attributes:
        network: with its weights.
    """

    network: GatedFilters

    @classmethod
    def of(cls, weights: Weights) -> "FilterRefiner":
        """With weights that were learnt, as ``read_weights`` gives them."""
        filters, _, delays, angles = weights["real"].shape
        network = GatedFilters(len(weights["first.bias"]), filters, delays, angles)
        network.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in weights.items()})
        return cls(network.eval().requires_grad_(False))

    def refine(self, values: NDArray[np.int32], steps: NDArray[np.float64], shape: LevelShape) -> NDArray[np.float64]:
        """Values as decoded to values as estimated, ``[n, entries, 2]``, both in 1/256 step.

        Args:
            values: of the entries in coding order.
            steps: quantiser steps over the root mean square of the entries, ``[n]``.
            shape: of the matrices.
        """
        n, planes = len(values), shape.layers * shape.tilts
        if n == 0:
            return values.astype(np.float64)
        rows_first = values.reshape(n, shape.rows, planes, shape.columns, 2)
        images = rows_first.transpose(0, 2, 4, 1, 3).reshape(n * planes, 2, shape.rows, shape.columns)
        known = np.repeat(np.clip(steps, MIN_STEP, MAX_STEP), planes).astype(np.float32)
        with torch.no_grad():
            refined = self.network(torch.from_numpy(images.astype(np.float32) / 256), torch.from_numpy(known))
        found = refined.numpy().astype(np.float64).reshape(n, planes, 2, shape.rows, shape.columns)
        back: NDArray[np.float64] = 256 * found.transpose(0, 3, 1, 4, 2).reshape(values.shape)
        return back

    def macs(self, shape: LevelShape) -> int:
        """Multiply-adds of a report."""
        image = torch.zeros(1, 2, shape.rows, shape.columns)
        return shape.layers * shape.tilts * count_macs(self.network, image, torch.ones(1))

    @property
    def parameters(self) -> int:
        """Learnt numbers."""
        return count_parameters(self.network)
