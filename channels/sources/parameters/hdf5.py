"""Parameters of HDF5 files."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from channels.formats.axis_order import ORDER_DESCRIPTION, AxisOrder
from channels.recording import RecordingParameters


class Hdf5Parameters(RecordingParameters):
    """A file with ``X`` and the attributes ``fc``, ``B``, ``Nc``, ``Nt`` and, for moving UEs, ``dt``.

    The splits are contiguous: training first, then validation, the rest is the test split.
    """

    titles = ("HDF5 file",)

    source: Literal["hdf5"] = "hdf5"
    file: Path = Field(description="the file")
    layout: AxisOrder | None = Field(default=None, description=ORDER_DESCRIPTION)
    normalise: bool = Field(default=True, description="scale each sample to mean power 1 at its first snapshot")
