"""Parameters of the COST 2100 source."""

from typing import Literal, Self

from pydantic import Field, model_validator

from channels.source_parameters import SourceOutline, SourceParameters

BUNDLED = ("indoor", "outdoor_los", "outdoor_nlos")


class Cost2100Parameters(SourceParameters):
    """COST 2100 channels of the two scenarios of the CsiNet literature, or of an environment of your own.

    The defaults give regenerated COST 2100, not the original files: those are not to be had. See ``Cost2100Source``.
    """

    titles = ("COST 2100",)
    results_version = 4

    source: Literal["cost2100"] = "cost2100"
    environment: str = Field(
        default="indoor", min_length=1, description="indoor, outdoor, or the path of an environment's YAML file"
    )
    line_of_sight: Literal["los", "nlos"] | None = Field(
        default=None, description="outdoor: SemiUrban with or without line of sight, los by default"
    )
    placement: str = Field(
        default="csinet",
        min_length=1,
        description="csinet: fitted to the published CsiNet weights; paper: BS at the centre of a uniform square",
    )
    carrier_hz: float | None = Field(
        default=None, ge=1e7, le=1e11, description="carrier frequency, Hz; by default the environment's"
    )
    bandwidth_hz: float | None = Field(
        default=None, gt=0, le=1e10, description="bandwidth, Hz; by default the environment's"
    )
    n_subcarriers: int = Field(default=1024, ge=2, le=65536, description="subcarriers in the band")
    n_columns: int = Field(default=32, ge=1, le=1024, description="ports of the half-wavelength ULA of the BS")
    speed_m_s: float = Field(default=0.0, ge=0, le=150, description="speed of the MS, m/s, in a random direction")
    delay_alignment: Literal["first_path", "none"] = Field(
        default="none", description="delay 0: first ray within 25 dB of the strongest, or leaving the BS"
    )
    normalise: bool = Field(default=True, description="scale each link to mean power 1 at its first snapshot")
    beam_squint: bool = Field(default=False, description="phases of the array grow with frequency over the band")

    @classmethod
    def names_file(cls, key: str, value: object) -> bool:
        """Whether a value of a key names a file: an environment that is not bundled."""
        return key == "environment" and value not in ("indoor", "outdoor", *BUNDLED)

    @property
    def environment_name(self) -> str:
        """Bundled environment or file that the parameters select."""
        if self.environment != "outdoor":
            return self.environment
        return f"outdoor_{self.line_of_sight or 'los'}"

    def outline(self) -> SourceOutline:
        """Grid and array, by default the environment's."""
        from channels.sources.cost2100.outline import Cost2100Outline

        return Cost2100Outline(self)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.line_of_sight is not None and self.environment != "outdoor":
            raise ValueError(f"line_of_sight: got environment {self.environment}, expected the key with outdoor only")
        return self
