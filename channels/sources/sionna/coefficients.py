r"""Path coefficients of TR 38.901 models at the ports of planar arrays, from Sionna's own rays.

Clause 7.5, step 11 of TR 38.901 (equations 7.5-22 and 7.5-28) sums over the rays of a cluster. The place of an element
enters a ray as a phase only, one of its column times one of its row, and its pattern by its polarisation only, so that
the sum is a matrix product:

.. math:: H_{u,s,n}(t) = \sum_m A_{u,p(s),n,m}(t) \, c_{x(s),n,m} \, r_{y(s),n,m}

with :math:`A` the gain of ray :math:`m` from polarisation :math:`p` at the BS to antenna :math:`u` of the UE, and
:math:`c`, :math:`r` its phases at column :math:`x` and row :math:`y`. Sionna works with every ray at every pair of
antennas.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from sionna.phy.channel.tr38901 import ChannelCoefficientsGenerator
from torch import Tensor

# Table 7.5-5: rays of the three sub-clusters of a cluster.
_SUB_CLUSTERS = ((0, 1, 2, 3, 4, 5, 6, 7, 18, 19), (8, 9, 10, 11, 16, 17), (12, 13, 14, 15))


@dataclass(frozen=True)
class PlanarArray:
    """A panel in the y-z plane, centred on the origin.

    Attributes:
        n_rows: rows of ports.
        n_columns: columns of ports.
        spacing: distance of elements along a row and along a column, wavelengths.
        weights: of the elements of a column that make one port, those of a port downwards; one element has weight 1.
    """

    n_rows: int
    n_columns: int
    spacing: tuple[float, float]
    weights: tuple[complex, ...] = (1.0,)

    def response(self, direction: Tensor) -> Tensor:
        """Phases of plane waves at the ports, row by row.

        Args:
            direction: unit vectors from the panel, in its own axes, ``[..., 3]``, float32.

        Returns:
            ``[..., n_rows * n_columns]``, complex64.
        """
        along_row, along_column = self.spacing
        size = len(self.weights)
        columns = _phases(direction[..., 1] * (2 * math.pi * along_row), self.n_columns)
        rows = _phases(direction[..., 2] * (-2 * math.pi * along_column), self.n_rows * size)
        if size > 1:
            rows = rows.unflatten(-1, (-1, size)) @ torch.tensor(self.weights, dtype=rows.dtype, device=rows.device)
        if self.n_rows == 1 and size == 1:
            return columns
        return (rows.unsqueeze(-1) * columns.unsqueeze(-2)).flatten(-2)


def _phases(step: Tensor, count: int) -> Tensor:
    r"""Phases :math:`e^{j (i - (N - 1) / 2) \phi}` of ``count`` evenly spaced elements, ``[..., count]``, complex64.

    Args:
        step: phase from one element to the next, ``[...]``, radians.
        count: number :math:`N` of elements.
    """
    phases = torch.polar(torch.ones_like(step), step * (-(count - 1) / 2)).unsqueeze(-1)
    while (have := phases.shape[-1]) < count:
        # Turned by each power of two at once: powers of powers would gather rounding errors.
        turn = torch.polar(torch.ones_like(step), step * have).unsqueeze(-1)
        phases = torch.cat([phases, phases[..., : count - have] * turn], dim=-1)
    return phases


class PortCoefficients(ChannelCoefficientsGenerator):
    """Sionna's step 11, summed over rays by matrix products; delays and line-of-sight paths are Sionna's own.

    Args:
        bs_panel: ports of the BS in the panel ``tx_array``.
        ue_panel: ports of the UE in the panel ``rx_array``.
        join: from elements of the BS ``[..., n_elements, n_snapshots]`` to its ports.
        keys: what Sionna's own generator takes.

    Attributes:
        radial_speeds_m_s: of what was computed last, the UE's speed towards where each path comes from, mean of its
            rays, ``[batch, n_bs, n_ue, n_paths]``, float32; ``None`` where there is one snapshot.
    """

    radial_speeds_m_s: Tensor | None = None

    def __init__(self, bs_panel: PlanarArray, ue_panel: PlanarArray, join: Any, **keys: Any) -> None:
        super().__init__(**keys)
        self._bs_panel = bs_panel
        self._ue_panel = ue_panel
        self._join = join

    def _step_11(
        self, phi: Tensor, topology: Any, k_factor: Tensor, rays: Any, t: Tensor, c_ds: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Coefficients ``[batch, n_bs, n_ue, n_paths, n_rx, n_ports, n_snapshots]``, and delays, s."""
        gains, phases = self._ray_gains(phi, topology, rays, t), self._bs_phases(topology, rays)
        scattered, delays = self._paths(gains, phases, rays, c_ds)
        n_snapshots = t.shape[-1]
        self.radial_speeds_m_s = self._radial_speeds(topology, rays, c_ds) if n_snapshots > 1 else None
        # [..., (UE polarisation, place), BS polarisation, snapshot, BS place]
        scattered = scattered.unflatten(-2, (self._rx_array.num_ant, -1, n_snapshots))
        scattered = scattered.transpose(-2, -1).flatten(-3, -2)
        if not bool(topology.los.any()):
            return scattered, delays
        direct = self._join(self._step_11_los(topology, t))
        k = k_factor[(...,) + (None,) * (scattered.ndim - k_factor.ndim)]
        with_direct = scattered * torch.sqrt(1 / (k + 1))
        with_direct[:, :, :, :1] += direct * torch.sqrt(k / (k + 1))
        los = topology.los[(...,) + (None,) * (scattered.ndim - topology.los.ndim)]
        return torch.where(los, with_direct, scattered), delays

    def _radial_speeds(self, topology: Any, rays: Any, c_ds: Tensor | None) -> Tensor:
        """Speeds of the UE along the direction that each path comes from, m/s; of a path of sight along that."""
        velocity = topology.velocities[:, None]

        def along(zenith: Tensor, azimuth: Tensor) -> Tensor:
            sine = torch.sin(zenith)
            direction = torch.stack((sine * torch.cos(azimuth), sine * torch.sin(azimuth), torch.cos(zenith)), dim=-1)
            return (direction * velocity.view(*velocity.shape[:3], *(1,) * (zenith.ndim - 3), 3)).sum(-1)

        of_rays = along(rays.zoa, rays.aoa)
        # Rays of a path have the same power; paths are made of them as their gains are.
        sums, _ = self._paths(
            torch.stack([of_rays, torch.ones_like(of_rays)], dim=-1), torch.ones_like(of_rays)[..., None], rays, c_ds
        )
        speeds = sums[..., 0, 0] / sums[..., 1, 0]
        of_sight = along(topology.los_zoa, topology.los_aoa)
        first = torch.where(topology.los, of_sight, speeds[..., 0])
        return torch.cat([first[..., None], speeds[..., 1:]], dim=-1)

    def _bs_phases(self, topology: Any, rays: Any) -> Tensor:
        """Phases of every ray at the places of the BS's ports, ``[..., n_clusters, n_rays, n_places]``."""
        orientation = topology.tx_orientations[:, :, None, None, None]
        return self._bs_panel.response(self._own_axes(orientation, rays.zod, rays.aod))

    def _ray_gains(self, phi: Tensor, topology: Any, rays: Any, t: Tensor) -> Tensor:
        """Gains with the cluster's power, ``[..., n_clusters, n_rays, n_rx * BS polarisations * n_snapshots]``."""
        at_bs = topology.tx_orientations[:, :, None, None, None]
        at_ue = topology.rx_orientations[:, None, :, None, None]
        own_bs, own_ue = self._own_axes(at_bs, rays.zod, rays.aod), self._own_axes(at_ue, rays.zoa, rays.aoa)
        bs_fields = self._fields(self._tx_array, own_bs, at_bs, rays.zod, rays.aod)
        ue_fields = self._fields(self._rx_array, own_ue, at_ue, rays.zoa, rays.aoa)
        amplitude = torch.sqrt(rays.powers / rays.aoa.shape[-1]).unsqueeze(-1).expand_as(rays.xpr)
        crossed = amplitude * torch.sqrt(1 / rays.xpr)
        coupling = torch.polar(torch.stack([amplitude, crossed, crossed, amplitude], dim=-1), phi).unflatten(-1, (2, 2))
        # [..., UE polarisation, BS polarisation], summed over both components of the field.
        at_ports = (ue_fields[..., :, None, :, None] * coupling[..., None, None, :, :]).sum(dim=-2)
        gains = (at_ports * bs_fields.unsqueeze(-3)).sum(dim=-1)
        places = self._ue_panel.response(own_ue)
        gains = (gains.unsqueeze(-2) * places[..., None, :, None]).flatten(-3)
        if t.shape[-1] == 1:
            # Snapshots start at time zero.
            return gains
        turns = self._step_11_doppler_matrix(topology, rays.aoa, rays.aod, rays.zoa, rays.zod, t)
        return (gains.unsqueeze(-1) * turns.unsqueeze(-2)).flatten(-2)

    def _own_axes(self, orientation: Tensor, zenith: Tensor, azimuth: Tensor) -> Tensor:
        """Unit vectors in the axes of a panel, ``[..., 3]`` (7.1-6, 7.1-7)."""
        sine = torch.sin(zenith)
        direction = (sine * torch.cos(azimuth), sine * torch.sin(azimuth), torch.cos(zenith))
        axes = self._forward_rotation_matrix(orientation)
        own = [sum(axes[..., i, j] * direction[i] for i in range(3)) for j in range(3)]
        return torch.stack(own, dim=-1)

    def _fields(self, array: Any, own: Tensor, orientation: Tensor, zenith: Tensor, azimuth: Tensor) -> Tensor:
        """Fields in global axes, ``[..., polarisations, 2]`` (7.1-11, 7.1-15, 7.3-4, 7.3-5)."""
        own_zenith, own_azimuth = torch.acos(own[..., 2].clamp(-1, 1)), torch.atan2(own[..., 1], own[..., 0])
        psi = self._compute_psi(orientation, zenith, azimuth)
        cosine, sine = torch.cos(psi), torch.sin(psi)
        elements = [array.ant_pol1] + ([array.ant_pol2] if array.polarization == "dual" else [])
        fields = []
        for element in elements:
            along_zenith, along_azimuth = element.field(own_zenith, own_azimuth)
            fields += [along_zenith * cosine - along_azimuth * sine, along_zenith * sine + along_azimuth * cosine]
        return torch.stack(fields, dim=-1).unflatten(-1, (-1, 2))

    def _paths(self, gains: Tensor, phases: Tensor, rays: Any, c_ds: Tensor | None) -> tuple[Tensor, Tensor]:
        """Sums over rays, ``[..., n_paths, gains, places]`` and delays, both in the order of the delays (7.5-27)."""
        clusters = gains.mT @ phases
        delays = rays.delays
        if self._subclustering:
            clusters, delays = self._split_strongest(clusters, gains, phases, rays, c_ds)
        order = torch.argsort(delays, dim=-1)
        return _taken(clusters, order), torch.gather(delays, -1, order)

    def _split_strongest(
        self, clusters: Tensor, gains: Tensor, phases: Tensor, rays: Any, c_ds: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The two strongest clusters make three paths each, 1.28 and 2.56 cluster delay spreads apart (7.5-26)."""
        assert c_ds is not None
        order = torch.argsort(rays.powers, dim=-1, descending=True)
        strongest = getattr(rays, "strongest_cluster_indices", None)
        if strongest is not None:
            rest = rays.powers.scatter(-1, strongest, -torch.inf).argsort(dim=-1, descending=True)
            order = torch.cat([strongest, rest[..., : order.shape[-1] - 2]], dim=-1)
        strong, weak = order[..., :2], order[..., 2:]
        strong_gains, strong_phases = _taken(gains, strong), _taken(phases, strong)
        parts = [
            strong_gains[..., members, :].mT @ strong_phases[..., members, :] for members in map(list, _SUB_CLUSTERS)
        ]
        in_order = torch.gather(rays.delays, -1, order)
        late = self._sub_cl_delay_offsets[:, None] * c_ds[..., None, None]
        split = (in_order[..., None, :2] + late).flatten(-2)
        return torch.cat([*parts, _taken(clusters, weak)], dim=3), torch.cat([split, in_order[..., 2:]], dim=-1)


def _taken(values: Tensor, order: Tensor) -> Tensor:
    """Clusters ``[batch, n_bs, n_ue, n_clusters, a, b]`` in another order, or some of them, ``[..., n, a, b]``."""
    return torch.take_along_dim(values, order[..., None, None], dim=3)
