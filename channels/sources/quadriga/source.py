"""Channels from QuaDRiGa simulations, as their users save them."""

import numpy as np
import torch
from torch import Tensor

from channels.channel_batch import ArrayShape, ChannelBatch, OfdmGrid, Paths, Snapshots
from channels.errors import ChannelInputError
from channels.recording import recorded_times, split_range
from channels.source import SOURCES, Source, Split
from channels.sources.parameters.quadriga import QuadrigaParameters
from channels.sources.quadriga.file import QuadrigaFile
from channels.sources.quadriga.link import QuadrigaLink
from channels.statistics.late_energy import LateEnergy, late_energy, mean_late_energy
from channels.transforms.frequency_response import frequency_response
from channels.transforms.path_alignment import align_to_first_path
from channels.validity import wide_band


@SOURCES.register("quadriga")
class QuadrigaSource(Source):
    r"""Links saved from QuaDRiGa, with or without motion; the carrier is at the middle subcarrier.

    .. math:: H[t, k, (r, m)] = \sum_p c[r, m, p, t] \, e^{-j 2 \pi f_k (\tau[(r, m,) p, t] - \tau_0)}

    Delays may change over time, and from antenna to antenna; only a file with such delays has the beam squint of a wide
    band, as the others lack the angles. The antennas of the BS are ordered as those of QuaDRiGa's
    panels ``3gpp-3d`` and ``3gpp-nr`` are: polarisation fastest, then rows, then columns.

    Raises:
        ChannelInputError: if the file is missing, damaged, or has another layout or other antennas.
    """

    Parameters = QuadrigaParameters

    def __init__(self, parameters: QuadrigaParameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.device = device
        path = parameters.file
        self._file = QuadrigaFile(path, parameters.variable, parameters.links, parameters.layout)
        self.grid = OfdmGrid(parameters.n_subcarriers, parameters.bandwidth_hz, self._carrier_hz())
        n_columns, left = divmod(self._file.n_tx, parameters.n_rows * parameters.n_polarizations)
        if left:
            raise ChannelInputError(
                f"{path}: got {self._file.n_tx} antennas of the BS, expected a multiple of n_rows x n_polarizations, "
                f"{parameters.n_rows * parameters.n_polarizations}"
            )
        self._antennas = parameters.rx_antennas or tuple(range(1, self._file.n_rx + 1))
        if max(self._antennas) > self._file.n_rx:
            raise ChannelInputError(
                f"{path}: rx_antennas: got {max(self._antennas)}, expected at most {self._file.n_rx} as the UE has"
            )
        self.array = ArrayShape(parameters.n_polarizations, parameters.n_rows, n_columns, len(self._antennas))

    def n_samples(self, split: Split) -> int | None:
        """Links of the split."""
        return len(self._range(split))

    def validity_warnings(self) -> list[str]:
        """A band that is too wide for gains that hold for all of it."""
        return wide_band(self.grid.bandwidth_hz, self.grid.carrier_hz, 0.0, beam_squint=False)

    def late_energy(self, split: Split) -> LateEnergy | None:
        """Energy beyond symbol and cyclic prefix in the first links of a split."""
        indices = self._range(split)[: self._first_block(split)]
        found = [self._late_energy(self._file.link(index)) for index in indices]
        return mean_late_energy([energy for energy in found if energy is not None])

    def _check_stored(self, split: Split, start: int, stop: int) -> None:
        for index in self._range(split)[start:stop]:
            self._file.link(index)

    def _late_energy(self, link: QuadrigaLink) -> LateEnergy | None:
        gains, delays = self._ports(link, [0])
        if self.parameters.delay_alignment == "first_path":
            delays = delays - _first_delay(gains, delays)
        power = gains[0].abs().to(torch.float64).square()
        return late_energy(delays[0].expand(power.shape).reshape(1, -1), power.reshape(1, -1), self.grid)

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Responses ``[stop - start, n_snapshots, n_subcarriers, n_ports]``.

        Raises:
            ChannelInputError: if the file is damaged, holds NaN, or lacks the links or snapshots asked for.
        """
        indices = self._range(split)
        if not 0 <= start < stop <= len(indices):
            raise ChannelInputError(
                f"{self.parameters.file}: got {split} samples {start} to {stop - 1}, "
                f"expected a range within the {len(indices)} it has"
            )
        return ChannelBatch(torch.stack([self._response(index, snapshots) for index in indices[start:stop]]))

    def _response(self, index: int, snapshots: Snapshots) -> Tensor:
        link = self._file.link(index)
        times = recorded_times(snapshots, self.parameters.dt_s, link.coefficients.shape[3], self.parameters.file)
        gains, delays = self._ports(link, times)
        if self.parameters.delay_alignment == "first_path":
            delays = delays - _first_delay(gains, delays)
        response = torch.stack([self._snapshot(*of_time) for of_time in zip(gains, delays, strict=True)])
        power = float(torch.view_as_real(response[0]).to(torch.float64).square().sum()) / response[0].numel()
        if not np.isfinite(power):
            raise ChannelInputError(
                f"{self.parameters.file}: coeff: got gains too large for single precision, expected linear gains"
            )
        return response * power**-0.5 if self.parameters.normalise and power > 0 else response

    def _ports(self, link: QuadrigaLink, times: list[int]) -> tuple[Tensor, Tensor]:
        """Gains ``[n_snapshots, n_ports, n_paths]``, and delays of that shape or with one port for all."""
        gains = self._flattened(link.coefficients[..., times])
        if link.delays_s.ndim == 4:
            delays = self._flattened(link.delays_s[..., times])
        else:
            delays = torch.from_numpy(np.ascontiguousarray(link.delays_s[:, times].T))[:, None]
        return gains.to(self.device), delays.to(self.device)

    def _flattened(self, values: np.ndarray) -> Tensor:
        chosen = values[[antenna - 1 for antenna in self._antennas]]
        array = self.array
        panel = chosen.reshape(array.n_rx, array.n_columns, array.n_rows, array.n_polarizations, *chosen.shape[2:])
        ports = panel.transpose(5, 0, 3, 2, 1, 4).reshape(chosen.shape[3], array.n_ports, chosen.shape[2])
        return torch.from_numpy(np.ascontiguousarray(ports))

    def _snapshot(self, gains: Tensor, delays: Tensor) -> Tensor:
        """Response ``[n_subcarriers, n_ports]``; gains ``[n_ports, n_paths]``, delays ``[1 or n_ports, n_paths]``."""
        if len(delays) == 1:
            return frequency_response(_paths(gains, delays), self.grid)[0, 0]
        # One port at a time: the delay phases of all of them would not fit into the cache, or into memory.
        ports = [
            frequency_response(_paths(*of_port), self.grid)
            for of_port in zip(gains.split(1), delays.split(1), strict=True)
        ]
        return torch.cat(ports, dim=-1)[0, 0]

    def _range(self, split: Split) -> range:
        parameters = self.parameters
        return split_range(self._file.n_links, parameters.train_fraction, parameters.validation_fraction, split)

    def _carrier_hz(self) -> float:
        stated, wanted = self._file.carrier_hz, self.parameters.carrier_hz
        if stated is None and wanted is None:
            raise ChannelInputError(f"{self.parameters.file}: got no center_frequency, expected it or carrier_hz")
        # QuaDRiGa stores frequencies in single precision.
        if stated is not None and wanted is not None and abs(stated - wanted) > 1e-6 * wanted:
            raise ChannelInputError(
                f"{self.parameters.file}: carrier_hz: got {wanted:g} Hz, expected {stated:g} Hz as the file says"
            )
        return wanted or stated or 0.0


def _paths(gains: Tensor, delays: Tensor) -> Paths:
    return Paths(gains[None, None], delays, gains.new_zeros(1, dtype=torch.float32))


def _first_delay(gains: Tensor, delays: Tensor) -> Tensor:
    """Delay of the first significant path at the first snapshot, mean over the antennas, s."""
    # The mean is the delay at the centres of the arrays; timing by it changes no phase between antennas.
    of_paths = delays[:1].mean(dim=1)
    aligned = align_to_first_path(_paths(gains[0], of_paths))
    strongest = gains[0].abs().to(torch.float64).square().sum(dim=0).argmax()
    return of_paths[0, strongest] - aligned.delays_s[0, strongest]
