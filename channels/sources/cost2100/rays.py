"""Rays between BS and MS at every snapshot: amplitude, delay and azimuth of departure."""

from dataclasses import dataclass

import torch
from torch import Tensor

from channels.sources.cost2100.clusters import SPEED_OF_LIGHT_M_S, FarClusters, LocalCluster
from channels.sources.cost2100.environment import Environment
from channels.sources.cost2100.visibility import VisibleClusters
from channels.transforms.dirichlet_kernel import unit_phasor


@dataclass(frozen=True)
class Rays:
    """Plane waves at the BS; first the line of sight, if there can be one, then local and far clusters.

    Attributes:
        amplitude: complex gains at port 0 and the carrier, ``[n_links, n_snapshots, n_rays]``, complex64, 0 for rays
            that are not seen.
        delay_s: delays, ``[n_links, n_snapshots, n_rays]``, float64.
        aod_rad: azimuth of departure from the array axis, ``[n_links, n_snapshots, n_rays]``, float32.
        path_gain_db: free-space gain at the first snapshot, part of the amplitudes, ``[n_links]``, float32.
        gain_db: power that the normalisation removed, ``[n_links]``, float32.
        n_los: rays of the line of sight, 0 or 1.
        n_local: rays of local clusters.
    """

    amplitude: Tensor
    delay_s: Tensor
    aod_rad: Tensor
    path_gain_db: Tensor
    gain_db: Tensor
    n_los: int
    n_local: int

    @property
    def spatial_frequency(self) -> Tensor:
        """Phase advance per port of a half-wavelength ULA in turns, same shape as ``aod_rad``."""
        return torch.cos(self.aod_rad) / 2


def free_space_gain(distance_m: Tensor, carrier_hz: float) -> Tensor:
    """Amplitude gain ``10^(-PL/20)``, ``PL = 20 log10(d) + 20 log10(f) - 147.56`` dB, same shape as the distance."""
    return 10 ** (147.56 / 20) / (carrier_hz * distance_m)


def local_rays(cluster: LocalCluster, owner: str, ms_m: Tensor, carrier_hz: float) -> tuple[Tensor, Tensor, Tensor]:
    """Amplitude (path gain apart), delay and departure of a local cluster, each ``[n_links, n_snapshots, n_rays]``.

    Args:
        cluster: the cluster, which follows its owner.
        owner: ``bs`` or ``ms``.
        ms_m: positions of the MS relative to the BS, ``[n_links, n_snapshots, 2]``, float64.
        carrier_hz: carrier frequency.
    """
    offset = cluster.offset_m.to(torch.float64).unsqueeze(1)
    ms = torch.nn.functional.pad(ms_m, (0, 1)).unsqueeze(3)
    ray = offset if owner == "bs" else ms + offset
    to_ms = offset - ms if owner == "bs" else offset
    length = ray.square().sum(2).sqrt_() + to_ms.square().sum(2).sqrt_()
    delay = length.div_(SPEED_OF_LIGHT_M_S)
    aod = torch.atan2(ray[:, :, 1], ray[:, :, 0]).to(torch.float32)
    return cluster.weight.unsqueeze(1) * unit_phasor(delay * -carrier_hz), delay, aod.expand(delay.shape)


