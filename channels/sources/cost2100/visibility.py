"""Visibility regions: which clusters a user sees, and how strongly."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.sources.cost2100.environment import Environment, Poisson
from channels.sources.cost2100.streams import BlockStreams


@dataclass(frozen=True)
class VisibilityRegions:
    """All visibility regions of a cell, for many independent cells.

    Attributes:
        centres_m: x and y of the centres relative to the BS, ``[n_links, 2, n_regions]``, float32; missing ones lie far
            outside.
        group_ends: region ``i`` belongs to the first group that ends above ``i``, ``[n_links, n_groups]``, int64;
            ``None``: every region is a group. A group is one cluster.
    """

    centres_m: Tensor
    group_ends: Tensor | None

    def centres_of(self, index: Tensor) -> Tensor:
        """Centres of some regions, ``[n_links, n]``, as ``[n_links, n, 2]``."""
        return self.centres_m.gather(2, index.unsqueeze(1).expand(-1, 2, -1)).transpose(1, 2)


@dataclass(frozen=True)
class VisibleClusters:
    """Clusters that are seen somewhere on a track, nearest region first; a cluster takes one slot.

    Attributes:
        gain: amplitude gain of the visibility, ``[n_links, n_snapshots, n_slots]``, float32, 0 while not seen.
        first_region: first region of the cluster's group, ``[n_links, n_slots]``, int64.
        group_size: regions in the group, ``[n_links, n_slots]``, int64, 1 for an empty slot.
    """

    gain: Tensor
    first_region: Tensor
    group_size: Tensor


def draw_regions(environment: Environment, streams: BlockStreams) -> VisibilityRegions:
    """Uniform regions in the cell, at the density that lets a user see the mean number of clusters.

    The number of regions is :math:`n (R / (r_c - l_c))^2`. Groups are consecutive regions, which is the same in
    distribution as capturing regions at random, because regions are independent and identically distributed. The last
    group of a cell takes what is left.
    """
    shape = environment.visibility_regions
    generator = streams.generator("regions")
    device = streams.device
    if isinstance(shape.clusters, Poisson):
        rates = torch.full((streams.n_links,), shape.clusters.mean, device=device)
        clusters = torch.poisson(rates, generator=generator).clamp_(min=1)
    else:
        clusters = torch.full((streams.n_links,), shape.clusters.value, device=device)
    density = (environment.cell_radius_m / (shape.radius_m - shape.transition_m)) ** 2
    n_regions = (clusters.to(torch.float64) * density).round().to(torch.int64).clamp_(min=1)
    largest = int(n_regions.max())

    centres = torch.rand(streams.n_links, 2, largest, generator=generator, device=device)
    radius = centres[:, 0].sqrt().mul_(environment.cell_radius_m)
    radius.masked_fill_(torch.arange(largest, device=device) >= n_regions.unsqueeze(1), 1e9)
    angle = centres[:, 1] * (2 * math.pi)
    torch.mul(radius, torch.cos(angle), out=centres[:, 0])
    torch.mul(radius, torch.sin(angle), out=centres[:, 1])
    if shape.mean_group_size == 1:
        return VisibilityRegions(centres, None)
    return VisibilityRegions(centres, _group_ends(n_regions, shape.mean_group_size, generator))


def visible_clusters(
    regions: VisibilityRegions, ms_m: Tensor, environment: Environment, wavelength_m: float
) -> VisibleClusters:
    r"""Clusters seen on a track and their gain at each snapshot.

    A region whose centre is :math:`d < r_c` away gives the amplitude gain

    .. math:: A = \frac{1}{2} - \frac{1}{\pi} \arctan \frac{2 \sqrt{2} (d - r_c + l_c)}{\sqrt{\lambda l_c}}

    and a cluster the largest over its regions.

    Args:
        regions: regions of each link's cell.
        ms_m: positions of the MS relative to the BS, ``[n_links, n_snapshots, 2]``.
        environment: radius and transition of the regions.
        wavelength_m: carrier wavelength.
    """
    shape = environment.visibility_regions
    index, seen = _regions_in_reach(regions, ms_m, shape.radius_m)
    distance = torch.linalg.vector_norm(regions.centres_of(index).unsqueeze(1) - ms_m.unsqueeze(2), dim=-1).to(
        torch.float32
    )
    depth = (2 * math.sqrt(2) / math.sqrt(wavelength_m * shape.transition_m)) * (
        distance - (shape.radius_m - shape.transition_m)
    )
    gain = 0.5 - torch.atan(depth) / math.pi
    gain = gain.masked_fill((distance >= shape.radius_m) | ~seen.unsqueeze(1), 0)

    cluster = index if regions.group_ends is None else torch.searchsorted(regions.group_ends, index, right=True)
    slot, slot_cluster, occupied = _slots(cluster, seen)
    per_cluster = gain.new_zeros(*gain.shape[:2], slot_cluster.shape[1])
    per_cluster.scatter_reduce_(2, slot.unsqueeze(1).expand_as(gain), gain, "amax")
    first, size = slot_cluster, torch.ones_like(slot_cluster)
    if regions.group_ends is not None:
        first = torch.where(
            slot_cluster > 0, regions.group_ends.gather(1, (slot_cluster - 1).clamp(min=0)), torch.zeros_like(first)
        )
        size = torch.where(occupied, regions.group_ends.gather(1, slot_cluster) - first, size)
    return VisibleClusters(per_cluster, first, size)


def _group_ends(n_regions: Tensor, mean_size: float, generator: torch.Generator) -> Tensor:
    """Cumulative sizes ``1 + Poisson`` of consecutive groups, cut off at the number of regions."""
    # Inverse of the cumulative distribution, several times faster than torch.poisson.
    terms = torch.arange(math.ceil(mean_size + 20 * math.sqrt(mean_size) + 20), dtype=torch.float64)
    log_probability = torch.special.xlogy(terms, mean_size - 1) - (mean_size - 1) - torch.lgamma(terms + 1)
    cumulated = log_probability.exp().cumsum(0).to(n_regions.device, torch.float32)
    parts: list[Tensor] = []
    total = torch.zeros_like(n_regions)
    while bool((total < n_regions).any()):
        count = 16 + int((n_regions - total).max() / mean_size * 1.1)
        uniform = torch.rand(len(n_regions), count, generator=generator, device=n_regions.device)
        sizes = 1 + torch.searchsorted(cumulated, uniform, right=True)
        parts.append(total.unsqueeze(1) + sizes.cumsum(1))
        total = parts[-1][:, -1]
    return torch.minimum(torch.cat(parts, dim=1), n_regions.unsqueeze(1))


def _regions_in_reach(regions: VisibilityRegions, ms_m: Tensor, radius_m: float) -> tuple[Tensor, Tensor]:
    """Regions that a track can be in, nearest to its start first: index and validity, ``[n_links, n]``."""
    start = ms_m[:, :1].to(torch.float32)
    squared = (regions.centres_m[:, 0] - start[:, 0, :1]).square_()
    squared += (regions.centres_m[:, 1] - start[:, 0, 1:]).square_()
    travelled = torch.linalg.vector_norm(ms_m - ms_m[:, :1], dim=-1).amax(dim=1).to(torch.float32)
    # Room for rounding; the exact test is made at each snapshot.
    reach = (travelled + radius_m * 1.001).square()
    link, region = (squared < reach.unsqueeze(1)).nonzero(as_tuple=True)
    counts = torch.bincount(link, minlength=len(start))
    width = max(1, int(counts.max()))
    place = torch.arange(len(link), device=link.device) - (counts.cumsum(0) - counts)[link]
    index = torch.zeros(len(start), width, dtype=torch.int64, device=link.device)
    index[link, place] = region
    distance = torch.full(index.shape, torch.inf, device=link.device)
    distance[link, place] = squared[link, region]
    distance, order = distance.sort(dim=1, stable=True)
    return index.gather(1, order), distance.isfinite()


def _slots(cluster: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Numbers clusters in the order in which they first appear.

    Returns:
        Slot of each entry ``[n_links, n]``, cluster of each slot and whether it is occupied ``[n_links, n_slots]``.
    """
    n = cluster.shape[1]
    order = torch.arange(n, device=cluster.device)
    same = (cluster.unsqueeze(2) == cluster.unsqueeze(1)) & seen.unsqueeze(1)
    first = torch.where(same, order, n - 1).amin(dim=2)
    is_first = (first == order) & seen
    slot = (is_first.cumsum(dim=1) - 1).gather(1, first).clamp_(min=0)
    count = is_first.sum(dim=1)
    n_slots = max(1, int(count.max()))
    slot_cluster = torch.zeros(len(cluster), n_slots + 1, dtype=torch.int64, device=cluster.device)
    slot_cluster.scatter_(1, torch.where(is_first, slot, n_slots), cluster)
    return slot, slot_cluster[:, :n_slots], torch.arange(n_slots, device=cluster.device) < count.unsqueeze(1)
