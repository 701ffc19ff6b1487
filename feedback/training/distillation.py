r"""Distillation: a small student learns from a trained teacher of the same codeword length.

Vanilla knowledge distillation (KD) adds the distance of the student's reconstruction from the teacher's. Codeword mimic
(Lu, Zhang, Zhao, Wang, Song) has two stages: mimic, in which the student's codeword follows the teacher's,

.. math:: L = a(t) \, \mathrm{MSE}(v_T, v_S) + (1 - a(t)) \, \mathrm{MSE}(H, \hat H),

and explore, in which the plain error is minimised and the encoder moves less than the decoder.
"""

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from feedback.training.stage import Stage


class Distillation(BaseModel):
    """How a student learns from a teacher."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    method: Literal["kd", "mimic"] = Field(description="reconstructions of the teacher, or its codewords")
    teacher: dict[str, Any] = Field(
        description="the teacher's section, as in `compressors`; its weights come from the zoo, at the student's ratio"
    )
    kd_weight: float = Field(default=1.0, gt=0, description="weight of the distance from the teacher's reconstruction")
    mimic_weight: float = Field(default=1e-4, gt=0, lt=1, description="a(0), weight of the distance of codewords")
    mimic_schedule: Literal["const", "linear", "cosine"] = Field(
        default="cosine", description="how that weight falls to 0 over the mimic stage; const keeps it"
    )
    mimic_share: float = Field(default=0.2, gt=0, le=1, description="share of the budget in the mimic stage")
    explore_rate_ratio: float = Field(
        default=2.0, gt=0, description="learning rate in the explore stage over the recipe's"
    )
    explore_encoder_ratio: float = Field(
        default=0.05, ge=0, le=1, description="learning rate of the encoder over the decoder's in the explore stage"
    )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Parts of the budget, each with a schedule of its own."""
        if self.method == "kd" or self.mimic_share == 1:
            return (Stage(),)
        return Stage(until=self.mimic_share), Stage(1.0, self.explore_rate_ratio, self.explore_encoder_ratio)

    def weight(self, spent: float) -> float:
        r"""Weight :math:`a` of the distance of codewords; 0 in the explore stage.

        .. math:: a(t) = a_0, \quad a_0 (1 - t / T), \quad \tfrac{a_0}{2} (1 + \cos(\pi t / T))

        Args:
            spent: share of the whole budget, 0 to 1.
        """
        t = spent / self.mimic_share
        if t > 1:
            return 0.0
        fall = {"const": 1.0, "linear": 1 - t, "cosine": (1 + math.cos(math.pi * t)) / 2}[self.mimic_schedule]
        return self.mimic_weight * fall
