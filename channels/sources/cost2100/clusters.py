"""Clusters and their rays: where they lie, and their weights. Drawn once; nothing here depends on time."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from channels.sources.cost2100.environment import CORRELATED, Environment, Spread
from channels.sources.cost2100.streams import BlockStreams
from channels.sources.cost2100.visibility import VisibleClusters

SPEED_OF_LIGHT_M_S = 3e8


@dataclass(frozen=True)
class LocalCluster:
    """A cluster around BS or MS.

    Attributes:
        offset_m: rays relative to the BS or MS, ``[n_links, 3, n_rays]``, float32.
        weight: ray weights times the root of the shadowing, ``[n_links, n_rays]``, complex64.
    """

    offset_m: Tensor
    weight: Tensor


@dataclass(frozen=True)
class FarClusters:
    """Clusters seen through visibility regions; a twin has a part seen from the BS and another seen from the MS.

    Attributes:
        bs_centre_distance_m: BS to the centre of the BS part, ``[n]``, float32.
        ms_centre_m: centre of the MS part relative to the BS, ``[n, 2]``, float32.
        link_delay_s: delay between the parts, ``[n]``, float32.
        bs_ray_distance_m: BS to each ray, ``[n, n_rays]``, float32.
        aod_rad: azimuth of the rays from the BS, ``[n, n_rays]``, float32.
        ms_ray_m: rays of the MS part relative to the BS, ``[n, 3, n_rays]``, float32.
        weight: ray weights times the root of the shadowing, ``[n, n_rays]``, complex64.
    """

    bs_centre_distance_m: Tensor
    ms_centre_m: Tensor
    link_delay_s: Tensor
    bs_ray_distance_m: Tensor
    aod_rad: Tensor
    ms_ray_m: Tensor
    weight: Tensor

    def only(self, clusters: Tensor) -> "FarClusters":
        """Some of the clusters, by a mask or an index."""
        return FarClusters(*(getattr(self, field.name)[clusters] for field in fields(self)))


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
    return LocalCluster(cloud * size.unsqueeze(-1), weight * spreads.shadowing_amplitude().unsqueeze(-1))


def draw_far_clusters(environment: Environment, streams: BlockStreams, visible: VisibleClusters) -> FarClusters:
    """Places the visible clusters and their rays.

    The BS part lies at a uniform distance, at the azimuth of the cluster's reference region plus an offset; the MS
    part around the reference region, where it is seen from there under the same width as the BS part from the BS.
    """
    far, n_rays, n_gaussians = environment.far_clusters, environment.rays_per_cluster, len(CORRELATED)
    normals = _draws(torch.randn, "clusters", streams, visible, n_gaussians + 2 + 5 * n_rays)
    uniforms = _draws(torch.rand, "cluster places", streams, visible, 3)
    spreads = _Spreads(environment, normals[:, :n_gaussians])

    base = torch.atan2(visible.reference_m[:, 1], visible.reference_m[:, 0])
    offset = far.azimuth_offset_deg.mean + far.azimuth_offset_deg.std * normals[:, n_gaussians : n_gaussians + 2]
    bs_azimuth, ms_azimuth = (base.unsqueeze(-1) + torch.deg2rad(offset)).unbind(-1)
    bs_distance = far.max_bs_distance_m * uniforms[:, 0]
    bs_half, ms_half = spreads.half_tangent("bs_azimuth"), spreads.half_tangent("ms_azimuth")
    ms_distance = bs_distance * bs_half / ms_half

    cloud, weight = _rays(normals[:, n_gaussians + 2 :], n_rays)
    length = spreads.length_m()
    bs_values = (bs_azimuth, bs_distance, bs_half, spreads.half_tangent("bs_elevation"), length, cloud)
    bs_part = _Part(*bs_values)
    ms_part = _Part(ms_azimuth, ms_distance, ms_half, spreads.half_tangent("ms_elevation"), length, cloud)
    ms_centre = ms_part.centre() + visible.reference_m
    ms_ray = ms_part.positions()
    ms_ray[:, :2] += visible.reference_m.unsqueeze(-1)
    link_delay = far.link_delay_s.minimum - far.link_delay_s.mean * torch.log1p(-uniforms[:, 2])
    if far.single_bounce_share > 0:
        single = (uniforms[:, 1] < far.single_bounce_share).nonzero()[:, 0]
        at_bs = _Part(*(value[single] for value in bs_values))
        ms_centre[single], ms_ray[single], link_delay[single] = at_bs.centre(), at_bs.positions(), 0
    return FarClusters(
        bs_centre_distance_m=bs_distance,
        ms_centre_m=ms_centre,
        link_delay_s=link_delay,
        bs_ray_distance_m=bs_part.ray_distance(),
        aod_rad=bs_part.ray_azimuth(),
        ms_ray_m=ms_ray,
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


class _Part:
    """One part of far clusters, in polar form around the BS or the reference region.

    The cloud's first axis points from the cluster to that origin, the second is the horizontal normal.

    Args:
        azimuth: of the centres, ``[n]``, radians.
        distance: of the centres, ``[n]``, m.
        half_width: tangent of half the width as seen from the origin, ``[n]``.
        half_height: and of half the height.
        length: along the line from the origin, ``[n]``, m.
        cloud: standard rays, ``[n, 3, n_rays]``.
    """

    def __init__(
        self, azimuth: Tensor, distance: Tensor, half_width: Tensor, half_height: Tensor, length: Tensor, cloud: Tensor
    ) -> None:
        self._azimuth = azimuth
        self._distance = distance
        # Along the line, across it, and up. Tensors of their own: over parts of one, atan2 takes ten times as long.
        along, across, up = cloud.unbind(1)
        self._along = distance.unsqueeze(-1) - along * (length / 3).unsqueeze(-1)
        self._across = across * (distance * half_width / 3).unsqueeze(-1)
        self._height = up * (distance * half_height / 3).unsqueeze(-1)

    def centre(self) -> Tensor:
        """Centres relative to the origin, ``[n, 2]``."""
        return self._distance.unsqueeze(-1) * self._direction()

    def positions(self) -> Tensor:
        """Rays relative to the origin, ``[n, 3, n_rays]``."""
        cosine, sine = self._direction().unsqueeze(-1).unbind(1)
        x = self._along * cosine + self._across * sine
        y = self._along * sine - self._across * cosine
        return torch.stack((x, y, self._height), dim=1)

    def ray_distance(self) -> Tensor:
        """Origin to each ray, ``[n, n_rays]``."""
        return self._along.square().add_(self._across.square()).add_(self._height.square()).sqrt_()

    def ray_azimuth(self) -> Tensor:
        """Azimuths of the rays from the origin, ``[n, n_rays]``."""
        return self._azimuth.unsqueeze(-1) - torch.atan2(self._across, self._along)

    def _direction(self) -> Tensor:
        return torch.stack((torch.cos(self._azimuth), torch.sin(self._azimuth)), dim=-1)


def _draws(
    draw: Callable[..., Tensor], purpose: str, streams: BlockStreams, visible: VisibleClusters, n_values: int
) -> Tensor:
    """Draws of each cluster, ``[n, n_values]``; those of a link's first clusters do not depend on the others."""
    near = draw(visible.n_near, n_values, generator=streams.generator(purpose), device=streams.device)
    if len(visible.link) == visible.n_near:
        return near
    link, slot = visible.link[visible.n_near :], visible.slot[visible.n_near :]
    n_near = torch.bincount(visible.link[: visible.n_near], minlength=streams.n_links)
    return torch.cat((near, streams.by_rank(draw, f"further {purpose}", link, slot - n_near[link], n_values)))


def _rays(normals: Tensor, n_rays: int) -> tuple[Tensor, Tensor]:
    """Standard cloud ``[..., 3, n_rays]`` and complex weights of total power 1 ``[..., n_rays]``."""
    cloud, weight = normals.split((3 * n_rays, 2 * n_rays), dim=-1)
    weight = weight * weight.square().sum(-1, keepdim=True).rsqrt()
    return cloud.unflatten(-1, (3, n_rays)), torch.complex(*weight.split(n_rays, dim=-1))
