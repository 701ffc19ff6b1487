"""Random coupling of the rays within a cluster (TR 38.901, 7.5, step 8): Sionna's draws, sorted faster."""

from typing import Any

import numpy as np
import torch
from sionna.phy.channel.tr38901 import CDL, RaysGenerator
from sionna.phy.utils import normal
from torch import Tensor


def order_of(values: Tensor) -> Tensor:
    """Stable ascending order along the last axis, ``[..., n]``, int64, as ``torch.argsort`` has it of a few values.

    On a CPU each value is one integer with its place as the last digits, whose sort takes an eighth of the time.

    Args:
        values: finite, ``[..., n]``, float32.
    """
    if values.device.type != "cpu":
        return torch.argsort(values, dim=-1, stable=True)
    count = values.shape[-1]
    digits = max(1, (count - 1).bit_length())
    # Zero is added as the two zeros of floating point are equal; negative numbers grow as their bits fall.
    bits = (values + 0.0).numpy().view(np.int32)
    bits ^= (bits >> 31) & 0x7FFFFFFF
    keys = bits.astype(np.int64)
    keys <<= digits
    keys |= np.arange(count)
    keys.sort(axis=-1)
    keys &= (1 << digits) - 1
    return torch.from_numpy(keys)


class CoupledRays(RaysGenerator):
    """Rays of scenarios; those of the two strongest clusters keep to their sub-clusters."""

    def _shuffle_angles(
        self,
        angles: Tensor,
        strongest_cluster_indices: Tensor | None = None,
        cluster_sort_indices: Tensor | None = None,
    ) -> Tensor:
        random_numbers: Any = self._sort_clusters_by_delay(
            self._spatial_normal(angles.shape, use_sign_matrix=True), cluster_sort_indices
        )
        order = order_of(random_numbers)
        if strongest_cluster_indices is not None:
            strongest = strongest_cluster_indices.unsqueeze(-1).expand(-1, -1, -1, -1, angles.shape[-1])
            among = torch.gather(random_numbers, 3, strongest)
            grouped = torch.empty_like(strongest)
            for group in (self._subcluster_1_indices, self._subcluster_2_indices, self._subcluster_3_indices):
                grouped[..., group] = group[order_of(among[..., group])]
            order = order.scatter(3, strongest, grouped)
        return torch.gather(angles, -1, order)


class CoupledProfile(CDL):
    """A CDL profile."""

    def _shuffle_angles(self, angles: Tensor) -> Tensor:
        random_numbers = normal(angles.shape, dtype=self.dtype, device=self.device, generator=self.torch_rng)
        return torch.gather(angles, -1, order_of(random_numbers))
