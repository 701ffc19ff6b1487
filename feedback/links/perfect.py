"""A feedback link that loses nothing."""

from typing import Literal

from feedback.csi_report.codeword import Codeword
from feedback.link import LINKS, FeedbackLink, LinkParameters, NormalDraw


class PerfectParameters(LinkParameters):
    """Parameters of ``perfect``: none of its own."""

    name: Literal["perfect"] = "perfect"


@LINKS.register("perfect")
class Perfect(FeedbackLink):
    """Delivers every codeword as it was sent."""

    titles = ("perfect",)
    Parameters = PerfectParameters

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The codeword itself; draws nothing."""
        return codeword
