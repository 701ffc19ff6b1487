"""Parameters of top-k reporting."""

from typing import Literal

from feedback.own_bits_parameters import MatrixOrOwnBitsParameters, OwnBitsTraits


class CodedTopKTraits(OwnBitsTraits):
    """Traits of ``topk`` with bits of its own."""

    titles = ("top-k",)


class TopKParameters(MatrixOrOwnBitsParameters):
    """Parameters of ``topk``."""

    titles = ("top-k",)

    coded_traits = CodedTopKTraits

    name: Literal["topk"] = "topk"
