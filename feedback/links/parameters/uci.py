"""Parameters of coded feedback over the uplink."""

from typing import Literal, Self

from pydantic import Field, model_validator

from feedback.errors import FeedbackInputError
from feedback.link_parameters import LinkParameters
from feedback.links.uci.code_plan import code_plan
from feedback.plugin_section import PluginSection
from feedback.signals import Signal

Modulation = Literal["qpsk", "16qam", "64qam", "256qam"]
DelayProfile = Literal["TDL-A", "TDL-B", "TDL-C"]

BITS_PER_SYMBOL: dict[Modulation, int] = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}


class Multipath(PluginSection):
    """The frequency-selective uplink of ``fading: selective``, and where a report lies in it."""

    profile: DelayProfile = Field(default="TDL-A", description="tapped delay line of TR 38.901, Rayleigh taps")
    delay_spread_s: float = Field(gt=0, le=1e-4, description="RMS delay spread, s")
    subcarrier_spacing_hz: Literal[15000, 30000, 60000, 120000] = Field(
        default=30000, description="subcarrier spacing of the uplink, Hz"
    )
    hop_prbs: int = Field(
        default=0, ge=0, le=274, description="resource blocks from the first half of a slot to the second; 0: no hop"
    )


class UplinkEstimation(PluginSection):
    """How the BS comes to know the uplink's channel."""

    name: Literal["perfect", "pilots"] = Field(
        default="perfect", description="perfect: known; pilots: estimated from reference symbols in the report's blocks"
    )
    method: Literal["ls", "lmmse"] | None = Field(
        default=None,
        description="ls: each subcarrier by itself, all of flat channels; lmmse, the default with pilots: knows the "
        "channel's covariance and the noise power",
    )
    pilot_symbols: int | None = Field(
        default=None,
        ge=0,
        le=4,
        description="OFDM symbols of pilots in a slot, in each half where the report hops; by default 1 with pilots, "
        "else 0; with a perfect estimate they are counted, and not needed",
    )

    @property
    def n_pilot_symbols(self) -> int:
        """OFDM symbols of pilots a hop."""
        return int(self.name == "pilots") if self.pilot_symbols is None else self.pilot_symbols

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.name == "perfect" and self.method is not None:
            raise ValueError(f"got method {self.method} with a perfect estimate, expected name: pilots")
        if self.name == "pilots" and self.pilot_symbols == 0:
            raise ValueError("got pilot_symbols 0 with name: pilots, expected 1 to 4")
        return self


class UciParameters(LinkParameters):
    """Parameters of ``uci``."""

    carries = frozenset({"levels", "bitstream"})
    loses_reports = True
    garbles_bits = True
    titles = ("UCI",)
    results_version = 4

    name: Literal["uci"] = "uci"
    snr_db: float = Field(
        ge=-100, le=200, description="uplink SNR per resource element and BS antenna, Es/N0 at mean gain 1, dB"
    )
    code_rate: float = Field(default=0.5, ge=0.08, le=0.9, description="report and CRC bits over coded bits")
    modulation: Modulation = Field(default="qpsk", description="of the coded bits")
    demapper: Literal["exact", "max_log"] = Field(default="exact", description="LLRs of the coded bits")
    carried_by: Literal["control", "data"] = Field(
        default="control",
        description="control: uplink control information, by a small block code up to 11 bits and the polar code up to "
        "1706, beyond as data; data: by the LDPC code",
    )
    fading: Literal["none", "rayleigh", "selective"] = Field(
        default="none",
        description="rayleigh: one complex Gaussian gain for each report and BS antenna; selective: those of multipath",
    )
    multipath: Multipath | None = Field(default=None, description="delay profile and hop of selective fading")
    bs_antennas: int = Field(
        default=1, ge=1, le=64, description="BS antennas of independent fading, combined by maximum ratio"
    )
    channel_estimation: UplinkEstimation = Field(
        default_factory=UplinkEstimation,
        description="how the BS knows the uplink's channel: name perfect, or pilots for an estimate from them",
    )
    payload_bits: int | None = Field(
        default=None, ge=1, le=100_000, description="bits reserved for a report; by default as many as it has at most"
    )

    @property
    def has_place(self) -> bool:
        """Whether it matters which resource blocks a report lies in: it has pilots, or fading is selective."""
        return self.multipath is not None or self.channel_estimation.n_pilot_symbols > 0

    @property
    def hop_prbs(self) -> int:
        """Resource blocks from the first half of a slot to the second; 0 without a hop."""
        return 0 if self.multipath is None else self.multipath.hop_prbs

    def misfit(self, sends: Signal, reserves_bits: bool = False) -> str | None:
        """Bitstreams of no known bound need ``payload_bits``."""
        if sends == "bitstream" and self.payload_bits is None and not reserves_bits:
            return "no payload_bits with bitstreams of variable length, expected the bits reserved for every report"
        return None

    @model_validator(mode="after")
    def _multipath_where_it_fades_so(self) -> Self:
        if self.fading == "selective" and self.multipath is None:
            raise ValueError("got fading: selective without multipath, expected multipath: {delay_spread_s: ...}")
        if self.fading != "selective" and self.multipath is not None:
            raise ValueError(f"got multipath with fading: {self.fading}, expected fading: selective")
        return self

    @model_validator(mode="after")
    def _payload_fits_its_code_and_slot(self) -> Self:
        if self.payload_bits is None:
            return self
        # Needs NumPy, which a scenario without payload is checked without.
        from feedback.links.uci.grid import UplinkGrid

        try:
            plan = code_plan(self.payload_bits, self.code_rate, BITS_PER_SYMBOL[self.modulation], self.carried_by)
            if self.has_place:
                UplinkGrid.of(plan.resource_elements, self.channel_estimation.n_pilot_symbols, self.hop_prbs)
        except FeedbackInputError as error:
            raise ValueError(str(error).removeprefix("link uci: ")) from error
        return self
