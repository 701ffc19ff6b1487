"""Which clusters a user sees through visibility regions, and how strongly."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.sources.cost2100.cells import Cells
from channels.sources.cost2100.environment import Environment
from channels.sources.cost2100.environment import VisibilityRegions as RegionShape
from channels.sources.cost2100.regions import RegionDraws, Regions
from channels.sources.cost2100.streams import BlockStreams


@dataclass(frozen=True)
class VisibleClusters:
    """Clusters that are seen somewhere on tracks: first those seen from the start, link by link.

    Attributes:
        link: link of each cluster, ``[n]``, int64.
        slot: place among the clusters of its link, ``[n]``, int64.
        gain: amplitude gain of the visibility, ``[n, n_snapshots]``, float32, 0 while not seen.
        reference_m: centre of its reference region relative to the BS, ``[n, 2]``, float32.
        n_near: clusters seen from the start; those after them come into view later, nearest first.
    """

    link: Tensor
    slot: Tensor
    gain: Tensor
    reference_m: Tensor
    n_near: int

    def among(self, links: slice) -> Tensor:
        """Which clusters belong to some of the links, ``[n]``, bool."""
        return (self.link >= links.start) & (self.link < links.stop)

    def only(self, links: slice) -> "VisibleClusters":
        """Clusters of some of the links, which are numbered from 0."""
        some = self.among(links)
        n_near = int(some[: self.n_near].sum())
        return VisibleClusters(
            self.link[some] - links.start, self.slot[some], self.gain[some], self.reference_m[some], n_near
        )


def visible_clusters(
    cells: Cells, ms_m: Tensor, environment: Environment, wavelength_m: float, streams: BlockStreams
) -> VisibleClusters:
    r"""Draws the regions that matter to tracks: clusters that are seen, and their gain at each snapshot.

    A cluster has the gain of the strongest of its regions. Its reference region is any of them, seen or not.

    Args:
        cells: numbers of regions.
        ms_m: positions of the MS relative to the BS, ``[n_links, n_snapshots, 2]``, float64.
        environment: radius and transition of the regions.
        wavelength_m: carrier wavelength.
        streams: random streams of the block.
    """
    shape, start = environment.visibility_regions, ms_m[:, 0].to(torch.float32)
    draws = RegionDraws(cells, start, shape.radius_m, environment.cell_radius_m, streams)
    near = seen = _seen_from_the_start(cells, draws, streams)
    movement = (ms_m - ms_m[:, :1]).to(torch.float32)
    if bool(movement.any()):
        seen = _seen_on_the_way(near, cells, draws, movement, shape.radius_m, streams)
    by_region = visibility_gain(seen.regions, movement, shape, wavelength_m)
    gain = by_region.new_zeros(len(seen.slot), movement.shape[1])
    gain.scatter_reduce_(0, seen.of_region.unsqueeze(1).expand_as(by_region), by_region, "amax")
    reference = start[seen.references.link] + seen.references.offset_m
    return VisibleClusters(seen.references.link, seen.slot, gain, reference, len(near.slot))


def visibility_gain(regions: Regions, movement_m: Tensor, shape: RegionShape, wavelength_m: float) -> Tensor:
    r"""Amplitude gain of regions at the snapshots of their links, ``[n, n_snapshots]``, float32, 0 outside of them.

    A region whose centre is :math:`d < r_c` away gives

    .. math:: A = \frac{1}{2} - \frac{1}{\pi} \arctan \frac{2 \sqrt{2} (d - r_c + l_c)}{\sqrt{\lambda l_c}}

    Args:
        regions: the regions.
        movement_m: way of the MS from its first position, ``[n_links, n_snapshots, 2]``, float32.
        shape: radius and transition.
        wavelength_m: carrier wavelength.
    """
    distance = torch.linalg.vector_norm(regions.offset_m.unsqueeze(1) - movement_m[regions.link], dim=-1)
    depth = (2 * math.sqrt(2) / math.sqrt(wavelength_m * shape.transition_m)) * (
        distance - (shape.radius_m - shape.transition_m)
    )
    gain = 0.5 - torch.atan(depth) / math.pi
    return gain.masked_fill(distance >= shape.radius_m, 0)


@dataclass(frozen=True)
class _Seen:
    """Regions that can be seen, and their clusters.

    Attributes:
        regions: the regions.
        of_region: which of the clusters each belongs to, ``[n_regions]``, int64.
        clusters: numbers of the clusters, ``[n_clusters]``, int64.
        references: their reference regions.
        slot: place of each among the clusters of its link, ``[n_clusters]``, int64.
    """

    regions: Regions
    of_region: Tensor
    clusters: Tensor
    references: Regions
    slot: Tensor


def _seen_from_the_start(cells: Cells, draws: RegionDraws, streams: BlockStreams) -> _Seen:
    regions = draws.near
    if cells.group_ends is None:
        own = torch.arange(len(regions.number), device=streams.device)
        return _Seen(regions, own, regions.number, regions, _rank(regions.link, streams.n_links))
    clusters, of_region = torch.unique(cells.cluster_of(regions.number), return_inverse=True)
    link = torch.empty_like(clusters).scatter_(0, of_region, regions.link)
    generator = streams.generator("references")
    picked = cells.picked(clusters, torch.rand(len(clusters), generator=generator, device=streams.device))
    place = torch.searchsorted(draws.drawn.number, picked)
    is_drawn = torch.isin(picked, draws.drawn.number)
    offset = regions.offset_m.new_empty(len(picked), 2)
    offset[is_drawn] = draws.drawn.offset_m[place[is_drawn]]
    if not bool(is_drawn.all()):
        offset[~is_drawn] = draws.elsewhere(link[~is_drawn], generator)
    return _Seen(regions, of_region, clusters, Regions(picked, link, offset), _rank(link, streams.n_links))


def _seen_on_the_way(
    near: _Seen, cells: Cells, draws: RegionDraws, movement_m: Tensor, radius_m: float, streams: BlockStreams
) -> _Seen:
    """Adds regions that tracks come within reach of, nearest to the start first."""
    everything = draws.all(near.references)
    further = _in_reach(everything, near.regions, movement_m, radius_m)
    cluster = cells.cluster_of(further.number)
    is_new = ~torch.isin(cluster, near.clusters)
    numbers, inverse = torch.unique(cluster[is_new], return_inverse=True)
    place = torch.arange(len(inverse), device=inverse.device)
    first = torch.full_like(numbers, len(inverse)).scatter_reduce_(0, inverse, place, "amin")
    first, order = first.sort()

    of_further = torch.searchsorted(near.clusters, cluster)
    of_further[is_new] = len(near.clusters) + order.argsort()[inverse]
    link = further.link[is_new][first]
    rank = _rank(link, streams.n_links)
    uniform = streams.by_rank(torch.rand, "further references", link, rank, 1)[:, 0]
    references = everything.chosen(cells.picked(numbers[order], uniform))
    n_near = torch.bincount(near.references.link, minlength=streams.n_links)
    return _Seen(
        near.regions.and_also(further),
        torch.cat((near.of_region, of_further)),
        torch.cat((near.clusters, numbers[order])),
        near.references.and_also(references),
        torch.cat((near.slot, n_near[link] + rank)),
    )


def _in_reach(everything: Regions, near: Regions, movement_m: Tensor, radius_m: float) -> Regions:
    """Regions that tracks can be in and that are not near, link by link, nearest to the start first."""
    # Room for rounding; the exact test is made at each snapshot.
    reach = torch.linalg.vector_norm(movement_m, dim=-1).amax(dim=1) + radius_m * 1.001
    distance = torch.linalg.vector_norm(everything.offset_m, dim=-1)
    within = distance < reach[everything.link]
    within[near.number] = False
    further, distance = everything.chosen(within), distance[within]
    further = further.chosen(distance.argsort(stable=True))
    return further.chosen(further.link.argsort(stable=True))


def _rank(link: Tensor, n_links: int) -> Tensor:
    """Rank of each entry among those of its link; links ascend."""
    count = torch.bincount(link, minlength=n_links)
    return torch.arange(len(link), device=link.device) - (count.cumsum(0) - count)[link]
