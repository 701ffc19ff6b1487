"""Parameters of the enhanced Type II codebook."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import EnhancedType2Keys
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.layout import PortLayout


class EnhancedType2Parameters(EnhancedType2Keys):
    """Parameters of ``etype2``."""

    titles = ("enhanced Type II",)

    name: Literal["etype2"] = "etype2"
    param_combination: int = Field(
        default=4, ge=1, le=8, description="paramCombination-r16: beams, taps and coefficients; 7 and 8 with 32 ports"
    )

    def plan(self, layout: PortLayout, n_subbands: int, rank: int) -> EnhancedType2Plan:
        """Of the combination of the keys."""
        return EnhancedType2Plan(layout, n_subbands, rank, self.param_combination, self.n_pmi_subbands)
