"""Channels drawn from the 3GPP TR 38.901 models of Sionna."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from channels.channel_batch import Paths, Snapshots
from channels.path_blocks import read_in_blocks
from channels.random_streams import stream_seed
from channels.source import BLOCK_SIZE, SOURCES, PathSource, Split
from channels.sources.parameters.sionna import SionnaParameters
from channels.sources.sionna.drawn_rays import DrawnRays
from channels.sources.sionna.drops import UserDrops
from channels.transforms.beam_squint import aperture_turns, node_frequencies
from channels.transforms.frequency_response import normalise_power
from channels.transforms.path_alignment import align_to_first_path

if TYPE_CHECKING:
    from channels.sources.sionna.models import SionnaModel

# Blocks whose rays one call of the model draws: half of a call's time does not depend on the number of its drops.
BLOCKS_PER_DRAW = 5

# TR 38.901, Table 7.2-1: height 3 (n - 1) + 1.5 on floor n.
_FLOOR_M = 3.0


@SOURCES.register("sionna")
class SionnaSource(PathSource):
    """Independent drops of a TR 38.901 model, one UE each; path loss and shadow fading stand beside the coefficients.

    TDL profiles have no angles: every port fades by itself, or with ``port_correlation``. Channels with a direction
    to compress need CDL or a scenario.

    Rays are drawn for ``BLOCKS_PER_DRAW`` blocks of ``BLOCK_SIZE`` at a time, seeded by (seed, split, first block), and
    the last draw is kept; coefficients are made of them block by block. A drop is the same at its first snapshot
    whatever the snapshots and the speed.
    """

    Parameters = SionnaParameters

    def __init__(self, parameters: SionnaParameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.seed = seed
        self.device = device
        outline = parameters.outline()
        self.grid, self.array = outline.grid, outline.array
        self._loaded_model: SionnaModel | None = None
        self._kept: tuple[tuple[Split, int], DrawnRays, Tensor | None] | None = None
        self._models_at_nodes: list[SionnaModel] | None = None

    def n_samples(self, split: Split) -> int | None:
        """``None``: there are as many drops as asked for."""
        return None

    def read_paths(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> Paths:
        """Paths of samples ``start`` to ``stop - 1``, aligned and normalised as the parameters say."""
        return read_in_blocks(lambda block: self._block(split, block, snapshots), start, stop)

    def _block(self, split: Split, block: int, snapshots: Snapshots) -> Paths:
        if self.parameters.is_tdl:
            paths = self.model.draw(self.drops(split, block), snapshots, stream_seed(self.seed, split, block, "rays"))
        else:
            paths = self._scattered(split, block, snapshots)
        if self.parameters.delay_alignment == "first_path":
            paths = align_to_first_path(paths)
        return normalise_power(paths, self.grid) if self.parameters.normalise else paths

    def _scattered(self, split: Split, block: int, snapshots: Snapshots) -> Paths:
        """Paths of a block as the model gives them, the rest of its draw kept for the blocks that follow."""
        # UEs of one topology are consistent with each other: one block, as those of a cell are.
        size = 1 if self.parameters.spatial_consistency else BLOCKS_PER_DRAW
        draw, place = divmod(block, size)
        if self._kept is None or self._kept[0] != (split, draw):
            self._kept = ((split, draw), *self._drawn(split, range(draw * size, (draw + 1) * size)))
        _, drawn, path_gain_db = self._kept
        if size > 1:
            rows = slice(place * BLOCK_SIZE, (place + 1) * BLOCK_SIZE)
            drawn = drawn.only(rows)
            path_gain_db = None if path_gain_db is None else path_gain_db[rows]
        paths = replace(self.model.paths(drawn, snapshots), path_gain_db=path_gain_db)
        if not self.parameters.beam_squint:
            return paths
        # The same draws with the arrays as large in wavelengths as they are at each frequency.
        at_nodes = [model.paths(drawn, snapshots).coefficients for model in self._node_models()]
        return replace(paths, band_coefficients=torch.stack(at_nodes, dim=2))

    def _drawn(self, split: Split, blocks: range) -> tuple[DrawnRays, Tensor | None]:
        """Rays of some blocks in one call of the model, and their path gains where it has some."""
        drops = UserDrops.joined([self.drops(split, block) for block in blocks])
        drawn = self.model.draw_rays(drops, stream_seed(self.seed, split, blocks.start, "rays"))
        if not self.parameters.has_path_gain:
            return drawn, None
        return drawn, self.model.path_gain_db(stream_seed(self.seed, split, blocks.start, "penetration"))

    def drops(self, split: Split, block: int) -> UserDrops:
        """UEs of a block, uniform over the area of the sector, or around a place that is."""
        generator = torch.Generator().manual_seed(stream_seed(self.seed, split, block, "users"))
        place, angle, heading, building = torch.rand(4, BLOCK_SIZE, generator=generator, dtype=torch.float64)
        distance_m, azimuth_rad = self._places(split, block, place, angle)
        direction = torch.stack((torch.cos(2 * math.pi * heading), torch.sin(2 * math.pi * heading), 0 * heading), -1)
        indoor = building < self.parameters.indoor_share
        if self.parameters.all_indoor:
            indoor = torch.ones_like(indoor)
        speed_m_s = torch.full_like(place, self.parameters.speed_m_s)
        if self.parameters.indoor_speed_m_s is not None:
            speed_m_s[indoor] = self.parameters.indoor_speed_m_s
        return UserDrops(
            distance_m=distance_m.to(self.device, torch.float32),
            azimuth_rad=azimuth_rad.to(self.device, torch.float32),
            velocity_m_s=(speed_m_s[:, None] * direction).to(self.device, torch.float32),
            indoor=indoor.to(self.device),
            height_m=self._heights_m(indoor, generator).to(self.device, torch.float32),
        )

    def _places(self, split: Split, block: int, place: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Distances from the BS, m, and azimuths, radians, ``[block]``, float64, of draws between 0 and 1."""
        radius_m = self.parameters.hotspot_radius_m
        if radius_m is None:
            return self._in_sector(place, angle)
        generator = torch.Generator().manual_seed(stream_seed(self.seed, split, block, "hotspot"))
        centre = torch.polar(*self._in_sector(*torch.rand(2, 1, generator=generator, dtype=torch.float64)))
        found = centre + torch.polar(radius_m * place.sqrt(), 2 * math.pi * angle)
        return found.abs().clamp(min=self.parameters.distance_range_m[0]), found.angle()

    def _in_sector(self, place: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Uniform over the area of the sector."""
        near, far = (0.0, 0.0) if self.parameters.is_profile else self.parameters.distance_range_m
        left, right = self.parameters.azimuth_range_deg
        return (near**2 + place * (far**2 - near**2)).sqrt(), torch.deg2rad(left + angle * (right - left))

    def _heights_m(self, indoor: Tensor, generator: torch.Generator) -> Tensor:
        """Heights of the UEs, m, ``[block]``, float64: those indoors on any floor of their building."""
        height_m = torch.full(indoor.shape, self.parameters.ue_height_m, dtype=torch.float64)
        if self.parameters.indoor_floors is None:
            return height_m
        least, most = self.parameters.indoor_floors
        size, place = torch.rand(2, len(indoor), generator=generator, dtype=torch.float64)
        n_floors = least + (size * (most - least + 1)).floor()
        floor = (place * n_floors).floor()
        return torch.where(indoor, height_m + _FLOOR_M * floor, height_m)

    def _node_models(self) -> "list[SionnaModel]":
        """Models with the arrays as they are at the frequencies between which gains are interpolated."""
        if self._models_at_nodes is None:
            from channels.sources.sionna.models import SionnaModel

            elements = replace(self.array, n_rows=self.parameters.element_rows)
            # Sionna's phase reference is the centre of the panel.
            turns = aperture_turns(elements, self.parameters.spacing) / 2
            scales = (1 + node_frequencies(self.grid, turns) / self.grid.carrier_hz).tolist()
            self._models_at_nodes = [SionnaModel(self.parameters, self.device, scale) for scale in scales]
        return self._models_at_nodes

    @property
    def model(self) -> "SionnaModel":
        """The channel model, made when first asked for."""
        if self._loaded_model is None:
            from channels.sources.sionna.models import SionnaModel

            self._loaded_model = SionnaModel(self.parameters, self.device)
        return self._loaded_model
