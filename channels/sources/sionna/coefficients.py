r"""Path coefficients of TR 38.901 models at the ports of planar arrays, from Sionna's own rays.

Clause 7.5, step 11 of TR 38.901 (equations 7.5-22 and 7.5-28) sums over the rays of a cluster. The place of an element
enters a ray as a phase only, one of its column times one of its row, and its pattern by its polarisation only, so that
the sum is a matrix product:

.. math:: H_{u,s,n}(t) = \sum_m \big(A_{u,p(s),n,m}(t) \, r_{y(s),n,m}\big) \, c_{x(s),n,m}

with :math:`A` the gain of ray :math:`m` from polarisation :math:`p` at the BS to antenna :math:`u` of the UE, and
:math:`c`, :math:`r` its phases at column :math:`x` and row :math:`y`. Sionna works with every ray at every pair of
antennas.
"""

import itertools
import math
from typing import Any

import torch
from sionna.phy.channel.tr38901 import ChannelCoefficientsGenerator
from sionna.phy.utils import rand
from torch import Tensor

from channels.sources.sionna.drawn_rays import DrawnRays
from channels.sources.sionna.fields import Directions, fields
from channels.sources.sionna.planar_array import PlanarArray

# Table 7.5-5: rays of the three sub-clusters of a cluster, one after the other, and how many each has.
_IN_SUB_CLUSTERS = (0, 1, 2, 3, 4, 5, 6, 7, 18, 19, 8, 9, 10, 11, 16, 17, 12, 13, 14, 15)
_SUB_CLUSTER_SIZES = (10, 6, 4)


