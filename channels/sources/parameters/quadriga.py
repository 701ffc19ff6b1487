"""Parameters of QuaDRiGa links."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from channels.formats.axis_order import ORDER_DESCRIPTION, AxisOrder
from channels.recording import RecordingParameters


class QuadrigaParameters(RecordingParameters):
    """Links (``qd_channel`` objects) of a .mat or HDF5 file.

    The file comes from ``mat_save`` or ``hdf5_write`` of QuaDRiGa, or holds structs with the fields ``coeff``,
    ``delay`` and, possibly, ``center_frequency``: one, an array, or a cell array. The splits are contiguous: training
    first, then validation, the rest is the test split.
    """

    titles = ("QuaDRiGa",)

    source: Literal["quadriga"] = "quadriga"
    file: Path = Field(description="the file")
    variable: str | None = Field(
        default=None, min_length=1, description="variable with the structs; by default the only"
    )
    layout: AxisOrder | None = Field(default=None, description=ORDER_DESCRIPTION)
    links: tuple[int, int] | None = Field(
        default=None, description="first and last link used, counted from 1 in MATLAB's linear order; by default all"
    )
    rx_antennas: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="antennas of the UE that are used, counted from 1; by default all"
    )
    n_rows: int = Field(default=1, ge=1, le=64, description="rows of the BS panel")
    n_polarizations: int = Field(default=1, ge=1, le=2, description="polarisations of the BS panel")
    n_subcarriers: int = Field(default=1024, ge=2, le=65536, description="subcarriers in the band")
    bandwidth_hz: float = Field(default=20e6, gt=0, description="bandwidth, Hz")
    carrier_hz: float | None = Field(default=None, gt=0, description="carrier frequency, Hz; by default the file's")
    dt_s: float | None = Field(
        default=None, gt=0, description="time between the snapshots of a link, s; none: no motion"
    )
    delay_alignment: Literal["first_path", "none"] = Field(
        default="first_path", description="delay 0: first path within 25 dB of the strongest, or the file's own"
    )
    normalise: bool = Field(default=True, description="scale each link to mean power 1 at its first snapshot")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.links is not None and not 1 <= self.links[0] <= self.links[1]:
            raise ValueError(f"links: got {list(self.links)}, expected 1 <= first <= last")
        chosen = self.rx_antennas or ()
        if len(set(chosen)) < len(chosen) or any(antenna < 1 for antenna in chosen):
            raise ValueError(f"rx_antennas: got {list(chosen)}, expected different antennas, counted from 1")
        return self