def far_rays(
    clusters: FarClusters, visible: VisibleClusters, ms_m: Tensor, environment: Environment, carrier_hz: float
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Amplitude (path gain apart), delay and departure of far clusters, each ``[n_links, n_snapshots, n_rays]``.

    A cluster of delay :math:`\tau_m` is attenuated by
    :math:`\max(e^{-k_\tau (\tau_m - \tau_0)}, e^{-k_\tau (\tau_b - \tau_0)})` in power, with :math:`\tau_0` of the
    direct line and the cut-off :math:`\tau_b`.

    Args:
        clusters: the clusters, which stay where they are.
        visible: whose they are, and their amplitude gains.
        ms_m: positions of the MS relative to the BS, ``[n_links, n_snapshots, 2]``, float64.
        environment: decay and cut-off.
        carrier_hz: carrier frequency.
    """
    ms = ms_m[visible.link]
    direct_s = torch.linalg.vector_norm(ms_m, dim=-1)[visible.link] / SPEED_OF_LIGHT_M_S
    to_centre = (clusters.ms_centre_m.unsqueeze(1) - ms).square().sum(-1).sqrt_()
    link_delay = clusters.link_delay_s.to(torch.float64).unsqueeze(1)
    cluster_s = (clusters.bs_centre_distance_m.unsqueeze(1) + to_centre) / SPEED_OF_LIGHT_M_S + link_delay
    far = environment.far_clusters
    if far.cutoff_delay_s is not None:
        cluster_s = cluster_s.clamp(max=far.cutoff_delay_s)
    attenuation = torch.exp((-0.5e6 * far.decay_per_us) * (cluster_s - direct_s)).to(torch.float32)

    ray = clusters.ms_ray_m.to(torch.float64).unsqueeze(1)
    delay = (ray[:, :, 0] - ms[:, :, :1]).square_()
    delay += (ray[:, :, 1] - ms[:, :, 1:]).square_()
    delay += ray[:, :, 2].square_()
    delay = delay.sqrt_().add_(clusters.bs_ray_distance_m.unsqueeze(1)).div_(SPEED_OF_LIGHT_M_S)
    delay += link_delay.unsqueeze(-1)
    amplitude = clusters.weight.unsqueeze(1) * (visible.gain * attenuation).unsqueeze(-1)
    amplitude *= unit_phasor(delay * -carrier_hz)
    aod = clusters.aod_rad.unsqueeze(1).expand(delay.shape)
    place = (visible.link, visible.slot)
    size = (len(ms_m), int(visible.slot.max()) + 1 if len(visible.slot) else 1)
    return _placed(amplitude, place, size), _placed(delay, place, size), _placed(aod, place, size)


def _placed(values: Tensor, place: tuple[Tensor, Tensor], size: tuple[int, int]) -> Tensor:
    """Values of clusters, ``[n, n_snapshots, n_rays]``, link by link, ``[n_links, n_snapshots, n_slots n_rays]``."""
    out = values.new_zeros(*size, *values.shape[1:])
    out[place] = values
    return out.transpose(1, 2).flatten(2)


def line_of_sight_ray(
    k_factor: Tensor, exists: Tensor, other_power: Tensor, ms_m: Tensor, carrier_hz: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Amplitude, delay and departure of the direct path, each ``[n_links, n_snapshots, 1]``.

    Args:
        k_factor: its power over that of all other rays, ``[n_links]``, linear.
        exists: where there is one, ``[n_links, n_snapshots]``.
        other_power: total power of the other rays, ``[n_links, n_snapshots]``.
        ms_m: positions of the MS relative to the BS, ``[n_links, n_snapshots, 2]``, float64.
        carrier_hz: carrier frequency.
    """
    delay = torch.linalg.vector_norm(ms_m, dim=-1) / SPEED_OF_LIGHT_M_S
    magnitude = (k_factor.unsqueeze(1) * other_power).sqrt() * exists
    aod = torch.atan2(ms_m[..., 1], ms_m[..., 0]).to(torch.float32)
    amplitude = magnitude * unit_phasor(delay * -carrier_hz)
    return amplitude.unsqueeze(-1), delay.unsqueeze(-1), aod.unsqueeze(-1)


def decibels(power: Tensor) -> Tensor:
    """``10 log10`` of a linear power, float32."""
    return (torch.log10(power.to(torch.float64)) * 10).to(torch.float32)


def in_region(ms_m: Tensor, centre_m: Tensor, radius_m: float, cutoff_m: float) -> Tensor:
    """Whether the direct path exists, ``[n_links, n_snapshots]``: near its region's centre and near the BS."""
    near_centre = torch.linalg.vector_norm(ms_m - centre_m.unsqueeze(1), dim=-1) <= radius_m
    return near_centre & (torch.linalg.vector_norm(ms_m, dim=-1) <= cutoff_m)
