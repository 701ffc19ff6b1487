"""How many visibility regions a cell has, and which of them belong to one cluster."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from channels.sources.cost2100.environment import Environment, Poisson
from channels.sources.cost2100.streams import BlockStreams


@dataclass(frozen=True)
class Cells:
    """Cells of independent links. Regions are numbered through all cells, and so are clusters.

    Attributes:
        n_regions: regions of each cell, ``[n_links]``, int64.
        first_region: number of a cell's first region, ``[n_links]``, int64.
        group_ends: region ``i`` belongs to the first cluster that ends above ``i``, ``[n_clusters]``, int64, ascending;
            ``None``: every region is a cluster of its own.
    """

    n_regions: Tensor
    first_region: Tensor
    group_ends: Tensor | None

    def cluster_of(self, region: Tensor) -> Tensor:
        """Cluster that each region belongs to, same shape."""
        return region if self.group_ends is None else torch.searchsorted(self.group_ends, region, right=True)

    def regions_of(self, cluster: Tensor) -> tuple[Tensor, Tensor]:
        """First region of each cluster, and how many there are, same shapes."""
        if self.group_ends is None:
            return cluster, torch.ones_like(cluster)
        first = torch.where(cluster > 0, self.group_ends[(cluster - 1).clamp(min=0)], 0)
        return first, self.group_ends[cluster] - first

    def picked(self, cluster: Tensor, uniform: Tensor) -> Tensor:
        """One region of each cluster, all equally probable, by uniform draws between 0 and 1, same shapes."""
        first, size = self.regions_of(cluster)
        return first + torch.minimum((uniform * size).to(torch.int64), size - 1)


def draw_cells(environment: Environment, streams: BlockStreams) -> Cells:
    r"""Numbers of regions at the density that lets a user see the mean number of clusters, and their groups.

    There are :math:`n (R / (r_c - l_c))^2` regions. Groups are consecutive regions, which is the same in distribution
    as capturing regions at random, because regions are independent and identically distributed. The last group of a
    cell takes what is left.
    """
    shape = environment.visibility_regions
    generator = streams.generator("cells")
    if isinstance(shape.clusters, Poisson):
        rates = torch.full((streams.n_links,), shape.clusters.mean, device=streams.device)
        clusters = torch.poisson(rates, generator=generator).clamp_(min=1)
    else:
        clusters = torch.full((streams.n_links,), shape.clusters.value, device=streams.device)
    density = (environment.cell_radius_m / (shape.radius_m - shape.transition_m)) ** 2
    n_regions = (clusters.to(torch.float64) * density).round().to(torch.int64).clamp_(min=1)
    first = n_regions.cumsum(0) - n_regions
    if shape.mean_group_size == 1:
        return Cells(n_regions, first, None)
    return Cells(n_regions, first, _group_ends(n_regions, shape.mean_group_size, generator))


def _group_ends(n_regions: Tensor, mean_size: float, generator: torch.Generator) -> Tensor:
    """Cumulative sizes ``1 + Poisson`` of consecutive groups, cut off at the number of regions of each cell."""
    # Inverse of the cumulative distribution, several times faster than torch.poisson.
    terms = torch.arange(math.ceil(mean_size + 20 * math.sqrt(mean_size) + 20), dtype=torch.float64)
    log_probability = torch.special.xlogy(terms, mean_size - 1) - (mean_size - 1) - torch.lgamma(terms + 1)
    cumulated = log_probability.exp().cumsum(0).to(n_regions.device, torch.float32)
    # Ten standard deviations more than the mean number: those that fill no cell are as rare as one in 1e20.
    mean = n_regions.to(torch.float64) / mean_size
    count = (mean + 10 * (mean * (mean_size - 1)).sqrt() / mean_size + 20).ceil().to(torch.int64)
    count = torch.minimum(count, n_regions)
    end_of_cell = count.cumsum(0)
    uniform = torch.rand(int(end_of_cell[-1]), generator=generator, device=n_regions.device)
    ends = (torch.searchsorted(cumulated, uniform, right=True) + 1).cumsum_(0)
    # From sums over all cells to sums over each.
    before = torch.nn.functional.pad(ends[end_of_cell[:-1] - 1], (1, 0))
    ends -= before.repeat_interleave(count)
    ends = torch.minimum(ends, n_regions.repeat_interleave(count))
    ends[end_of_cell - 1] = n_regions
    return ends + (n_regions.cumsum(0) - n_regions).repeat_interleave(count)
