"""What a model of Sionna draws of a drop before there are antennas: large-scale parameters, rays and their phases."""

import copy
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class DrawnRays:
    """Rays of many drops: all that step 11 of TR 38.901, 7.5, starts from. The first axis of a tensor is that of drops.

    Attributes:
        phases: initial phases of step 10, ``[drops, n_bs, n_ue, n_clusters, n_rays, 4]``, radians.
        topology: Sionna's ``Topology``.
        k_factor: Rician K-factor, ``[drops, n_bs, n_ue]``.
        rays: Sionna's ``Rays``.
        cluster_delay_spread_s: delay spread of a cluster, ``[drops, n_bs, n_ue]``; ``None`` for a profile.
    """

    phases: Tensor
    topology: Any
    k_factor: Tensor
    rays: Any
    cluster_delay_spread_s: Tensor | None

    def only(self, drops: slice) -> "DrawnRays":
        """Some of the drops."""
        spread = self.cluster_delay_spread_s
        return DrawnRays(
            self.phases[drops],
            _rows(self.topology, drops),
            self.k_factor[drops],
            _rows(self.rays, drops),
            None if spread is None else spread[drops],
        )


def _rows(record: Any, rows: slice) -> Any:
    """A record of tensors with some of their rows."""
    found = copy.copy(record)
    for name, value in vars(record).items():
        if isinstance(value, Tensor):
            setattr(found, name, value[rows])
    return found
