"""Channels from files of frequency responses, in the order of axes that the file has."""

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from channels.bounds import MOST_SUBCARRIERS
from channels.channel_batch import ArrayShape, ChannelBatch, OfdmGrid, Snapshots
from channels.errors import ChannelInputError
from channels.formats.axis_order import ORDER_DESCRIPTION, AxisOrder
from channels.formats.number_array import NumberArray
from channels.recording import RecordingParameters, recorded_times, split_range
from channels.source import SOURCES, Source, Split

Axis = Literal["sample", "time", "subcarrier", "port", "rx", "tx", "real_imag"]


class ResponseParameters(RecordingParameters):
    """Frequency responses in a .mat (5 to 7.3), HDF5, .npy or .npz file.

    Complex numbers are native, a compound of ``{real, imag}`` or ``{r, i}``, or an axis of length 2. The splits are
    contiguous: training first, then validation, the rest is the test split.
    """

    source: Literal["response"] = "response"
    file: Path = Field(description="the file")
    variable: str = Field(
        default="H", min_length=1, description="the array in the file; a .npy file has one without a name"
    )
    axes: tuple[Axis, ...] = Field(
        default=("sample", "subcarrier", "port"),
        description="what each axis counts, in the order that MATLAB or NumPy shows: sample, time, subcarrier (lowest "
        "frequency first), port (UE antenna slowest, then polarisation, row, column of the BS), or in its place rx (UE "
        "antennas) and tx (BS ports), real_imag (two: real, imaginary part)",
    )
    layout: AxisOrder | None = Field(default=None, description=ORDER_DESCRIPTION)
    carrier_hz: float = Field(gt=0, description="carrier frequency, Hz")
    bandwidth_hz: float = Field(gt=0, description="bandwidth, Hz: subcarriers times their spacing")
    n_rx: int = Field(default=1, ge=1, le=16, description="antennas of the UE among the ports; an axis rx counts them")
    n_rows: int = Field(default=1, ge=1, le=64, description="rows of the BS panel")
    n_polarizations: int = Field(default=1, ge=1, le=2, description="polarisations of the BS panel")
    dt_s: float | None = Field(
        default=None, gt=0, description="time between snapshots along the axis time, s; none: no motion"
    )
    normalise: bool = Field(default=True, description="scale each sample to mean power 1 at its first snapshot")

    @model_validator(mode="after")
    def _check(self) -> Self:
        axes = set(self.axes)
        needed = {"sample", "subcarrier"} | ({"tx"} if "port" not in axes else set())
        if len(axes) < len(self.axes) or not needed <= axes or ("port" in axes and axes & {"rx", "tx"}):
            raise ValueError(
                f"axes: got {', '.join(self.axes)}, expected sample, subcarrier and either port or tx, once each; "
                "time, rx (with tx) and real_imag are optional"
            )
        if "rx" in axes and self.n_rx != 1:
            raise ValueError(f"n_rx: got {self.n_rx} and an axis rx, which counts the antennas of the UE; expected one")
        if self.dt_s is not None and "time" not in axes:
            raise ValueError(f"dt_s: got {self.dt_s:g}, expected an axis time")
        return self


@SOURCES.register("response")
class ResponseSource(Source):
    """Frequency responses ``H`` as measured or simulated elsewhere, with or without motion.

    They are taken as they are: delay 0 is where the phases of the file have it.

    Raises:
        ChannelInputError: if the file is missing, damaged, or has other axes.
    """

    titles = ("responses",)
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
