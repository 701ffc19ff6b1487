"""Digital feedback over a binary symmetric channel."""

from dataclasses import replace
from typing import ClassVar, Literal

import torch
from pydantic import Field

from feedback.csi_report.codeword import Codeword, Signal
from feedback.errors import FeedbackInputError
from feedback.link import LINKS, FeedbackLink, LinkParameters, NormalDraw


class BscParameters(LinkParameters):
    """Parameters of ``bsc``."""

    name: Literal["bsc"] = "bsc"
    flip_rate: float = Field(ge=0, le=0.5, description="probability that a bit of a level number is received wrong")


@LINKS.register("bsc")
class Bsc(FeedbackLink):
    r"""Flips each bit of the level numbers by itself; side information is protected and arrives as it was sent.

    Level numbers travel in natural binary. A bit flips where a standard normal draw ``z`` has
    :math:`\Phi(z) < p`, so what flips at a low rate also flips at every higher one.
    """

    carries: ClassVar[frozenset[Signal]] = frozenset({"levels"})
    titles = ("BSC",)
    Parameters = BscParameters
    parameters: BscParameters

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The codeword with bit errors in its level numbers.

        Raises:
            FeedbackInputError: if the values are analogue, or a bitstream of variable length.
        """
        if codeword.level_bits is None:
            found = "analogue values" if codeword.value_bits is None else "a bitstream of variable length"
            raise FeedbackInputError(f"link bsc: got {found}, expected level numbers of a quantiser with a fixed width")
        bits, values = codeword.level_bits, codeword.values
        threshold = float(torch.special.ndtri(torch.tensor(self.parameters.flip_rate, dtype=torch.float64)))
        flips = draw((values.shape[1], bits)) < threshold
        mask = (flips * 2 ** torch.arange(bits, device=values.device)).sum(dim=-1)
        return replace(codeword, values=(values.to(torch.int64) ^ mask).to(values.dtype))
