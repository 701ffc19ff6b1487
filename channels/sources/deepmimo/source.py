"""Channels from the ray-traced scenarios of DeepMIMO v4, in a folder on this machine."""

import math

import numpy as np
import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid, Paths, Snapshots
from channels.errors import ChannelInputError
from channels.random_streams import stream_seed
from channels.recording import split_range
from channels.source import SOURCES, PathSource, Split
from channels.sources.deepmimo.scenario import DeepMimoScenario
from channels.sources.parameters.deepmimo import DeepMimoParameters
from channels.transforms.beam_squint import aperture_turns, node_frequencies
from channels.transforms.frequency_response import normalise_power
from channels.transforms.path_alignment import align_to_first_path
from channels.validity import wide_band


@SOURCES.register("deepmimo")
class DeepMimoSource(PathSource):
    r"""Ray-traced users of a DeepMIMO v4 scenario, at arrays of isotropic elements.

    With power, phase and delay of path :math:`p`, its zenith angle :math:`\theta_p` and azimuth :math:`\phi_p` of
    departure, row :math:`v` and column :math:`h` of the BS get

    .. math:: a_p[v, h] = \sqrt{P_p} \, e^{j \varphi_p}
        e^{j 2 \pi d (h \sin\theta_p \sin(\phi_p - \phi_0) + v \cos\theta_p)}

    as the package computes it, and likewise the antennas of the UE. The carrier is at the middle subcarrier; the
    package has it at the first. The users do not move.

    Raises:
        ChannelInputError: if the folder is missing, damaged, or has another layout.
    """

    Parameters = DeepMimoParameters

    def __init__(self, parameters: DeepMimoParameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.device = device
        wanted = (parameters.tx_set, parameters.tx, parameters.rx_set)
        scenario = DeepMimoScenario(parameters.folder, *wanted, max_paths=parameters.max_paths)
        self._rays = scenario.paths
        self.grid = OfdmGrid(parameters.n_subcarriers, parameters.bandwidth_hz, scenario.carrier_hz)
        self.array = ArrayShape(1, parameters.n_rows, parameters.n_columns, parameters.n_rx)
        random = np.random.Generator(np.random.PCG64(stream_seed(seed, "deepmimo", "users")))
        self._users = random.permutation(len(self._rays["power"]))

    def n_samples(self, split: Split) -> int | None:
        """Users of the split."""
        return len(self._split(split))

    def validity_warnings(self) -> list[str]:
        """A band that is too wide for gains traced at the carrier."""
        sides = max(self.array.n_rows, self.array.n_columns) - 1
        aperture = self.parameters.element_spacing * sides
        return wide_band(self.grid.bandwidth_hz, self.grid.carrier_hz, aperture, self.parameters.beam_squint)

    def read_paths(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> Paths:
        """Paths of samples ``start`` to ``stop - 1``, aligned and normalised as the parameters say.

        Raises:
            ChannelInputError: if the split lacks the samples, or if there is to be motion.
        """
        users = self._split(split)
        folder = self.parameters.folder
        if not 0 <= start < stop <= len(users):
            raise ChannelInputError(
                f"{folder}: got {split} samples {start} to {stop - 1}, expected a range within the {len(users)} it has"
            )
        if snapshots.n != 1:
            raise ChannelInputError(f"{folder}: got {snapshots.n} snapshots, expected 1: the users do not move")
        paths = self._paths(users[start:stop])
        if self.parameters.delay_alignment == "first_path":
            paths = align_to_first_path(paths)
        return normalise_power(paths, self.grid) if self.parameters.normalise else paths

    def _paths(self, users: np.ndarray) -> Paths:
        power = self._rays["power"][users]
        there = ~np.isnan(power)
        # Normalised links are computed relative to their strongest path, so that no power is too small for float32.
        reference_db = np.nanmax(power, axis=1) if self.parameters.normalise else np.zeros(len(users))
        gains = np.where(there, 10 ** ((power - reference_db[:, None]) / 20), 0)
        rays = {name: torch.from_numpy(np.where(there, values[users], 0)) for name, values in self._rays.items()}
        of_arrays = self._bs_phases(rays).repeat(1, self.array.n_rx, 1)
        of_arrays = of_arrays + self._ue_phases(rays).repeat_interleave(self.array.n_tx, dim=1)
        amplitude = torch.from_numpy(gains)[:, None].expand_as(of_arrays)

        def coefficients(frequency_hz: float) -> Tensor:
            phase = torch.deg2rad(rays["phase"])[:, None] + of_arrays * (1 + frequency_hz / self.grid.carrier_hz)
            return torch.polar(amplitude, phase)[:, None].to(self.device, torch.complex64)

        band = None
        if self.parameters.beam_squint:
            turns = aperture_turns(self.array, (self.parameters.element_spacing,) * 2)
            nodes = node_frequencies(self.grid, turns).tolist()
            band = torch.stack([coefficients(frequency_hz) for frequency_hz in nodes], dim=2)
        return Paths(
            coefficients(0.0),
            rays["delay"].to(self.device),
            torch.from_numpy(reference_db).to(self.device, torch.float32),
            band,
        )

    def _bs_phases(self, rays: dict[str, Tensor]) -> Tensor:
        """Phases of the BS elements, ``[batch, n_tx, n_paths]``, rad."""
        azimuth = torch.deg2rad(rays["aod_az"] - self.parameters.bs_azimuth_deg)
        zenith = torch.deg2rad(rays["aod_el"])
        row, column = torch.meshgrid(torch.arange(self.array.n_rows), torch.arange(self.array.n_columns), indexing="ij")
        along_row = column.reshape(-1, 1) * (zenith.sin() * azimuth.sin())[:, None]
        return 2 * math.pi * self.parameters.element_spacing * (along_row + row.reshape(-1, 1) * zenith.cos()[:, None])

    def _ue_phases(self, rays: dict[str, Tensor]) -> Tensor:
        """Phases of the UE antennas, ``[batch, n_rx, n_paths]``, rad."""
        direction = torch.deg2rad(rays["aoa_el"]).sin() * torch.deg2rad(rays["aoa_az"]).sin()
        return math.pi * torch.arange(self.array.n_rx)[:, None] * direction[:, None]

    def _split(self, split: Split) -> np.ndarray:
        parameters = self.parameters
        of_split = split_range(len(self._users), parameters.train_fraction, parameters.validation_fraction, split)
        return self._users[of_split.start : of_split.stop]
