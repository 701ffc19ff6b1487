"""The scenario's section ``monte_carlo``: how many test channels, and when they are enough."""

from typing import Self

from pydantic import Field, model_validator

from linksim.scenario.section import Section


class StopSection(Section):
    """When a point has enough test channels: once every compressor's interval of a metric is narrow."""

    metric: str = Field(default="nmse_db", description="metric whose interval counts; one of the scenario's")
    half_width: float = Field(gt=0, description="half the width that the 95 % interval must fall below [metric's unit]")
    minimum_samples: int = Field(
        default=200, ge=2, le=10**7, description="test channels before the first look at the interval"
    )
    minimum_rare_events: int = Field(
        default=20,
        ge=1,
        le=10**7,
        description="samples that share the spread of the values at least: none has more than one part in these",
    )


class MonteCarloSection(Section):
    """How many test channels, and how they are handed to workers."""

    samples: int = Field(default=1000, ge=1, le=10**7, description="test channels per point; with `stop`, at most")
    stop: StopSection | None = Field(default=None, description="stop a point early; by default all samples are taken")
    batch_size: int = Field(
        default=100, ge=1, le=10**6, description="test channels per task; changes no digit of any result"
    )

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.stop is not None and self.stop.minimum_samples > self.samples:
            raise ValueError(
                f"stop.minimum_samples is {self.stop.minimum_samples}, expected at most the {self.samples} of samples"
            )
        return self
