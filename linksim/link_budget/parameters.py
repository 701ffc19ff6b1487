"""What a scenario says of its link budget; without PyTorch."""

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Thermal noise at 290 K, rounded as 3GPP rounds it, dBm/Hz.
THERMAL_NOISE_DBM_HZ = -174.0

_Geometry = Annotated[float, Field(ge=-50, le=100)]


class LinkBudgetParameters(BaseModel):
    """The section ``link_budget`` of a scenario: what gives each UE an SNR of its own in place of one for all."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    transmit_power_dbm: float = Field(ge=-50, le=120, description="transmit power of the BS over the whole band [dBm]")
    noise_figure_db: float = Field(default=9.0, ge=0, le=50, description="noise figure of the UE [dB]")
    geometry_db: _Geometry | tuple[_Geometry, Annotated[float, Field(ge=0, le=50)]] | None = Field(
        default=None,
        description="power of the own cell over that of all others at the UE [dB], all white noise; or mean "
        "and standard deviation of a normal distribution over the UEs; by default no other cells",
    )

    def noise_dbm(self, bandwidth_hz: float) -> float:
        """Noise in the UE's receiver, dBm: thermal noise of the band, and the noise figure."""
        return THERMAL_NOISE_DBM_HZ + 10 * math.log10(bandwidth_hz) + self.noise_figure_db
