"""One block of independent links: environments, users and the rays between BS and MS."""

import torch
from torch import Tensor

from channels.channel_batch import Snapshots
from channels.sources.cost2100.clusters import SPEED_OF_LIGHT_M_S, draw_far_clusters, draw_local_cluster
from channels.sources.cost2100.environment import Environment, LineOfSight, Placement
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
from channels.sources.cost2100.visibility import draw_regions, visible_clusters

# Free-space gain has no bound; nobody stands nearer to the antenna than this.
_MIN_DISTANCE_M = 1e-3


def draw_rays(
    environment: Environment,
    placement: Placement,
    carrier_hz: float,
    speed_m_s: float,
    snapshots: Snapshots,
    streams: BlockStreams,
) -> Rays:
    """Rays of independent links, each with an environment of its own.

    Regions, clusters and rays stay where they are while the MS moves, and its local cluster with it. The first
    snapshot is the same whatever the snapshots and the speed.

    Args:
        environment: what is drawn.
        placement: where BS and MS are.
        carrier_hz: carrier frequency.
        speed_m_s: speed of the MS.
        snapshots: when the rays are observed.
        streams: random streams of the block; they fix the number of links.
    """
    start = draw_positions(placement, streams.n_links, streams.generator("users"))
    ms = tracks(start, speed_m_s, snapshots, streams.generator("headings"))
    distance = torch.linalg.vector_norm(ms, dim=-1).clamp(min=_MIN_DISTANCE_M)

    local = [
        local_rays(draw_local_cluster(environment, streams, owner), owner, ms, carrier_hz)
        for owner in environment.local_clusters
    ]
    regions = draw_regions(environment, streams)
    visible = visible_clusters(regions, ms, environment, SPEED_OF_LIGHT_M_S / carrier_hz)
    clusters = draw_far_clusters(environment, streams, regions, visible)
    groups = [*local, far_rays(clusters, visible.gain, ms, environment, carrier_hz)]
    if environment.line_of_sight is not None:
        groups.insert(0, _direct(environment.line_of_sight, groups, ms, carrier_hz, streams))

    amplitude, delay, aod = (torch.cat(parts, dim=2) for parts in zip(*groups, strict=True))
    gain = free_space_gain(distance, carrier_hz)
    return Rays(
        amplitude=amplitude * gain.unsqueeze(-1).to(torch.float32),
        delay_s=delay,
        aod_rad=aod,
        path_gain_db=2 * decibels(gain[:, 0]),
        gain_db=amplitude.real.new_zeros(streams.n_links),
        n_los=int(environment.line_of_sight is not None),
        n_local=sum(part[0].shape[2] for part in local),
    )


def _direct(
    line_of_sight: LineOfSight,
    others: list[tuple[Tensor, Tensor, Tensor]],
    ms_m: Tensor,
    carrier_hz: float,
    streams: BlockStreams,
) -> tuple[Tensor, Tensor, Tensor]:
    generator = streams.generator("line of sight")
    normal = torch.randn(streams.n_links, generator=generator, device=streams.device)
    place = torch.rand(streams.n_links, 2, generator=generator, device=streams.device)
    k_factor = 10 ** (0.1 * (line_of_sight.k_factor_db.mean + line_of_sight.k_factor_db.std * normal))
    exists = in_region(
        ms_m, place * line_of_sight.region_offset_m, line_of_sight.region_radius_m, line_of_sight.cutoff_distance_m
    )
    power = torch.stack([torch.view_as_real(part[0]).square().sum((-2, -1)) for part in others]).sum(0)
    return line_of_sight_ray(k_factor, exists, power, ms_m, carrier_hz)
