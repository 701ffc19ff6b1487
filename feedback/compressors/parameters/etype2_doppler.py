"""Parameters of the enhanced Type II codebook for predicted PMI."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import EnhancedType2Keys
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.layout import PortLayout


class EnhancedType2DopplerParameters(EnhancedType2Keys):
    """Parameters of ``etype2_doppler``."""

    titles = ("enhanced Type II, Doppler",)
    results_version = 1
    takes = "estimate"

    name: Literal["etype2_doppler"] = "etype2_doppler"
    param_combination: int = Field(
        default=5, ge=1, le=9, description="paramCombination-Doppler-r18: beams, taps and coefficients"
    )
    n_intervals: Literal[1, 2, 4, 8] = Field(
        default=4, description="N4, instants with a precoder each, the first at the report"
    )
    interval_s: float | None = Field(
        default=None, gt=0, le=1, description="time from one to the next [s]; by default the scenario's report period"
    )
    occasions: int = Field(
        default=8, ge=1, le=64, description="CSI-RS occasions that the UE predicts from: this report's and those before"
    )
    order: int = Field(default=2, ge=1, le=8, description="of the UE's autoregressive model of each beam and delay")
    pooling: float = Field(
        default=0.1, ge=0, le=1e6, description="weight of the UE's mean model against that of a beam and delay alone"
    )

    @property
    def enhancer_problem(self) -> str | None:
        """What is true lies in the time to come, which training channels do not have."""
        return "etype2_doppler, expected it with a codebook of the present"

    def plan(self, layout: PortLayout, n_subbands: int, rank: int) -> EnhancedType2Plan:
        """Of the combination and the instants of the keys."""
        keys = (self.param_combination, self.n_pmi_subbands)
        return EnhancedType2Plan(layout, n_subbands, rank, *keys, predicted=True, n_intervals=self.n_intervals)
