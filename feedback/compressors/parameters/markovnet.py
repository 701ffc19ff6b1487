"""Parameters of MarkovNet."""

from typing import Literal

from pydantic import Field

from feedback.over_time_parameters import OverTimeParameters


class MarkovNetParameters(OverTimeParameters):
    """Parameters of ``markovnet``."""

    titles = ("MarkovNet",)
    own_scale = True
    results_version = 2

    name: Literal["markovnet"] = "markovnet"
    norm_bits: int = Field(default=8, ge=1, le=16, description="bits of the norm in reports that stand alone")
    ratio_bits: int = Field(
        default=6, ge=1, le=16, description="bits of the norm of what has changed, over that of what is known"
    )

    @property
    def n_following(self) -> int:
        """Networks of reports that build on others: one for each of a training sequence."""
        return self.training_reports - 1
