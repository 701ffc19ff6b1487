r"""Visibility regions near a user, drawn without the others.

Of :math:`N` regions, independent and uniform in a cell of radius :math:`R`, those within :math:`r \le R` of a user are
a binomial number, and uniform there. A number that is binomial of :math:`N` and :math:`r^2 / R^2` is drawn uniform
around the user, and what lies outside of the cell is left out: so each region of the cell is near with the share of the
cell that is near, also where the user stands at its border.
"""

import math
from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Tensor

from channels.sources.cost2100.cells import Cells
from channels.sources.cost2100.streams import BlockStreams

# Share of a cell around a user above which all regions of the cell are drawn.
_MAX_NEAR_SHARE = 0.25


@dataclass(frozen=True)
class Regions:
    """Some visibility regions of independent links.

    Attributes:
        number: number of each among the regions of all cells, ``[n]``, int64.
        link: its link, ``[n]``, int64.
        offset_m: its centre relative to the first position of the MS, ``[n, 2]``, float32.
    """

    number: Tensor
    link: Tensor
    offset_m: Tensor

    def chosen(self, index: Tensor) -> "Regions":
        """Some of them, by a mask or an index."""
        return Regions(self.number[index], self.link[index], self.offset_m[index])

    def and_also(self, others: "Regions") -> "Regions":
        """These, and others after them."""
        return Regions(*(torch.cat((getattr(self, field.name), getattr(others, field.name))) for field in fields(self)))


class RegionDraws:
    """Draws of the regions of cells around users.

    Args:
        cells: numbers of regions and what belongs together.
        start_m: first positions of the MS relative to the BS, ``[n_links, 2]``, float64.
        radius_m: radius of a region.
        cell_radius_m: radius of the cell.
        streams: random streams of the block.
    """

    def __init__(
        self, cells: Cells, start_m: Tensor, radius_m: float, cell_radius_m: float, streams: BlockStreams
    ) -> None:
        self._cells = cells
        self._start_m = start_m.to(torch.float32)
        self._radius_m = radius_m
        self._cell_radius_m = cell_radius_m
        self._streams = streams
        self._near_share = (radius_m / cell_radius_m) ** 2
        self._whole_cell = self._near_share > _MAX_NEAR_SHARE

    @cached_property
    def near(self) -> Regions:
        """All regions within their radius of the start, in the order of their numbers."""
        if self._whole_cell:
            drawn = self._everything
            return drawn.chosen(self._within_radius(drawn.offset_m))
        n_regions, generator = self._cells.n_regions, self._streams.generator("regions")
        shares = torch.full(n_regions.shape, self._near_share, dtype=torch.float64, device=n_regions.device)
        count = torch.binomial(n_regions.to(torch.float64), shares, generator=generator).to(torch.int64)
        link = _repeated(count)
        offset = _in_disc(len(link), self._radius_m, generator)
        in_cell = (self._start_m[link] + offset).square().sum(-1) <= self._cell_radius_m**2
        link, offset = link[in_cell], offset[in_cell]
        return Regions(self._numbers(link, generator), link, offset)

    @property
    def drawn(self) -> Regions:
        """Regions that were drawn to find those near, in the order of their numbers."""
        return self._everything if self._whole_cell else self.near

    def elsewhere(self, link: Tensor, generator: torch.Generator) -> Tensor:
        """Centres of regions that are not near, uniform in the rest of the cell, relative to the start, ``[n, 2]``."""
        offset = self._in_cell(link, generator)
        again = self._within_radius(offset).nonzero()[:, 0]
        while len(again):
            drawn = self._in_cell(link[again], generator)
            offset[again] = drawn
            again = again[self._within_radius(drawn)]
        return offset

    def all(self, known: Regions) -> Regions:
        """All regions of the cells, in the order of their numbers.

        Args:
            known: regions that have been drawn before, near or by ``elsewhere``.
        """
        if self._whole_cell:
            return self._everything
        link = _repeated(self._cells.n_regions)
        offset = self.elsewhere(link, self._streams.generator("further regions"))
        offset[known.number] = known.offset_m
        offset[self.near.number] = self.near.offset_m
        return Regions(torch.arange(len(link), device=link.device), link, offset)

    @cached_property
    def _everything(self) -> Regions:
        link = _repeated(self._cells.n_regions)
        offset = self._in_cell(link, self._streams.generator("regions"))
        return Regions(torch.arange(len(link), device=link.device), link, offset)

    def _within_radius(self, offset_m: Tensor) -> Tensor:
        return offset_m.square().sum(-1) < self._radius_m**2

    def _in_cell(self, link: Tensor, generator: torch.Generator) -> Tensor:
        return _in_disc(len(link), self._cell_radius_m, generator) - self._start_m[link]

    def _numbers(self, link: Tensor, generator: torch.Generator) -> Tensor:
        """Different regions of each link's cell, all choices equally probable, ascending.

        What is drawn twice is drawn again. No step tells one number from another, so all choices stay as probable.
        Where clusters are single regions one choice is as good as another.
        """
        first = self._cells.first_region[link]
        if self._cells.group_ends is None:
            count = torch.bincount(link, minlength=len(self._start_m))
            return first + torch.arange(len(link), device=link.device) - (count.cumsum(0) - count)[link]
        number, n_regions = torch.empty_like(link), self._cells.n_regions[link]
        ordered = number
        again = torch.arange(len(link), device=link.device)
        while len(again):
            uniform = torch.rand(len(again), generator=generator, device=link.device, dtype=torch.float64)
            number[again] = first[again] + (uniform * n_regions[again]).to(torch.int64)
            ordered, order = number.sort(stable=True)
            again = order[1:][ordered[1:] == ordered[:-1]]
        return ordered


def _repeated(count: Tensor) -> Tensor:
    """Indices, each as often as its count says."""
    return torch.arange(len(count), device=count.device).repeat_interleave(count)


def _in_disc(n: int, radius_m: float, generator: torch.Generator) -> Tensor:
    """Points uniform in a disc around 0, ``[n, 2]``, float32."""
    share, turn = torch.rand(2, n, generator=generator, device=generator.device)
    angle = turn * (2 * math.pi)
    return share.sqrt_().mul_(radius_m).unsqueeze(-1) * torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1)
