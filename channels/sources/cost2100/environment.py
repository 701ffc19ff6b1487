"""What a COST 2100 environment is made of, read from YAML.

The bundled files hold IndoorHall and SemiUrban; a file of the same layout describes any other environment.
"""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from channels.errors import ChannelInputError
from channels.formats.yaml_text import YamlTextError, read_yaml
from channels.sources.parameters.cost2100 import BUNDLED

if TYPE_CHECKING:
    from torch import Tensor

# Order of the Gaussians that shadowing and the spreads of a cluster come from.
CORRELATED = ("shadowing", "delay", "bs_elevation", "bs_azimuth", "ms_elevation", "ms_azimuth")


class Section(BaseModel):
    """Part of an environment."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Fixed(Section):
    """The same value in every environment."""

    distribution: Literal["fixed"]
    value: float = Field(gt=0, le=100, description="mean number of clusters seen")


class Poisson(Section):
    """A Poisson number per environment, at least 1."""

    distribution: Literal["poisson"]
    mean: float = Field(gt=0, le=100, description="mean before the lower limit of 1")


class Uniform(Section):
    """Uniform coordinate."""

    distribution: Literal["uniform"]
    low: float = Field(ge=-1e5, le=1e5, description="least value, m")
    high: float = Field(ge=-1e5, le=1e5, description="greatest value, m")

    @model_validator(mode="after")
    def _check(self) -> "Uniform":
        if self.high < self.low:
            raise ValueError(f"high: got {self.high}, expected at least low ({self.low})")
        return self


class Triangular(Section):
    """Coordinate of triangular density."""

    distribution: Literal["triangular"]
    low: float = Field(ge=-1e5, le=1e5, description="least value, m")
    mode: float = Field(ge=-1e5, le=1e5, description="most likely value, m")
    high: float = Field(ge=-1e5, le=1e5, description="greatest value, m")

    @model_validator(mode="after")
    def _check(self) -> "Triangular":
        if not self.low <= self.mode <= self.high or self.low == self.high:
            raise ValueError(f"mode: got {self.mode}, expected low <= mode <= high and low < high")
        return self


Coordinate = Annotated[Uniform | Triangular, Field(discriminator="distribution")]


class Placement(Section):
    """Where BS and MS are."""

    bs_m: tuple[float, float] = Field(description="position of the BS, m")
    ms_x_m: Coordinate = Field(description="x of the MS")
    ms_y_m: Coordinate = Field(description="y of the MS")


class Normal(Section):
    """Normal distribution."""

    mean: float = Field(ge=-360, le=360, description="mean")
    std: float = Field(ge=0, le=360, description="standard deviation")


class Spread(Section):
    """``median 10^(0.1 std_db g)`` with a standard Gaussian g."""

    median: float = Field(ge=0, le=180, description="median, in the unit of the key")
    std_db: float = Field(ge=0, le=20, description="standard deviation of 10 log10, dB")


class LinkDelay(Section):
    """Exponential delay between the two halves of a twin cluster, given that it exceeds a minimum."""

    mean: float = Field(gt=0, le=1e-3, description="mean of the exponential, s")
    minimum: float = Field(ge=0, le=1e-3, description="least delay, s")


class VisibilityRegions(Section):
    """Discs on the ground in which a cluster is seen."""

    radius_m: float = Field(gt=0, le=1e4, description="radius of a region, m")
    transition_m: float = Field(gt=0, le=1e4, description="width of its transition zone, m")
    clusters: Annotated[Fixed | Poisson, Field(discriminator="distribution")] = Field(
        description="mean number of clusters seen at a place"
    )
    mean_group_size: float = Field(ge=1, le=100, description="regions per cluster; 1: one each, else 1 + Poisson")

    @model_validator(mode="after")
    def _check(self) -> "VisibilityRegions":
        if self.transition_m >= self.radius_m:
            raise ValueError(f"transition_m: got {self.transition_m}, expected less than radius_m ({self.radius_m})")
        return self


class FarClusters(Section):
    """Clusters that are seen through visibility regions."""

    max_bs_distance_m: float = Field(gt=0, le=1e5, description="distance to the BS is uniform up to this, m")
    azimuth_offset_deg: Normal = Field(description="azimuth relative to the reference region's, degrees")
    single_bounce_share: float = Field(ge=0, le=1, description="share of single-bounce clusters, the others are twins")
    link_delay_s: LinkDelay = Field(description="delay inside a twin cluster")
    decay_per_us: float = Field(ge=0, le=1000, description="power decay with excess delay, 1/us (natural)")
    cutoff_delay_s: float | None = Field(gt=0, le=1e-3, description="delay beyond which power decays no more, s")


class Spreads(Section):
    """Shadowing and spreads of a cluster: six correlated Gaussians."""

    shadowing_db: float = Field(ge=0, le=20, description="standard deviation of the shadowing, dB")
    delay_s: Spread = Field(description="delay spread, s")
    bs_elevation_deg: Spread = Field(description="elevation spread at the BS, degrees")
    bs_azimuth_deg: Spread = Field(description="azimuth spread at the BS, degrees")
    ms_elevation_deg: Spread = Field(description="elevation spread at the MS, degrees")
    ms_azimuth_deg: Spread = Field(description="azimuth spread at the MS, degrees")
    correlation: Literal["identity"] | list[list[float]] = Field(
        description="correlation matrix in the order of the keys above"
    )

    @model_validator(mode="after")
    def _check(self) -> "Spreads":
        n = len(CORRELATED)
        if self.correlation == "identity":
            return self
        if [len(row) for row in self.correlation] != [n] * n:
            raise ValueError(f"correlation: got rows of {[len(row) for row in self.correlation]}, expected {n} of {n}")
        import numpy as np

        matrix = np.array(self.correlation, np.float64)
        if not np.array_equal(matrix, matrix.T) or not (matrix.diagonal() == 1).all():
            raise ValueError("correlation: got an asymmetric matrix or a diagonal other than 1, expected neither")
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            problem = "correlation: got a matrix that is not positive definite, expected one that is"
            raise ValueError(problem) from None
        return self

    def gaussian_factor(self) -> "Tensor":
        """Upper triangular U with ``U^T U`` = correlation, so that a row of white Gaussians times U has it, [6, 6]."""
        import torch

        if isinstance(self.correlation, str):
            return torch.eye(len(CORRELATED))
        return torch.linalg.cholesky(torch.tensor(self.correlation, dtype=torch.float64)).T.to(torch.float32)


class LineOfSight(Section):
    """The direct path and where it exists."""

    k_factor_db: Normal = Field(description="power of the direct path over that of all others, dB")
    cutoff_distance_m: float = Field(gt=0, le=1e5, description="greatest distance with a direct path, m")
    region_radius_m: float = Field(gt=0, le=1e5, description="radius of its visibility region, m")
    region_offset_m: float = Field(ge=0, le=1e5, description="offset of that region from the BS, per axis up to, m")


class Environment(Section):
    """One COST 2100 environment."""

    carrier_hz: float = Field(ge=1e7, le=1e11, description="carrier frequency, Hz")
    bandwidth_hz: float = Field(gt=0, le=1e10, description="bandwidth, Hz")
    cell_radius_m: float = Field(gt=0, le=1e5, description="radius of the cell, m")
    visibility_regions: VisibilityRegions
    far_clusters: FarClusters
    rays_per_cluster: int = Field(ge=1, le=1000, description="rays of a cluster")
    local_clusters: list[Literal["bs", "ms"]] = Field(min_length=1, description="who has a local cluster")
    spreads: Spreads
    line_of_sight: LineOfSight | None = Field(description="the direct path, null where there is none")
    placements: dict[str, Placement] = Field(min_length=1, description="named placements of BS and MS")


def load_environment(name: str) -> Environment:
    """Bundled environment, or one from a file.

    Args:
        name: one of ``BUNDLED``, or a path to a YAML file.

    Raises:
        ChannelInputError: if the file cannot be read or does not describe an environment.
    """
    source = files("channels.sources.cost2100") / "environments" / f"{name}.yaml" if name in BUNDLED else Path(name)
    try:
        return _environment(source.read_text(encoding="utf-8"))
    except OSError as error:
        expected = f"expected a readable YAML file or one of {', '.join(BUNDLED)}"
        raise ChannelInputError(f"environment: got {name!r} ({error.strerror or error}), {expected}") from None
    except (YamlTextError, UnicodeDecodeError) as error:
        raise ChannelInputError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise ChannelInputError(f"{name}: {_first_problem(error)}") from None


@lru_cache(maxsize=16)
def _environment(text: str) -> Environment:
    return Environment.model_validate(read_yaml(text))


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "value_error":
        return f"{key}.{first['msg'].removeprefix('Value error, ')}"
    if first["type"] == "missing":
        return f"{key}: missing, expected a value"
    found = repr(first["input"])
    expected = first["msg"].removeprefix("Input should be ")
    return f"{key}: got {found if len(found) <= 60 else found[:57] + '...'}, expected {expected}"
