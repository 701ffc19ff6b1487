"""One block of independent links: environments, users and the rays between BS and MS."""

from dataclasses import dataclass

import torch
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.sources.cost2100.cells import draw_cells
from channels.sources.cost2100.clusters import (
    SPEED_OF_LIGHT_M_S,
    FarClusters,
    LocalCluster,
    draw_far_clusters,
    draw_local_cluster,
)
from channels.sources.cost2100.environment import Environment, Placement
from channels.sources.cost2100.placement import draw_positions, tracks
from channels.sources.cost2100.rays import (
    Rays,
    decibels,
    far_rays,
    free_space_gain,
    in_region,
    line_of_sight_ray,
    local_rays,
)
from channels.sources.cost2100.streams import BlockStreams
from channels.sources.cost2100.visibility import VisibleClusters, visible_clusters

# Free-space gain has no bound; nobody stands nearer to the antenna than this.
_MIN_DISTANCE_M = 1e-3


@dataclass(frozen=True)
class Drop:
    """What is drawn of independent links, each with an environment of its own.

    Regions, clusters and rays stay where they are while the MS moves, and its local cluster with it.

    Attributes:
        ms_m: positions of the MS relative to the BS, ``[n_links, n_snapshots, 2]``, float64.
        local: local clusters, in the order of the environment.
        visible: far clusters that are seen, and how strongly.
        far: where those lie.
        k_factor: power of the direct path over that of all others, ``[n_links]``, linear.
        los_centre_m: centre of the direct path's visibility region relative to the BS, ``[n_links, 2]``, float32.
    """

    ms_m: Tensor
    local: tuple[LocalCluster, ...]
    visible: VisibleClusters
    far: FarClusters
    k_factor: Tensor | None
    los_centre_m: Tensor | None

    def only(self, links: slice) -> "Drop":
        """Some of the links."""
        return Drop(
            ms_m=self.ms_m[links],
            local=tuple(LocalCluster(cluster.offset_m[links], cluster.weight[links]) for cluster in self.local),
            visible=self.visible.only(links),
            far=self.far.only(self.visible.among(links)),
            k_factor=None if self.k_factor is None else self.k_factor[links],
            los_centre_m=None if self.los_centre_m is None else self.los_centre_m[links],
        )


def draw_links(
    environment: Environment,
    placement: Placement,
    carrier_hz: float,
    speed_m_s: float,
    snapshots: Snapshots,
    streams: BlockStreams,
) -> Drop:
    """Draws independent links. The first snapshot is the same whatever the snapshots and the speed.

    Args:
        environment: what is drawn.
        placement: where BS and MS are.
        carrier_hz: carrier frequency.
        speed_m_s: speed of the MS.
        snapshots: when the links are observed.
        streams: random streams of the block; they fix the number of links.
    """
    start = draw_positions(placement, streams.n_links, streams.generator("users"))
    ms = tracks(start, speed_m_s, snapshots, streams.generator("headings"))
    local = tuple(draw_local_cluster(environment, streams, owner) for owner in environment.local_clusters)
    cells = draw_cells(environment, streams)
    visible = visible_clusters(cells, ms, environment, SPEED_OF_LIGHT_M_S / carrier_hz, streams)
    far = draw_far_clusters(environment, streams, visible)
    k_factor = los_centre = None
    if environment.line_of_sight is not None:
        generator = streams.generator("line of sight")
        normal = torch.randn(streams.n_links, generator=generator, device=streams.device)
        place = torch.rand(streams.n_links, 2, generator=generator, device=streams.device)
        factor_db = environment.line_of_sight.k_factor_db
        k_factor = 10 ** (0.1 * (factor_db.mean + factor_db.std * normal))
        los_centre = place * environment.line_of_sight.region_offset_m
    return Drop(ms, local, visible, far, k_factor, los_centre)


def rays_of(drop: Drop, environment: Environment, carrier_hz: float) -> Rays:
    """Rays of links at every snapshot.

    Args:
        drop: the links.
        environment: what they were drawn of.
        carrier_hz: carrier frequency.
    """
    owners = zip(drop.local, environment.local_clusters, strict=True)
    local = [local_rays(cluster, owner, drop.ms_m, carrier_hz) for cluster, owner in owners]
    groups = [*local, far_rays(drop.far, drop.visible, drop.ms_m, environment, carrier_hz)]
    line_of_sight = environment.line_of_sight
    if line_of_sight is not None and drop.k_factor is not None and drop.los_centre_m is not None:
        exists = in_region(drop.ms_m, drop.los_centre_m, line_of_sight.region_radius_m, line_of_sight.cutoff_distance_m)
        power = torch.stack([torch.view_as_real(part[0]).square().sum((-2, -1)) for part in groups]).sum(0)
        groups.insert(0, line_of_sight_ray(drop.k_factor, exists, power, drop.ms_m, carrier_hz))

    amplitude, delay, aod = (torch.cat(parts, dim=2) for parts in zip(*groups, strict=True))
    distance = torch.linalg.vector_norm(drop.ms_m, dim=-1).clamp(min=_MIN_DISTANCE_M)
    gain = free_space_gain(distance, carrier_hz)
    return Rays(
        amplitude=amplitude * gain.unsqueeze(-1).to(torch.float32),
        delay_s=delay,
        aod_rad=aod,
        path_gain_db=2 * decibels(gain[:, 0]),
        gain_db=amplitude.real.new_zeros(len(gain)),
        n_los=int(line_of_sight is not None),
        n_local=sum(part[0].shape[2] for part in local),
    )
