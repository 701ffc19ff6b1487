"""Parameters of the KLT."""

from typing import Literal

from pydantic import Field

from feedback.own_bits_parameters import MatrixOrOwnBitsParameters, OwnBitsTraits


class CodedKltTraits(OwnBitsTraits):
    """Traits of ``klt`` with bits of its own."""

    titles = ("KLT",)
    results_version = 1


class KltParameters(MatrixOrOwnBitsParameters):
    """Parameters of ``klt``."""

    titles = ("KLT",)
    results_version = 2
    learns = True

    coded_traits = CodedKltTraits

    name: Literal["klt"] = "klt"
    separable: bool = Field(
        default=False,
        description="axes are products of one over the delays and one over the ports: found at once, not the optimum",
    )
