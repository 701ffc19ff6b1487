"""Channels from files of frequency responses, in the order of axes that the file has."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from channels.bounds import MOST_SUBCARRIERS
from channels.channel_batch import ArrayShape, ChannelBatch, OfdmGrid, Snapshots
from channels.errors import ChannelInputError
from channels.formats.number_array import NumberArray
from channels.recording import recorded_times, split_range
from channels.source import SOURCES, Source, Split
from channels.sources.parameters.response import ResponseParameters


@SOURCES.register("response")
class ResponseSource(Source):
    """Frequency responses ``H`` as measured or simulated elsewhere, with or without motion.

    They are taken as they are: delay 0 is where the phases of the file have it.

    Raises:
        ChannelInputError: if the file is missing, damaged, or has other axes.
    """

    Parameters = ResponseParameters

    def __init__(self, parameters: ResponseParameters, *, seed: int, device: torch.device) -> None:
        self.parameters = parameters
        self.device = device
        path, axes = parameters.file, parameters.axes
        self._numbers = NumberArray(path, parameters.variable, len(axes), axes.index("sample"), parameters.layout)
        sizes = dict(zip(axes, self._numbers.shape, strict=True))
        where = f"{path}: {parameters.variable}: shape {' x '.join(map(str, self._numbers.shape))} of {', '.join(axes)}"
        if ("real_imag" in sizes) == (self._numbers.kind == "complex"):
            wanted = "real numbers along real_imag" if "real_imag" in sizes else "complex ones, or an axis real_imag"
            raise ChannelInputError(f"{where}: got {self._numbers.kind} numbers, expected {wanted}")
        if sizes.get("real_imag", 2) != 2:
            raise ChannelInputError(f"{where}: real_imag: got {sizes['real_imag']}, expected 2")
        if sizes["subcarrier"] > MOST_SUBCARRIERS:
            raise ChannelInputError(
                f"{where}: subcarrier: got {sizes['subcarrier']}, expected at most {MOST_SUBCARRIERS}"
            )
        n_rx = sizes.get("rx", parameters.n_rx)
        n_ports = sizes["port"] if "port" in sizes else sizes["tx"] * n_rx
        per_column = n_rx * parameters.n_polarizations * parameters.n_rows
        if n_ports % per_column:
            raise ChannelInputError(
                f"{where}: got {n_ports} ports, expected a multiple of UE antennas x n_polarizations x n_rows, "
                f"{per_column}"
            )
        self._sizes = sizes
        self.grid = OfdmGrid(sizes["subcarrier"], parameters.bandwidth_hz, parameters.carrier_hz)
        self.array = ArrayShape(parameters.n_polarizations, parameters.n_rows, n_ports // per_column, n_rx)

    def n_samples(self, split: Split) -> int | None:
        """Samples of the split."""
        return len(self._range(split))

    def read(self, split: Split, start: int, stop: int, snapshots: Snapshots) -> ChannelBatch:
        """Responses ``[stop - start, n_snapshots, n_subcarriers, n_ports]``.

        Raises:
            ChannelInputError: if the file is damaged, holds NaN, or lacks the samples or snapshots asked for.
        """
        path, indices = self.parameters.file, self._range(split)
        if not 0 <= start < stop <= len(indices):
            raise ChannelInputError(
                f"{path}: got {split} samples {start} to {stop - 1}, expected a range within the {len(indices)} it has"
            )
        times = recorded_times(snapshots, self.parameters.dt_s, self._sizes.get("time", 1), path)
        values = self._in_order(self._numbers.read(indices.start + start, indices.start + stop))[:, times]
        # A copy: strides of axes of length 1, which nothing defines otherwise, decide in which order sums are taken.
        response = torch.from_numpy(np.array(values, order="C")).to(self.device)
        return ChannelBatch(self._scaled(response) if self.parameters.normalise else response)

    def _check_stored(self, split: Split, start: int, stop: int) -> None:
        first = self._range(split).start
        self._numbers.read(first + start, first + stop)

    def _in_order(self, values: NDArray[Any]) -> NDArray[Any]:
        """``[sample, time, subcarrier, port]`` of the axes of the file."""
        axes = list(self.parameters.axes)
        if "real_imag" in axes:
            place = axes.index("real_imag")
            real, imag = np.moveaxis(values, place, 0)
            numbers = np.empty(real.shape, np.complex64)
            numbers.real, numbers.imag = real, imag
            values = numbers
            del axes[place]
        wanted = [axis for axis in ("sample", "time", "subcarrier", "rx", "tx", "port") if axis in axes]
        ordered = values.transpose([axes.index(axis) for axis in wanted])
        n_times = self._sizes.get("time", 1)
        return ordered.reshape(len(ordered), n_times, self.grid.n_subcarriers, self.array.n_ports)

    def _scaled(self, response: Tensor) -> Tensor:
        power = response[:, :1].abs().to(torch.float64).square().mean(dim=(2, 3), keepdim=True)
        return response * torch.where(power > 0, power, 1.0).rsqrt().to(torch.float32)

    def _range(self, split: Split) -> range:
        parameters = self.parameters
        count = self._sizes["sample"]
        return split_range(count, parameters.train_fraction, parameters.validation_fraction, split)
