"""Clusters and their rays: where they lie, and their weights. Drawn once; nothing here depends on time."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.sources.cost2100.environment import CORRELATED, Environment, Spread
from channels.sources.cost2100.streams import BlockStreams
from channels.sources.cost2100.visibility import VisibilityRegions, VisibleClusters

SPEED_OF_LIGHT_M_S = 3e8

# Clusters per random stream: a longer track sees more clusters, and those it shares with a shorter one stay the same.
_CLUSTERS_AT_A_TIME = 8


@dataclass(frozen=True)
class LocalCluster:
    """A cluster around BS or MS.

    Attributes:
        offset_m: rays relative to the BS or MS, ``[n_links, n_rays, 3]``, float32.
        weight: ray weights times the root of the shadowing, ``[n_links, n_rays]``, complex64.
    """

    offset_m: Tensor
    weight: Tensor


@dataclass(frozen=True)
class FarClusters:
    """Clusters seen through visibility regions; a twin has a part seen from the BS and another seen from the MS.

    Attributes:
        bs_centre_distance_m: BS to the centre of the BS part, ``[n_links, n_clusters]``, float32.
        ms_centre_m: centre of the MS part relative to the BS, ``[n_links, n_clusters, 2]``, float32.
        link_delay_s: delay between the parts, ``[n_links, n_clusters]``, float32.
        bs_ray_distance_m: BS to each ray, ``[n_links, n_clusters, n_rays]``, float32.
        aod_rad: azimuth of the rays from the BS, ``[n_links, n_clusters, n_rays]``, float32.
        ms_ray_m: rays of the MS part relative to the BS, three of ``[n_links, n_clusters, n_rays]``, float32.
        weight: ray weights times the root of the shadowing, ``[n_links, n_clusters, n_rays]``, complex64.
    """

    bs_centre_distance_m: Tensor
    ms_centre_m: Tensor
    link_delay_s: Tensor
    bs_ray_distance_m: Tensor
    aod_rad: Tensor
    ms_ray_m: tuple[Tensor, Tensor, Tensor]
    weight: Tensor


def draw_local_cluster(environment: Environment, streams: BlockStreams, owner: str) -> LocalCluster:
    """Cluster around ``owner`` (``bs`` or ``ms``): a flat cloud as wide as it is long."""
    n_rays = environment.rays_per_cluster
    normals = torch.randn(
        streams.n_links,
        len(CORRELATED) + 5 * n_rays,
        generator=streams.generator("local", owner),
        device=streams.device,
    )
    spreads = _Spreads(environment, normals[:, : len(CORRELATED)])
    cloud, weight = _rays(normals[:, len(CORRELATED) :], n_rays)
    length = spreads.length_m() / 3
    size = torch.stack((length, length, length / 20), dim=-1)
    return LocalCluster(cloud * size.unsqueeze(1), weight * spreads.shadowing_amplitude().unsqueeze(-1))


def draw_far_clusters(
    environment: Environment, streams: BlockStreams, regions: VisibilityRegions, visible: VisibleClusters
) -> FarClusters:
    """Places the visible clusters, one per slot, and their rays.

    The BS part lies at a uniform distance, at the azimuth of the cluster's reference region plus an offset; the MS
    part around the reference region, where it is seen from there under the same width as the BS part from the BS.
    """
    far, n_rays, n_gaussians = environment.far_clusters, environment.rays_per_cluster, len(CORRELATED)
    normals, uniforms = _draws(streams, visible.gain.shape[2], n_gaussians + 2 + 5 * n_rays)
    spreads = _Spreads(environment, normals[..., :n_gaussians])

    pick = torch.minimum((uniforms[..., 0] * visible.group_size).to(torch.int64), visible.group_size - 1)
    reference = regions.centres_of(visible.first_region + pick)
    base = torch.atan2(reference[..., 1], reference[..., 0])
    offset = far.azimuth_offset_deg.mean + far.azimuth_offset_deg.std * normals[..., n_gaussians : n_gaussians + 2]
    bs_azimuth, ms_azimuth = (base.unsqueeze(-1) + torch.deg2rad(offset)).unbind(-1)
    bs_distance = far.max_bs_distance_m * uniforms[..., 1]
    bs_half, ms_half = spreads.half_tangent("bs_azimuth"), spreads.half_tangent("ms_azimuth")
    ms_distance = bs_distance * bs_half / ms_half

    cloud, weight = _rays(normals[..., n_gaussians + 2 :], n_rays)
    length = spreads.length_m()
    bs_part = _Part(bs_azimuth, bs_distance, bs_half, spreads.half_tangent("bs_elevation"), length, cloud)
    ms_part = _Part(ms_azimuth, ms_distance, ms_half, spreads.half_tangent("ms_elevation"), length, cloud)

    single = uniforms[..., 2] < far.single_bounce_share
    ms_origin = torch.where(single.unsqueeze(-1), 0, reference)
    ms_centre = torch.where(single.unsqueeze(-1), bs_part.centre(), ms_part.centre()) + ms_origin
    x, y, height = (
        torch.where(single.unsqueeze(-1), at_bs, at_ms)
        for at_bs, at_ms in zip(bs_part.positions(), ms_part.positions(), strict=True)
    )
    link_delay = far.link_delay_s.minimum - far.link_delay_s.mean * torch.log1p(-uniforms[..., 3])
    return FarClusters(
        bs_centre_distance_m=bs_distance,
        ms_centre_m=ms_centre,
        link_delay_s=torch.where(single, 0, link_delay),
        bs_ray_distance_m=bs_part.ray_distance(),
        aod_rad=bs_part.ray_azimuth(),
        ms_ray_m=(x + ms_origin[..., :1], y + ms_origin[..., 1:], height),
        weight=weight * spreads.shadowing_amplitude().unsqueeze(-1),
    )


class _Spreads:
    """Shadowing and spreads of clusters from six white Gaussians each, ``[..., 6]``."""

    def __init__(self, environment: Environment, normals: Tensor) -> None:
        self._spreads = environment.spreads
        correlated = normals @ self._spreads.gaussian_factor().to(normals.device)
        self._gaussians = dict(zip(CORRELATED, correlated.unbind(-1), strict=True))

    def shadowing_amplitude(self) -> Tensor:
        return 10 ** (0.05 * self._spreads.shadowing_db * self._gaussians["shadowing"])

    def length_m(self) -> Tensor:
        """Three standard deviations of the cloud along the line of sight to it."""
        return self._value("delay", self._spreads.delay_s) * (SPEED_OF_LIGHT_M_S / 2)

    def half_tangent(self, kind: str) -> Tensor:
        """Tangent of half an angular spread: three standard deviations of the cloud per distance."""
        spread: Spread = getattr(self._spreads, f"{kind}_deg")
        return torch.tan(torch.deg2rad(self._value(kind, spread) / 2))

    def _value(self, kind: str, spread: Spread) -> Tensor:
        return spread.median * 10 ** (0.1 * spread.std_db * self._gaussians[kind])


@dataclass(frozen=True)
class _Part:
    """One part of far clusters, in polar form around the BS or the reference region.

    The cloud's first axis points from the cluster to that origin, the second is the horizontal normal.
    """

    azimuth: Tensor
    distance: Tensor
    half_width: Tensor
    half_height: Tensor
    length: Tensor
    cloud: Tensor

    def centre(self) -> Tensor:
        direction = torch.stack((torch.cos(self.azimuth), torch.sin(self.azimuth)), dim=-1)
        return self.distance.unsqueeze(-1) * direction

    def positions(self) -> tuple[Tensor, Tensor, Tensor]:
        along, across, height = self._frame()
        cosine, sine = torch.cos(self.azimuth).unsqueeze(-1), torch.sin(self.azimuth).unsqueeze(-1)
        return along * cosine + across * sine, along * sine - across * cosine, height

    def ray_distance(self) -> Tensor:
        along, across, height = self._frame()
        return (along.square() + across.square() + height.square()).sqrt()

    def ray_azimuth(self) -> Tensor:
        along, across, _ = self._frame()
        return self.azimuth.unsqueeze(-1) - torch.atan2(across, along)

    def _frame(self) -> tuple[Tensor, Tensor, Tensor]:
        along = self.distance.unsqueeze(-1) - self.cloud[..., 0] * (self.length / 3).unsqueeze(-1)
        across = self.cloud[..., 1] * (self.distance * self.half_width / 3).unsqueeze(-1)
        height = self.cloud[..., 2] * (self.distance * self.half_height / 3).unsqueeze(-1)
        return along, across, height


def _draws(streams: BlockStreams, n_clusters: int, n_normals: int) -> tuple[Tensor, Tensor]:
    """White Gaussians ``[n_links, n_clusters, n_normals]`` and uniforms ``[n_links, n_clusters, 4]``."""
    normals, uniforms = [], []
    for chunk in range(math.ceil(n_clusters / _CLUSTERS_AT_A_TIME)):
        generator = streams.generator("clusters", chunk)
        size = (streams.n_links, _CLUSTERS_AT_A_TIME)
        normals.append(torch.randn(*size, n_normals, generator=generator, device=streams.device))
        uniforms.append(torch.rand(*size, 4, generator=generator, device=streams.device))
    return torch.cat(normals, dim=1)[:, :n_clusters], torch.cat(uniforms, dim=1)[:, :n_clusters]


def _rays(normals: Tensor, n_rays: int) -> tuple[Tensor, Tensor]:
    """Standard cloud ``[..., n_rays, 3]`` and complex weights of total power 1 ``[..., n_rays]``."""
    cloud, real, imaginary = normals.split((3 * n_rays, n_rays, n_rays), dim=-1)
    norm = (real.square().sum(-1, keepdim=True) + imaginary.square().sum(-1, keepdim=True)).rsqrt()
    return cloud.unflatten(-1, (n_rays, 3)), torch.complex(real * norm, imaginary * norm)
