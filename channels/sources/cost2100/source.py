"""The COST 2100 channel source."""

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from channels.channel_batch import ChannelBatch, OfdmGrid, Snapshots
from channels.source import BLOCK_SIZE, SOURCES, Source, Split
from channels.sources.cost2100.drop import Drop, draw_links, rays_of
from channels.sources.cost2100.outline import Cost2100Outline
from channels.sources.cost2100.rays import Rays, decibels
from channels.sources.cost2100.streams import BlockStreams
from channels.sources.parameters.cost2100 import Cost2100Parameters
from channels.statistics.late_energy import LateEnergy, late_energy
from channels.transforms.beam_squint import aperture_turns, interpolation_weights, node_frequencies
from channels.transforms.direct_angular_delay import truncated_plane_waves
from channels.transforms.dirichlet_kernel import unit_phasor
from channels.transforms.frequency_response import delay_phases
from channels.transforms.hf_all import angular_reference, reference_grid, refuse_beam_squint
from channels.transforms.plane_wave_power import mean_power, truncated_and_mean_power
from channels.transforms.plane_waves import Workspace

# Blocks of links that are drawn at a time: what each step costs whatever their number is shared by many links.
BLOCKS_PER_DRAW = 5
# Entries of a truncated matrix up to which matrices of all these links are made at once and kept.
_MAX_ENTRIES = 1 << 16

_FIRST_PATH_THRESHOLD = 10 ** (-25 / 10)


