"""Parameters of files of frequency responses."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.formats.axis_order import ORDER_DESCRIPTION, AxisOrder
from channels.recording import RecordingParameters

Axis = Literal["sample", "time", "subcarrier", "port", "rx", "tx", "real_imag"]


class ResponseParameters(RecordingParameters):
    """Frequency responses in a .mat (5 to 7.3), HDF5, .npy or .npz file.

    Complex numbers are native, a compound of ``{real, imag}`` or ``{r, i}``, or an axis of length 2. The splits are
    contiguous: training first, then validation, the rest is the test split.
    """

    titles = ("responses",)

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
