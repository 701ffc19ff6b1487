"""Parameters of the enhanced Type II port selection codebook."""

from typing import Literal

from pydantic import Field

from feedback.codebook_parameters import EnhancedType2Keys


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
