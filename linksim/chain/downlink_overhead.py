"""What pilots take of the downlink: the share of resource elements that is left for data."""

from dataclasses import dataclass

from channels.dimensions import OfdmGrid
from channels.estimators.tracking_pilots import TRACKING_SPACING, TRACKING_SYMBOLS
from linksim.scenario.model import Scenario
from linksim.scenario.outlines import outline_of

# A millisecond of 15 kHz spacing has 14 symbols with their cyclic prefixes, and that of n times the spacing n times as
# many (3GPP TS 38.211, 4.3.2).
_SYMBOLS_PER_MS_AND_15_KHZ = 14
# Period of full CSI feedback in 3GPP's evaluations (TR 36.897, Table A.1-1; TR 38.802, Table A.2.1-1).
DEFAULT_CSI_RS_PERIOD_S = 5e-3
# A usual period of a CSI-RS for tracking, of the 10, 20, 40 and 80 ms of TS 38.214, 5.1.6.1.1.
_TRACKING_PERIOD_S = 20e-3
# One symbol in 14 for a DM-RS of type 1 with both of its CDM groups free of data (TS 38.211, 7.4.1.1.2; TS 38.214,
# 5.1.6.2): 6 resource elements of pilots and 6 empty ones in the 168 of a resource block and slot.
DMRS_SHARE = 1 / 14


@dataclass(frozen=True)
class DownlinkOverhead:
    """Shares of the downlink's resource elements.

    Attributes:
        csi_rs: pilots that the channel is estimated from, and those for tracking.
        dmrs: pilots to demodulate the data with.
    """

    csi_rs: float
    dmrs: float

    @property
    def data(self) -> float:
        """What is left for data, nothing where pilots would need more than there is."""
        return max(0.0, 1 - self.csi_rs - self.dmrs)

    def warnings(self) -> list[str]:
        """A line if nothing is left."""
        if self.data > 0:
            return []
        return [
            f"overhead: got CSI-RS on {100 * self.csi_rs:.3g} % and DM-RS on {100 * self.dmrs:.3g} % of the resource "
            "elements, which leaves none for data: the net rate is 0"
        ]


def downlink_overhead(scenario: Scenario, n_pilot_elements: int, grid: OfdmGrid) -> DownlinkOverhead:
    r"""The overhead of a scenario; what it leaves to ``auto`` follows from the pilots.

    .. math:: \eta_\mathrm{CSI-RS} = \frac{E}{N_c \, 14 \, T \Delta f / 15}

    with the resource elements :math:`E` of the pilots of one estimate, the period :math:`T` and the subcarrier spacing
    :math:`\Delta f` in kHz and ms. Where pilots set the UE's timing, those for tracking come on top, every 20 ms.

    Args:
        scenario: with its ``overhead``, and the period of its reports.
        n_pilot_elements: resource elements that the pilots of one estimate take.
        grid: its subcarriers.
    """
    section = scenario.overhead
    period_s = section.csi_rs_period_s or scenario.feedback.report_period_s or DEFAULT_CSI_RS_PERIOD_S
    symbols_per_s = _SYMBOLS_PER_MS_AND_15_KHZ * grid.spacing_hz / 15
    pilots = n_pilot_elements / (grid.n_subcarriers * symbols_per_s * period_s)
    if scenario.estimation.timing == "pilots" and n_pilot_elements:
        pilots += TRACKING_SYMBOLS / TRACKING_SPACING / (symbols_per_s * _TRACKING_PERIOD_S)
    return DownlinkOverhead(
        pilots if section.csi_rs == "auto" else section.csi_rs, DMRS_SHARE if section.dmrs == "auto" else section.dmrs
    )


def overhead_of(scenario: Scenario) -> DownlinkOverhead:
    """The overhead of a scenario by itself."""
    source = outline_of(scenario)
    n_pilot_elements = scenario.estimation.n_pilot_elements(source.grid, source.array)
    return downlink_overhead(scenario, n_pilot_elements, source.grid)
