"""A feedback link that loses nothing."""

from feedback.csi_report.codeword import Codeword
from feedback.link import LINKS, FeedbackLink, NormalDraw
from feedback.links.parameters.perfect import PerfectParameters


@LINKS.register("perfect")
class Perfect(FeedbackLink):
    """Delivers every codeword as it was sent."""

    Parameters = PerfectParameters

    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The codeword itself; draws nothing."""
        return codeword
