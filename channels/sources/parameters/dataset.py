"""Parameters of data sets."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from channels.source_parameters import SourceParameters


class Expectation(BaseModel):
    """What a data set must have been made with."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    source: str = Field(description="name of the channel source")
    parameters: dict[str, Any] = Field(
        default={}, description="parameters of that source, as in a scenario; the others must have their defaults"
    )
    seed: int | None = Field(default=None, ge=0, lt=2**63, description="seed, any if left out")
    content_hash: str | None = Field(default=None, description="hash of the content, any if left out")

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


class DatasetParameters(SourceParameters):
    """A data set of truncated angular-delay matrices, and what it must have been made with."""

    titles = ("data set",)

    source: Literal["dataset"] = "dataset"
    file: Path = Field(description="the data set, as `linksim dataset build` makes it")
    expect: Expectation | None = Field(default=None, description="refuse a data set that was made otherwise")
    normalise: bool = Field(default=True, description="scale each sample to mean power 1 in the response")
