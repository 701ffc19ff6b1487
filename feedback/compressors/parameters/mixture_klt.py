"""Parameters of Gaussian-mixture transform coding."""

from typing import ClassVar, Literal

from pydantic import Field

from feedback.csi_dimensions import CsiDimensions
from feedback.own_bits_parameters import OwnBitsOnlyParameters, TransformCodeParameters
from feedback.transform_coding.covariance import Covariance


class MixtureKltParameters(OwnBitsOnlyParameters, TransformCodeParameters):
    """Parameters of ``mixture_klt``."""

    titles = ("mixture of KLTs",)

    example: ClassVar[dict[str, object]] = {"target_bits": 100, "components": 4}

    name: Literal["mixture_klt"] = "mixture_klt"
    components: int = Field(default=16, ge=1, le=256, description="components of the Gaussian mixture")
    covariance: Covariance = Field(
        default="diagonal",
        description="of a component: diagonal in the entries of the angular-delay matrix, separable into delays and "
        "ports, or full, which takes 8 (Na n_ports)^2 bytes a component",
    )

    def check(self, dimensions: CsiDimensions) -> bool:
        """Any will do; numbers of bits are such as a report may have."""
        self.check_code(dimensions)
        return True
