"""Parameters of the enhanced Type II port selection codebook."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import EnhancedType2Keys
from feedback.codebooks.enhanced_type2_plan import EnhancedType2Plan
from feedback.codebooks.layout import PortLayout


class EnhancedType2PortSelectionParameters(EnhancedType2Keys):
    """Parameters of ``etype2_port_selection``."""

    titles = ("enhanced Type II, port selection",)
    results_version = 1

    name: Literal["etype2_port_selection"] = "etype2_port_selection"
    param_combination: int = Field(
        default=4, ge=1, le=6, description="paramCombination-r16: ports, taps and coefficients"
    )
    port_step: int = Field(
        default=1, ge=1, le=4, description="portSelectionSamplingSize d, at which ports the chosen ones may begin"
    )
    csi_rs: Literal["beams", "antennas"] = Field(
        default="beams",
        description="what CSI-RS ports are: orthogonal DFT beams of the BS, the same for all UEs, or the array's ports",
    )

    def plan(self, layout: PortLayout, n_subbands: int, rank: int) -> EnhancedType2Plan:
        """Of ports in the place of beams."""
        return EnhancedType2Plan(layout, n_subbands, rank, self.param_combination, self.n_pmi_subbands, self.port_step)
