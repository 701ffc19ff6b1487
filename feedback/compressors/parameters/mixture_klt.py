"""Parameters of Gaussian-mixture transform coding."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from feedback.csi_dimensions import CsiDimensions
from feedback.own_bits_parameters import MODES, OwnBitsParameters
from feedback.transform_coding.covariance import Covariance


class MixtureKltParameters(OwnBitsParameters):
    """Parameters of ``mixture_klt``."""

    titles = ("mixture of KLTs",)
    learns = True
    own_scale = True
    sends = "bitstream"
    reserves_bits = True
    has_ratio = False

    example: ClassVar[dict[str, object]] = {"target_bits": 100, "components": 4}

    name: Literal["mixture_klt"] = "mixture_klt"
    components: int = Field(default=16, ge=1, le=256, description="components of the Gaussian mixture")
    covariance: Covariance = Field(
        default="diagonal",
        description="of a component: diagonal in the entries of the angular-delay matrix, separable into delays and "
        "ports, or full, which takes 8 (Na n_ports)^2 bytes a component",
    )

    @model_validator(mode="after")
    def _needs_a_mode(self) -> Self:
        if not self.makes_bits:
            raise ValueError(f"step: got none, expected one of {', '.join(MODES)}")
        return self

    def check(self, dimensions: CsiDimensions) -> bool:
        """Any will do; what a payload has to hold only the fit will tell."""
        return True
