"""Plane waves of many links in the angular-delay domain: sums of products of delay and angle kernels."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from channels.channel_batch import OfdmGrid
from channels.errors import ChannelInputError
from channels.transforms.dirichlet_kernel import DirichletKernel, cotangent, row_factor, unit_phasor

# Entries of a kernel matrix worked on at a time, so that it stays in the cache.
_ENTRIES_AT_A_TIME = 1 << 18
# A cotangent far from all others: the kernel of a wave that is not there is 0.
_NOWHERE = 1e30


class Workspace:
    """Memory that one group of waves leaves to the next: fresh memory costs more than what is computed in it."""

    def __init__(self, device: torch.device) -> None:
        self._memory: dict[str, Tensor] = {}
        self._device = device

    def empty(self, name: str, *shape: int) -> Tensor:
        """A tensor of a shape, float32, that holds until the next call with the same name."""
        size = math.prod(shape)
        if name not in self._memory or len(self._memory[name]) < size:
            self._memory[name] = torch.empty(size, device=self._device)
        return self._memory[name][:size].view(shape)


@dataclass(frozen=True)
class WaveGroup:
    """Waves of some links side by side, those with fewer waves filled up with waves without gain.

    Attributes:
        links: which links, ``[n]``.
        values: as ``PlaneWaves.values``, each ``[n, n_waves]``, float32.
        column_cotangent: cotangents of the columns, ``[n_columns]``.
        workspace: where its matrices lie.
    """

    links: Tensor
    values: tuple[Tensor, ...]
    column_cotangent: Tensor
    workspace: Workspace

    def rows(self, row_cotangent: Tensor, room_for: int = 0) -> Tensor:
        """Delay kernels at some rows, ``[n, n_rows + room_for, n_waves]``, row factors left out.

        Args:
            row_cotangent: cotangents of the rows, ``[n_rows]``.
            room_for: rows after them that are left empty.
        """
        nearest, offset = self.values[0], self.values[1]
        n_rows = len(row_cotangent)
        rows = self.workspace.empty("rows", len(nearest), n_rows + room_for, nearest.shape[1])
        kernels = rows[:, :n_rows]
        torch.sub(nearest.unsqueeze(1), row_cotangent.unsqueeze(-1), out=kernels)
        kernels.add_(offset.unsqueeze(1)).reciprocal_()
        return rows

    def product(self, rows: Tensor, out: Tensor | None = None) -> Tensor:
        """Sums over the waves with their angle kernels, column factors left out.

        Args:
            rows: weights of the waves, ``[n, n_rows, n_waves]``.
            out: where the sums go.

        Returns:
            ``[n, n_rows, 2 n_columns]``, float32: real parts, then imaginary parts.
        """
        nearest, offset, real, imaginary = self.values[2:6]
        n_links, n_waves = nearest.shape
        n_columns = len(self.column_cotangent)
        columns = self.workspace.empty("columns", n_links, n_columns, n_waves)
        torch.sub(nearest.unsqueeze(1), self.column_cotangent.unsqueeze(-1), out=columns)
        columns.add_(offset.unsqueeze(1)).reciprocal_()
        weighted = self.workspace.empty("weighted", n_links, 2 * n_columns, n_waves)
        torch.mul(columns, real.unsqueeze(1), out=weighted[:, :n_columns])
        torch.mul(columns, imaginary.unsqueeze(1), out=weighted[:, n_columns:])
        return torch.bmm(rows, weighted.mT, out=out)


@dataclass(frozen=True)
class PlaneWaves:
    """Waves of many links one after another, all constants of a wave folded into one gain.

    Attributes:
        n_links: links, with waves or without.
        n_columns: ports of the ULA.
        link: link of each wave, ``[n]``, int64, ascending.
        taps: delays in rows, ``[n]``, float64.
        values: cotangent of the nearest row and offset from it, the same of the columns, real and imaginary part of the
            gain, and whatever ``with_values`` adds, each ``[n + 1]``, float32; the last is a wave without gain.
    """

    n_links: int
    n_columns: int
    link: Tensor
    taps: Tensor
    values: tuple[Tensor, ...]

    @classmethod
    def of(
        cls, amplitude: Tensor, delay_s: Tensor, spatial_frequency: Tensor, grid: OfdmGrid, n_columns: int
    ) -> "PlaneWaves":
        """Waves that have gain; arguments as in ``truncated_plane_waves``."""
        n_links, n_waves = amplitude.shape[:-1].numel(), amplitude.shape[-1]
        index = (amplitude != 0).reshape(-1).nonzero()[:, 0]
        amplitude, delay_s, frequency = (
            values.reshape(-1).index_select(0, index) for values in (amplitude, delay_s, spatial_frequency)
        )
        delay, centred = delay_kernel(delay_s, grid)
        angle = DirichletKernel.at(frequency.to(torch.float64) * -n_columns, n_columns)
        gain = amplitude * unit_phasor(delay.turns + centred - angle.turns) * (delay.magnitude * angle.magnitude)
        parts = (delay.cotangent, delay.offset, angle.cotangent, angle.offset, gain.real, gain.imag)
        nowhere = (_NOWHERE, 0.0, _NOWHERE, 0.0, 0.0, 0.0)
        values = tuple(torch.cat((part, part.new_full((1,), last))) for part, last in zip(parts, nowhere, strict=True))
        return cls(n_links, n_columns, index // n_waves, delay_s.to(torch.float64) * grid.bandwidth_hz, values)

    def with_values(self, *values: Tensor) -> "PlaneWaves":
        """The same waves with more values of each, ``[n]``, which are 0 where there is no wave."""
        more = tuple(torch.nn.functional.pad(value.to(torch.float32), (0, 1)) for value in values)
        return replace(self, values=self.values + more)

    def groups(
        self, n_rows: int, waves: Tensor | None = None, workspace: Workspace | None = None
    ) -> Iterator[WaveGroup]:
        """Links in groups that fit the cache with ``n_rows`` rows of a kernel matrix.

        Links of like size go together, so that little is filled up.

        Args:
            n_rows: rows of the matrix.
            waves: indices of those that count, ascending; by default all do.
            workspace: where matrices of a group lie until the next group.
        """
        device = self.link.device
        workspace = workspace or Workspace(device)
        count = torch.bincount(self.link if waves is None else self.link[waves], minlength=self.n_links)
        first = count.cumsum(0) - count
        count, order = count.sort(descending=True, stable=True)
        counts, nobody = count.tolist(), len(self.link)
        column_cotangent = cotangent(torch.arange(self.n_columns, device=device), self.n_columns)
        start = 0
        while start < self.n_links:
            width = max(1, counts[start])
            end = start + max(1, _ENTRIES_AT_A_TIME // (width * n_rows))
            links = order[start:end]
            place = torch.arange(width, device=device)
            index = (first.index_select(0, links).unsqueeze(1) + place).reshape(-1)
            if waves is not None and len(waves):
                index = waves.index_select(0, index.clamp_(max=len(waves) - 1))
            beyond = place >= count[start:end].unsqueeze(1)
            index.masked_fill_(beyond.reshape(-1), nobody)
            values = tuple(value.index_select(0, index).view(-1, width) for value in self.values)
            yield WaveGroup(links, values, column_cotangent, workspace)
            start = end


def delay_kernel(delay_s: Tensor, grid: OfdmGrid) -> tuple[DirichletKernel, Tensor]:
    """Kernel of the delays, and the turns that move subcarrier 0 from the carrier to the lower band edge."""
    taps = delay_s.to(torch.float64) * grid.bandwidth_hz
    centred = taps * ((grid.n_subcarriers // 2) / grid.n_subcarriers)
    return DirichletKernel.at(taps, grid.n_subcarriers), centred


def outer_factor(n_delay: int, n_columns: int, grid: OfdmGrid, device: torch.device) -> Tensor:
    """What the rows and columns of ``WaveGroup.product`` lack, ``[n_delay, n_columns]``, complex64."""
    rows = row_factor(torch.arange(n_delay, device=device), grid.n_subcarriers)
    columns = row_factor(torch.arange(n_columns, device=device), n_columns)
    return rows.unsqueeze(-1) * columns.conj() / math.sqrt(grid.n_subcarriers * n_columns)


def check_rows(n_delay: int, grid: OfdmGrid) -> None:
    """Refuses a number of delay rows that the grid does not have."""
    if not 1 <= n_delay <= grid.n_subcarriers:
        raise ChannelInputError(f"n_delay: got {n_delay}, expected 1 to {grid.n_subcarriers} (n_subcarriers)")