class PortCoefficients(ChannelCoefficientsGenerator):
    """Sionna's steps 10 and 11 apart, and the latter summed over rays by matrix products.

    Delays and line-of-sight paths are Sionna's own.

    Args:
        bs_panel: ports of the BS in the panel ``tx_array``.
        ue_panel: ports of the UE in the panel ``rx_array``.
        join: from elements of the BS ``[..., n_elements, n_snapshots]`` to its ports.
        keys: what Sionna's own generator takes.

    Attributes:
        drawn: what the model that this is part of drew when it was called last.
    """

    drawn: DrawnRays

    def __init__(self, bs_panel: PlanarArray, ue_panel: PlanarArray, join: Any, **keys: Any) -> None:
        super().__init__(**keys)
        self._bs_panel = bs_panel
        self._ue_panel = ue_panel
        self._join = join

    def __call__(
        self,
        num_time_samples: int,
        sampling_frequency: float,
        k_factor: Tensor,
        rays: Any,
        topology: Any,
        c_ds: Tensor | None = None,
        debug: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Keeps what a model drew, phases of step 10 included; the model gets coefficients that mean nothing."""
        phases = self._step_10(rays.aoa.shape) if rays.phases is None else rays.phases
        self.drawn = DrawnRays(phases, topology, k_factor, rays, c_ds)
        return torch.zeros(*k_factor.shape, 1, 1, 1, 1, dtype=torch.complex64, device=k_factor.device), rays.delays

    def at(self, drawn: DrawnRays, times_s: Tensor) -> tuple[Tensor, Tensor]:
        """Step 11.

        Args:
            drawn: the drops.
            times_s: when they are looked at, from zero on, ``[n_snapshots]``.

        Returns:
            Coefficients ``[drops, n_bs, n_ue, n_paths, n_rx, n_ports, n_snapshots]``, complex64, and delays
            ``[drops, n_bs, n_ue, n_paths]``, s.
        """
        spread_s = drawn.cluster_delay_spread_s
        return self._step_11(drawn.phases, drawn.topology, drawn.k_factor, drawn.rays, times_s, spread_s)

    def _step_10(self, shape: torch.Size) -> Tensor:
        """Uniform phases as Sionna draws them, ``[*shape, 4]``, radians; worked out in place."""
        phases: Tensor = rand((*shape, 4), dtype=self.dtype, device=self.device, generator=self.torch_rng)
        return phases.mul_(2).mul_(math.pi).sub_(math.pi)

    def radial_speeds_m_s(self, drawn: DrawnRays) -> Tensor:
        """Speeds of the UE towards where each path comes from, mean of its rays; of a path of sight along that.

        Args:
            drawn: the drops.

        Returns:
            ``[drops, n_bs, n_ue, n_paths]``, float32, paths in the order of ``at``.
        """
        topology, rays = drawn.topology, drawn.rays
        velocity = topology.velocities[:, None]

        def along(zenith: Tensor, azimuth: Tensor) -> Tensor:
            sine = torch.sin(zenith)
            direction = torch.stack((sine * torch.cos(azimuth), sine * torch.sin(azimuth), torch.cos(zenith)), dim=-1)
            return (direction * velocity.view(*velocity.shape[:3], *(1,) * (zenith.ndim - 3), 3)).sum(-1)

        of_rays = along(rays.zoa, rays.aoa)
        ones = torch.ones_like(of_rays)
        # Rays of a path have the same power; paths are made of them as their gains are.
        sums, _ = self._paths(
            torch.stack([of_rays, ones], dim=-1), ones.unsqueeze(-1), rays, drawn.cluster_delay_spread_s
        )
        speeds = sums[..., 0, 0] / sums[..., 1, 0]
        of_sight = along(topology.los_zoa, topology.los_aoa)
        first = torch.where(topology.los, of_sight, speeds[..., 0])
        return torch.cat([first[..., None], speeds[..., 1:]], dim=-1)

    def _step_11(
        self, phi: Tensor, topology: Any, k_factor: Tensor, rays: Any, t: Tensor, c_ds: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        scattered, delays = self._paths(*self._factors(phi, topology, rays, t), rays, c_ds)
        # [..., (UE polarisation, place), BS polarisation, snapshot, BS place]
        scattered = scattered.unflatten(-2, (self._rx_array.num_ant, -1, t.shape[-1], self._bs_panel.n_left))
        scattered = scattered.flatten(-2).transpose(-2, -1).flatten(-3, -2)
        if not bool(topology.los.any()):
            return scattered, delays
        direct = self._join(self._step_11_los(topology, t))
        k = k_factor[(...,) + (None,) * (scattered.ndim - k_factor.ndim)]
        with_direct = scattered * torch.sqrt(1 / (k + 1))
        with_direct[:, :, :, :1] += direct * torch.sqrt(k / (k + 1))
        los = topology.los[(...,) + (None,) * (scattered.ndim - topology.los.ndim)]
        return torch.where(los, with_direct, scattered), delays

    def _factors(self, phi: Tensor, topology: Any, rays: Any, t: Tensor) -> tuple[Tensor, Tensor]:
        """What the sums over rays are products of.

        Returns:
            Gains with the cluster's power times left phases, ``[..., n_clusters, n_rays, n_rx * BS polarisations *
            n_snapshots * n_left]``, and right phases ``[..., n_clusters, n_rays, n_right]``.
        """
        at_bs = Directions(topology.tx_orientations[:, :, None, None, None], rays.zod, rays.aod)
        at_ue = Directions(topology.rx_orientations[:, None, :, None, None], rays.zoa, rays.aoa)
        gains = self._ray_gains(phi, rays, at_bs, at_ue)
        if self._ue_panel.n_ports > 1:
            outer, inner = self._ue_panel.factors(at_ue.own)
            places = (outer.unsqueeze(-1) * inner.unsqueeze(-2)).flatten(-2)
            gains = gains.unsqueeze(-2) * places[..., None, :, None]
        gains = gains.flatten(rays.aoa.ndim)
        # Snapshots start at time zero.
        if t.shape[-1] > 1:
            turns = self._step_11_doppler_matrix(topology, rays.aoa, rays.aod, rays.zoa, rays.zod, t)
            gains = (gains.unsqueeze(-1) * turns.unsqueeze(-2)).flatten(-2)
        left, right = self._bs_panel.factors(at_bs.own)
        return (gains.unsqueeze(-1) * left.unsqueeze(-2)).flatten(-2), right

    def _ray_gains(self, phi: Tensor, rays: Any, at_bs: Directions, at_ue: Directions) -> Tensor:
        """Gains with the cluster's power, ``[..., n_clusters, n_rays, UE polarisations, BS polarisations]``."""
        straight = torch.sqrt(rays.powers / rays.aoa.shape[-1]).unsqueeze(-1)
        bs_fields, ue_fields = fields(self._tx_array, at_bs), fields(self._rx_array, at_ue)
        coupled = [[_Sum(), _Sum()] for _ in ue_fields]
        for i, j in itertools.product(range(2), range(2)):
            if all(field[i] is None for field in ue_fields) or all(field[j] is None for field in bs_fields):
                continue
            magnitude = straight if i == j else straight * torch.rsqrt(rays.xpr)
            phase = phi[..., 2 * i + j]
            wave = (magnitude * torch.cos(phase), magnitude * torch.sin(phase))
            for sums, field in zip(coupled, ue_fields, strict=True):
                sums[j].add(wave, field[i])
        gains = [[_Sum() for _ in bs_fields] for _ in ue_fields]
        for (sums, row), j in itertools.product(zip(coupled, gains, strict=True), range(2)):
            for gain, field in zip(row, bs_fields, strict=True):
                gain.add(sums[j].parts, field[j])
        parts = [torch.stack([gain.value(rays.aoa) for gain in row], dim=-1) for row in gains]
        return torch.stack(parts, dim=-2)

    def _paths(self, left: Tensor, right: Tensor, rays: Any, c_ds: Tensor | None) -> tuple[Tensor, Tensor]:
        """Sums over rays, ``[..., n_paths, left, right]`` and delays, both in the order of the delays (7.5-27)."""
        clusters = left.mT @ right
        if not self._subclustering:
            order = torch.argsort(rays.delays, dim=-1)
            return _taken(clusters, order), torch.gather(rays.delays, -1, order)
        parts, source, delays = self._split_strongest(left, right, rays, c_ds)
        order = torch.argsort(delays, dim=-1)
        return _taken(torch.cat([*parts, clusters], dim=3), source.gather(-1, order)), torch.gather(delays, -1, order)

    def _split_strongest(
        self, left: Tensor, right: Tensor, rays: Any, c_ds: Tensor | None
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """The two strongest clusters make three paths each, 1.28 and 2.56 cluster delay spreads apart (7.5-26).

        Returns:
            Sums of the sub-clusters, three of ``[..., 2, left, right]``; by path its place among these and all
            clusters, ``[..., n_paths]``; delays of the paths, s.
        """
        assert c_ds is not None
        order = torch.argsort(rays.powers, dim=-1, descending=True)
        strongest = getattr(rays, "strongest_cluster_indices", None)
        if strongest is not None:
            rest = rays.powers.scatter(-1, strongest, -torch.inf).argsort(dim=-1, descending=True)
            order = torch.cat([strongest, rest[..., : order.shape[-1] - 2]], dim=-1)
        strong, weak = order[..., :2], order[..., 2:]
        members = torch.tensor(_IN_SUB_CLUSTERS, device=left.device)
        strong_left, strong_right = (
            _taken(factor, strong).index_select(-2, members).split(_SUB_CLUSTER_SIZES, dim=-2)
            for factor in (left, right)
        )
        parts = [a.mT @ b for a, b in zip(strong_left, strong_right, strict=True)]
        in_order = torch.gather(rays.delays, -1, order)
        late = self._sub_cl_delay_offsets[:, None] * c_ds[..., None, None]
        split = (in_order[..., None, :2] + late).flatten(-2)
        n_parts = split.shape[-1]
        source = torch.arange(n_parts, device=left.device).expand(*weak.shape[:-1], -1)
        return parts, torch.cat([source, weak + n_parts], dim=-1), torch.cat([split, in_order[..., 2:]], dim=-1)


class _Sum:
    """A complex sum as real and imaginary part, of which terms with a factor that is nowhere are no part."""

    def __init__(self) -> None:
        self.parts: tuple[Tensor, Tensor] | None = None

    def add(self, parts: tuple[Tensor, Tensor] | None, factor: Tensor | None) -> None:
        """Adds a complex number times a real factor."""
        if parts is None or factor is None:
            return
        real, imaginary = (part * factor for part in parts)
        self.parts = (real, imaginary) if self.parts is None else (self.parts[0] + real, self.parts[1] + imaginary)

    def value(self, like: Tensor) -> Tensor:
        """The sum, of the shape of ``like``, complex64."""
        if self.parts is None:
            return torch.zeros_like(like, dtype=torch.complex64)
        return torch.complex(*self.parts)


def _taken(values: Tensor, order: Tensor) -> Tensor:
    """Clusters ``[batch, n_bs, n_ue, n_clusters, a, b]`` in another order, or some of them, ``[..., n, a, b]``."""
    first = torch.arange(order.shape[:-1].numel(), device=order.device) * values.shape[3]
    rows = first.unsqueeze(-1) + order.flatten(0, 2)
    return values.flatten(0, 3).index_select(0, rows.flatten()).unflatten(0, order.shape)
