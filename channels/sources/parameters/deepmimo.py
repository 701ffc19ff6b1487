"""Parameters of DeepMIMO scenarios."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from channels.recording import RecordingParameters


class DeepMimoParameters(RecordingParameters):
    """A scenario folder as ``deepmimo.download`` or one of the package's converters leaves it.

    The splits are drawn from the users that have a path, by the seed: training first, then validation, the rest is the
    test split.
    """

    titles = ("DeepMIMO",)

    source: Literal["deepmimo"] = "deepmimo"
    folder: Path = Field(description="folder of the scenario, with params.json")
    tx_set: int | None = Field(
        default=None, ge=0, le=10**6, description="set of the BS; by default the first that transmits"
    )
    tx: int = Field(default=0, ge=0, le=10**6, description="number of the BS in its set, from 0")
    rx_set: int | None = Field(
        default=None, ge=0, le=10**6, description="set of the users; by default the first that does not transmit"
    )
    max_paths: int = Field(default=25, ge=1, le=10**4, description="paths kept of each user, the first ones")
    n_rows: int = Field(default=1, ge=1, le=64, description="rows of the BS panel")
    n_columns: int = Field(default=32, ge=1, le=256, description="columns of the BS panel")
    element_spacing: float = Field(default=0.5, gt=0, le=10, description="spacing of BS elements, wavelengths")
    bs_azimuth_deg: float = Field(
        default=0.0, ge=-360, le=360, description="broadside of the BS panel, degrees from the x axis towards y"
    )
    n_rx: int = Field(default=1, ge=1, le=16, description="antennas of the UE, along y, half a wavelength apart")
    n_subcarriers: int = Field(default=1024, ge=2, le=65536, description="subcarriers in the band")
    bandwidth_hz: float = Field(default=20e6, gt=0, description="bandwidth, Hz")
    delay_alignment: Literal["first_path", "none"] = Field(
        default="first_path", description="delay 0: first path within 25 dB of the strongest, or the transmission"
    )
    normalise: bool = Field(default=True, description="scale each link to mean power 1")
    beam_squint: bool = Field(default=False, description="phases of the arrays grow with frequency over the band")
