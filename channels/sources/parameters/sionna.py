"""Parameters of the 3GPP TR 38.901 source, and what each model uses when they are left out."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from channels.dimensions import ArrayShape, OfdmGrid
from channels.source_parameters import DrawnChannels, SourceParameters
from channels.sources.sionna.validity import tr38901_warnings

# Per model: BS height in m, nearest and farthest UE in m (TR 38.901 Tables 7.2-1 to 7.2-4, 7.4.1-1 and 7.8-7).
_GEOMETRY = {
    "UMa": (25.0, (35.0, 250.0)),
    "UMi": (10.0, (10.0, 100.0)),
    "RMa": (35.0, (35.0, 1000.0)),
    "InH": (3.0, (5.0, 60.0)),
    "InF-SL": (1.5, (5.0, 60.0)),
    "InF-DL": (1.5, (5.0, 60.0)),
    "InF-SH": (8.0, (5.0, 60.0)),
    "InF-DH": (8.0, (5.0, 60.0)),
    "InF-HH": (8.0, (5.0, 60.0)),
}
_NOT_IN_CDL = frozenset(
    {"bs_height_m", "ue_height_m", "distance_m", "los", "indoor_share", "o2i_model", "office", "downtilt_deg"}
    | {"spatial_consistency", "indoor_floors", "indoor_speed_m_s", "hotspot_radius_m"}
)
_NOT_IN_TDL = _NOT_IN_CDL | {
    "azimuth_deg", "element_spacing", "antenna_pattern", "beam_squint", "sub_array_rows", "sub_array_zenith_deg",
    "rx_polarization",
}  # fmt: skip
_Wavelengths = Annotated[float, Field(gt=0, le=10)]
_TDL_NLOS = ("TDL-A", "TDL-B", "TDL-C")


class SionnaParameters(SourceParameters):
    """Stochastic channels of 3GPP TR 38.901: system-level drops (UMa, UMi, RMa, InH, InF), CDL or TDL.

    The defaults are UMa NLOS at 28 GHz with a 32-port uniform linear array. Path loss and shadow fading are no part of
    the response; `link_budget` makes use of them.
    """

    titles = ("TR 38.901 (Sionna)",)
    results_version = 4

    source: Literal["sionna"] = "sionna"
    model: Literal[
        "UMa", "UMi", "RMa", "InH", "InF-SL", "InF-DL", "InF-SH", "InF-DH", "InF-HH",
        "CDL-A", "CDL-B", "CDL-C", "CDL-D", "CDL-E",
        "TDL-A", "TDL-B", "TDL-C", "TDL-D", "TDL-E",
    ] = Field(default="UMa", description="scenario, CDL or TDL profile of TR 38.901")  # fmt: skip
    spec_version: Literal["16.1", "19.2"] = Field(default="16.1", description="edition of TR 38.901")
    carrier_hz: float = Field(default=28e9, ge=0.5e9, le=100e9, description="carrier frequency, Hz")
    bandwidth_hz: float = Field(default=20e6, gt=0, le=2e9, description="bandwidth, Hz")
    n_subcarriers: int = Field(default=1024, ge=2, le=65536, description="subcarriers in the band")
    n_rows: int = Field(default=1, ge=1, le=64, description="rows of ports of the BS panel")
    n_columns: int = Field(default=32, ge=1, le=256, description="columns of the BS panel")
    sub_array_rows: int = Field(
        default=1, ge=1, le=64, description="elements of a column, one above the other, that make one port"
    )
    sub_array_zenith_deg: float = Field(
        default=90.0, ge=0, le=180, description="zenith angle that the elements of a port are steered to, degrees"
    )
    n_rx: int = Field(default=1, ge=1, le=16, description="antennas of the UE, in a row half a wavelength apart")
    rx_polarization: Literal["single", "dual"] = Field(
        default="single", description="UE antennas: vertical ones, or pairs of a vertical and a horizontal one"
    )
    polarization: Literal["single", "dual"] = Field(
        default="single", description="BS elements: one vertical, or a pair at +-45 degrees"
    )
    element_spacing: _Wavelengths | tuple[_Wavelengths, _Wavelengths] = Field(
        default=0.5, description="spacing of BS elements, wavelengths; or that in a row and that in a column"
    )
    antenna_pattern: Literal["omni", "38.901"] = Field(default="omni", description="pattern of a BS element")
    downtilt_deg: float = Field(default=0.0, ge=-90, le=90, description="mechanical downtilt of the BS panel, degrees")
    bs_height_m: float | None = Field(
        default=None, gt=0, le=150, description="height of the BS, m; by default the model's"
    )
    ue_height_m: float = Field(default=1.5, ge=0.5, le=25, description="height of the UE, m")
    indoor_floors: tuple[int, int] | None = Field(
        default=None,
        description="floors of the lowest and the highest building; an indoor UE is on any floor of its own, 3 m each "
        "(TR 38.901, Table 7.2-1: 4 to 8); by default all UEs are at ue_height_m",
    )
    distance_m: tuple[float, float] | None = Field(
        default=None, description="horizontal distance of the UE, least and greatest, m; by default the model's"
    )
    hotspot_radius_m: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="radius of a disc that the UEs of a block of 50 are in, around a place of the sector [m]: users "
        "beside each other, whose channels are alike with `spatial_consistency`; by default they are anywhere in it",
    )
    azimuth_deg: tuple[float, float] | None = Field(
        default=None,
        description="azimuth of the UE off broadside, degrees; by default -60 to 60, for CDL 0 (turns the profile)",
    )
    los: Literal["los", "nlos", "mixed"] = Field(
        default="nlos", description="outdoor links: all LOS, none, or by the model's LOS probability"
    )
    indoor_share: float = Field(default=0.0, ge=0, le=1, description="share of indoor UEs (InH, InF: all are indoor)")
    o2i_model: Literal["low", "high"] = Field(default="low", description="building type for indoor UEs")
    office: Literal["open", "mixed"] = Field(default="open", description="InH: type of office")
    spatial_consistency: bool = Field(
        default=False,
        description="UEs of a block of 50 share one cell and correlate with their distance (TR 38.901, 7.6.3); their "
        "samples then depend on each other, and confidence intervals come out too narrow",
    )
    speed_m_s: float = Field(
        default=0.0, ge=0, le=150, description="speed of the UE, m/s, in a random horizontal direction"
    )
    indoor_speed_m_s: float | None = Field(
        default=None, ge=0, le=150, description="speed of indoor UEs, m/s; by default that of all"
    )
    delay_spread_s: float = Field(default=100e-9, gt=0, le=1e-4, description="CDL, TDL: RMS delay spread, s")
    port_correlation: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="TDL-A to C: correlation of neighbouring BS elements, its power of the distance for the others",
    )
    delay_alignment: Literal["first_path", "none"] = Field(
        default="first_path", description="delay 0: first path within 25 dB of the strongest, or the model's own"
    )
    normalise: bool = Field(default=True, description="scale each link to mean power 1 at its first snapshot")
    beam_squint: bool = Field(
        default=False, description="phases of the arrays grow with frequency over the band; one model run a frequency"
    )

    @property
    def is_profile(self) -> bool:
        """Whether the model is a CDL or TDL profile, which has no geometry."""
        return self.is_cdl or self.is_tdl

    @property
    def has_path_gain(self) -> bool:
        """Whether the model has a geometry, and so path loss and shadow fading."""
        return not self.is_profile

    @property
    def is_cdl(self) -> bool:
        """Whether the model is a clustered delay line, with angles."""
        return self.model.startswith("CDL")

    @property
    def is_tdl(self) -> bool:
        """Whether the model is a tapped delay line, which has no angles."""
        return self.model.startswith("TDL")

    @property
    def all_indoor(self) -> bool:
        """Whether the model knows indoor UEs only."""
        return self.model.startswith(("InH", "InF"))

    @property
    def spacing(self) -> tuple[float, float]:
        """Spacing of BS elements in a row and in a column, wavelengths."""
        both = self.element_spacing
        return both if isinstance(both, tuple) else (both, both)

    @property
    def element_rows(self) -> int:
        """Rows of elements of the BS panel."""
        return self.n_rows * self.sub_array_rows

    @property
    def aperture(self) -> float:
        """Greatest side of the BS panel, wavelengths; 0 where the model has no panel."""
        if self.is_tdl:
            return 0.0
        along_row, along_column = self.spacing
        return max(along_row * (self.n_columns - 1), along_column * (self.element_rows - 1))

    @property
    def height_m(self) -> float:
        """Height of the BS in m, the model's own by default."""
        return self.bs_height_m if self.bs_height_m is not None else _GEOMETRY[self.model][0]

    @property
    def distance_range_m(self) -> tuple[float, float]:
        """Least and greatest horizontal distance of the UE in m, the model's own by default."""
        return self.distance_m if self.distance_m is not None else _GEOMETRY[self.model][1]

    @property
    def azimuth_range_deg(self) -> tuple[float, float]:
        """Least and greatest azimuth of the UE in degrees."""
        if self.azimuth_deg is not None:
            return self.azimuth_deg
        return (0.0, 0.0) if self.is_profile else (-60.0, 60.0)

    def validity_warnings(self) -> list[str]:
        """What TR 38.901 does not state the model for, and samples that are not independent."""
        alike = "spatial_consistency: the UEs of a block of 50 are alike, so that intervals are too narrow: they take "
        alike += "samples for independent"
        return [*tr38901_warnings(self), *([alike] if self.spatial_consistency else [])]

    def outline(self) -> DrawnChannels:
        """Grid and array of these parameters."""
        array = ArrayShape(
            n_polarizations=2 if self.polarization == "dual" else 1,
            n_rows=self.n_rows,
            n_columns=self.n_columns,
            n_rx=self.n_rx,
        )
        grid = OfdmGrid(self.n_subcarriers, self.bandwidth_hz, self.carrier_hz)
        return DrawnChannels(grid, array, self.validity_warnings())

    @model_validator(mode="after")
    def _check(self) -> Self:
        # Compared by value, so that a resolved scenario, in which defaults are spelt out, stays valid.
        fields = type(self).model_fields
        changed = {name for name in self.model_fields_set if getattr(self, name) != fields[name].default}
        if self.is_profile:
            unused = sorted((_NOT_IN_TDL if self.is_tdl else _NOT_IN_CDL) & changed)
            if unused:
                raise ValueError(f"{unused[0]}: model {self.model} has no geometry, expected the key to be left out")
        elif "delay_spread_s" in changed:
            raise ValueError(f"delay_spread_s: model {self.model} draws its own, expected the key to be left out")
        if self.model not in _TDL_NLOS and "port_correlation" in changed:
            raise ValueError(
                f"port_correlation: got model {self.model}, expected the key with {', '.join(_TDL_NLOS)} only"
            )
        if self.model == "InF-HH" and self.los == "nlos":
            raise ValueError("los: got 'nlos', expected 'los' or 'mixed': InF-HH always has line of sight")
        if self.model != "InH" and "office" in changed:
            raise ValueError(f"office: got model {self.model}, expected the key with InH only")
        self._check_antennas()
        if self.distance_m is not None and not 0 < self.distance_m[0] <= self.distance_m[1] <= 1e5:
            raise ValueError(f"distance_m: got {list(self.distance_m)}, expected 0 < least <= greatest <= 1e5")
        if self.azimuth_deg is not None and not -180 <= self.azimuth_deg[0] <= self.azimuth_deg[1] <= 180:
            raise ValueError(f"azimuth_deg: got {list(self.azimuth_deg)}, expected -180 <= least <= greatest <= 180")
        return self

    def _check_antennas(self) -> None:
        if self.element_rows > 64:
            raise ValueError(
                f"sub_array_rows: got {self.sub_array_rows} with {self.n_rows} rows of ports, expected at most 64 rows "
                "of elements"
            )
        if self.sub_array_zenith_deg != 90 and self.sub_array_rows == 1:
            raise ValueError("sub_array_zenith_deg: got ports of one element, expected sub_array_rows of at least 2")
        if self.rx_polarization == "dual" and self.n_rx % 2:
            raise ValueError(f"rx_polarization: got 'dual' with n_rx {self.n_rx}, expected an even n_rx")
        if self.indoor_floors is not None and not 1 <= self.indoor_floors[0] <= self.indoor_floors[1] <= 100:
            raise ValueError(f"indoor_floors: got {list(self.indoor_floors)}, expected 1 <= least <= greatest <= 100")
