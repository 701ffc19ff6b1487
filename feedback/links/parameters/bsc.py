"""Parameters of the binary symmetric channel."""

from typing import Literal

from pydantic import Field

from feedback.link_parameters import LinkParameters


class BscParameters(LinkParameters):
    """Parameters of ``bsc``."""

    carries = frozenset({"levels", "bitstream"})
    garbles_bits = True
    titles = ("BSC",)

    name: Literal["bsc"] = "bsc"
    flip_rate: float = Field(ge=0, le=0.5, description="probability that a bit is received wrong")