@SOURCES.register("cost2100")
class Cost2100Source(Source):
    r"""Geometry-based stochastic channels of COST 2100: IndoorHall at 5.3 GHz and SemiUrban at 300 MHz.

    Regenerated COST 2100, not the original files: the data sets that the CsiNet paper and its successors trained on
    are not to be had, and that paper does not say all of how they were made. Indoors these channels agree closely
    with what its published weights reveal of their training data; outdoors the agreement is partial, because the
    placement of the users is a fit to those weights and the energy of the images still differs. ``placement: csinet``
    is that fit, ``placement: paper`` is what the paper's text says, which is another data set.

    Every sample has an environment of its own. Delays are absolute, from BS to MS, and the frequency response is

    .. math:: H_{k,m} = \sum_p a_p \, e^{-j 2 \pi f_k \tau_p} \, e^{-j \pi m \cos \phi_p}

    with ray gains :math:`a_p` at the carrier and azimuths of departure :math:`\phi_p` from the array axis. Normalised
    links have mean power 1 over band and ports at their first snapshot: path gain, shadowing and wideband fading go to
    ``Rays.gain_db``, fading over frequency, ports and later snapshots stays.

    Source: L. Liu et al., "The COST 2100 MIMO channel model", IEEE Wireless Communications 19(6), 2012.
    """

    Parameters = Cost2100Parameters

    def __init__(self, parameters: Cost2100Parameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self._outline = Cost2100Outline(parameters)
        self.environment = self._outline.environment
        self.seed = seed
        self.device = device
        self.grid, self.array = self._outline.grid, self._outline.array
        self._workspace = Workspace(device)
        self._kept_matrices: tuple[tuple[Split, int, int], Tensor] | None = None
        self._kept_drop: tuple[tuple[Split, int, Snapshots], Drop] | None = None

    def n_samples(self, split: Split) -> int | None:
        """``None``: there are as many links as asked for."""
        return None

    def validity_warnings(self) -> list[str]:
        """As the outline has them."""
        return self._outline.validity_warnings()

    def late_energy(self, split: Split) -> LateEnergy | None:
        """Energy beyond symbol and cyclic prefix in the first samples of a split."""
        rays = self._draw(split, 0, Snapshots())
        power = torch.view_as_real(rays.amplitude[:, 0]).to(torch.float64).square().sum(-1)
        return late_energy(rays.delay_s[:, 0], power, self.grid)

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Frequency responses of samples ``start`` to ``stop - 1``, ``[batch, n_snapshots, n_subcarriers, n_tx]``."""
        shape = (stop - start, snapshots.n, self.grid.n_subcarriers, self.array.n_tx)
        response = torch.empty(shape, dtype=torch.complex64, device=self.device)
        for block, wanted, place in _blocks(start, stop):
            if self.parameters.beam_squint:
                self._respond_wideband(self._draw(split, block, snapshots), wanted, response[place])
            else:
                self._respond(self.read_rays(split, block, snapshots), wanted, self.grid, response[place])
        return ChannelBatch(response)

    def read_truncated(self, split: Split, start: int, stop: int, n_delay: int) -> Tensor:
        """Truncated angular-delay matrices straight from the rays, ``[batch, n_delay, n_tx]``, complex64.

        They are those of the responses that ``read`` gives, to the precision of float32, without making these; with
        beam squint, which has no closed form, they are made of the responses.
        """
        if self.parameters.beam_squint:
            return super().read_truncated(split, start, stop, n_delay)
        out = torch.empty(stop - start, n_delay, self.array.n_tx, dtype=torch.complex64, device=self.device)
        n_blocks = BLOCKS_PER_DRAW if n_delay * self.array.n_tx <= _MAX_ENTRIES else 1
        for unit, wanted, place in _blocks(start, stop, n_blocks * BLOCK_SIZE):
            key = (split, unit, n_delay)
            if self._kept_matrices is None or self._kept_matrices[0] != key:
                self._kept_matrices = (key, self._truncated(split, unit * n_blocks, n_blocks, n_delay))
            out[place] = self._kept_matrices[1][wanted]
        return out

    def read_truncated_sequences(
        self, split: Split, start: int, stop: int, n_delay: int, snapshots: Snapshots
    ) -> Tensor:
        """Truncated angular-delay matrices straight from the rays, ``[batch, n_snapshots, n_delay, n_tx]``."""
        if self.parameters.beam_squint:
            return super().read_truncated_sequences(split, start, stop, n_delay, snapshots)
        shape = (stop - start, snapshots.n, n_delay, self.array.n_tx)
        out = torch.empty(shape, dtype=torch.complex64, device=self.device)
        for block, wanted, place in _blocks(start, stop):
            rays = self.read_rays(split, block, snapshots)
            waves = (rays.amplitude, rays.delay_s, rays.spatial_frequency)
            out[place] = truncated_plane_waves(*waves, self.grid, self.array.n_tx, n_delay)[wanted]
        return out

    def _truncated(self, split: Split, block: int, n_blocks: int, n_delay: int) -> Tensor:
        """Truncated matrices of some blocks of a draw, ``[n_links, n_delay, n_tx]``."""
        rays = self._draw(split, block, Snapshots(), n_blocks)
        waves = (rays.amplitude[:, 0], rays.delay_s[:, 0], rays.spatial_frequency[:, 0])
        if not self.parameters.normalise:
            return truncated_plane_waves(*waves, self.grid, self.array.n_tx, n_delay)
        matrices, power = truncated_and_mean_power(*waves, self.grid, self.array.n_tx, n_delay, self._workspace)
        return matrices * power.rsqrt().to(torch.float32)[:, None, None]

    def read_hf_all(self, split: Split, start: int, stop: int) -> Tensor:
        """The public ``HF_all`` reference of samples ``start`` to ``stop - 1``, from their rays.

        Raises:
            ChannelInputError: with beam squint, which the public data do not have.
        """
        refuse_beam_squint(self.parameters.beam_squint)
        grid, offset_hz = reference_grid(self.grid)
        shape = (stop - start, 1, grid.n_subcarriers, self.array.n_tx)
        response = torch.empty(shape, dtype=torch.complex64, device=self.device)
        for block, wanted, place in _blocks(start, stop):
            rays = self.read_rays(split, block, Snapshots())
            shift = unit_phasor(rays.delay_s * -offset_hz)
            self._respond(replace(rays, amplitude=rays.amplitude * shift), wanted, grid, response[place])
        return angular_reference(response[:, 0], self.grid, self.array)

    def read_rays(self, split: Split, block: int, snapshots: Snapshots) -> Rays:
        """Rays of block ``block``, samples ``block BLOCK_SIZE`` to ``(block + 1) BLOCK_SIZE - 1``.

        They are aligned and normalised as the parameters say.
        """
        rays = self._draw(split, block, snapshots)
        if not self.parameters.normalise:
            return rays
        waves = (rays.amplitude[:, 0], rays.delay_s[:, 0], rays.spatial_frequency[:, 0])
        power = mean_power(*waves, self.grid, self.array.n_tx)
        scale = power.rsqrt().to(torch.float32)[:, None, None]
        return replace(rays, amplitude=rays.amplitude * scale, gain_db=decibels(power))

    def _respond(self, rays: Rays, wanted: slice, grid: OfdmGrid, response: Tensor) -> None:
        ports = torch.arange(self.array.n_tx, dtype=torch.float64, device=self.device)
        for link, out in zip(range(wanted.start, wanted.stop), response, strict=True):
            turns = rays.spatial_frequency[link].to(torch.float64).unsqueeze(-1) * -ports
            per_port = rays.amplitude[link].unsqueeze(-1) * unit_phasor(turns)
            torch.bmm(delay_phases(rays.delay_s[link], grid).mT, per_port, out=out)

    def _respond_wideband(self, rays: Rays, wanted: slice, response: Tensor) -> None:
        r"""Responses with beam squint, normalised over band and ports at their first snapshot if the parameters say so.

        .. math:: H_{k,m} = \sum_p a_p \, e^{-j 2 \pi f_k \tau_p} \, e^{-j \pi m (1 + f_k / f_c) \cos \phi_p}
        """
        ports = torch.arange(self.array.n_tx, dtype=torch.float64, device=self.device)
        nodes = node_frequencies(self.grid, aperture_turns(self.array, (0.5, 0.5)))
        weights = interpolation_weights(self.grid, len(nodes)).to(self.device)
        scales = 1 + nodes.to(self.device) / self.grid.carrier_hz
        for link, out in zip(range(wanted.start, wanted.stop), response, strict=True):
            turns = rays.spatial_frequency[link].to(torch.float64).unsqueeze(-1) * -ports
            phases = delay_phases(rays.delay_s[link], self.grid).mT
            out.zero_()
            for scale, weight in zip(scales, weights.T, strict=True):
                per_port = rays.amplitude[link].unsqueeze(-1) * unit_phasor(turns * scale)
                out += weight[:, None] * torch.bmm(phases, per_port)
            if self.parameters.normalise:
                out *= float(torch.view_as_real(out[0]).to(torch.float64).square().sum(-1).mean()) ** -0.5

    def _draw(self, split: Split, block: int, snapshots: Snapshots, n_blocks: int = 1) -> Rays:
        """Rays of blocks of one draw, aligned as the parameters say."""
        draw, place = divmod(block, BLOCKS_PER_DRAW)
        drop = self._drop(split, draw, snapshots)
        if n_blocks < BLOCKS_PER_DRAW:
            drop = drop.only(slice(place * BLOCK_SIZE, (place + n_blocks) * BLOCK_SIZE))
        rays = rays_of(drop, self.environment, self.grid.carrier_hz)
        return _align(rays) if self.parameters.delay_alignment == "first_path" else rays

    def _drop(self, split: Split, draw: int, snapshots: Snapshots) -> Drop:
        """Links of the blocks that are drawn at a time, kept for those of them that follow."""
        key = (split, draw, snapshots)
        if self._kept_drop is None or self._kept_drop[0] != key:
            placement = self.environment.placements[self.parameters.placement]
            streams = BlockStreams((self.seed, split, draw), BLOCKS_PER_DRAW * BLOCK_SIZE, self.device)
            drop = draw_links(
                self.environment, placement, self.grid.carrier_hz, self.parameters.speed_m_s, snapshots, streams
            )
            self._kept_drop = (key, drop)
        return self._kept_drop[1]


def _blocks(start: int, stop: int, size: int = BLOCK_SIZE) -> Iterator[tuple[int, slice, slice]]:
    """Blocks of some size with samples ``start`` to ``stop - 1``: which of their links, and their place in the batch.

    Whole blocks are drawn and computed, so that the digits of a sample do not depend on the range asked for.
    """
    for block in range(start // size, math.ceil(stop / size)):
        first = block * size
        low, high = max(start, first), min(stop, first + size)
        yield block, slice(low - first, high - first), slice(low - start, high - start)


def _align(rays: Rays) -> Rays:
    """Moves the time origin of a link to its first ray within 25 dB of the strongest, at the first snapshot."""
    power = torch.view_as_real(rays.amplitude[:, 0]).square().sum(-1)
    significant = power >= _FIRST_PATH_THRESHOLD * power.amax(dim=1, keepdim=True)
    first = rays.delay_s[:, 0].masked_fill(~significant, torch.inf).amin(dim=1)
    return replace(rays, delay_s=rays.delay_s - first[:, None, None])
