"""What became of the reports of one batch on their way: seen from outside, as neither UE nor BS can."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.link import FeedbackLink


@dataclass(frozen=True)
class Delivery:
    """Fate and cost of reports on the feedback link.

    Attributes:
        erased: which reports the BS knows to be lost, ``[batch]``, bool; ``None`` where the link loses none.
        wrong: which others arrived different from what was sent, ``[batch]``, bool; ``None`` likewise.
        resource_elements: resource elements of each report, ``None`` where the link counts none.
        scale_saturated: which reports have a scale outside the range that can be sent, ``[batch]``, bool; ``None``
            where there is no range.
        carried_as_data: whether data carried them and not control information, ``None`` where a link has no such
            difference.
    """

    erased: Tensor | None = None
    wrong: Tensor | None = None
    resource_elements: int | None = None
    scale_saturated: Tensor | None = None
    carried_as_data: bool | None = None

    def only(self, kept: Tensor) -> "Delivery":
        """Some of the reports, ``kept`` ``[batch]``, bool."""
        parts: dict[str, Any] = {name: value[kept] for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **parts)

    @property
    def lost(self) -> Tensor | None:
        """Which reports did not arrive as they were sent, ``[batch]``, bool; ``None`` where the link loses none."""
        return None if self.erased is None or self.wrong is None else self.erased | self.wrong


# A link that loses and counts nothing.
PLAIN = Delivery()


def delivery(link: FeedbackLink, sent: Codeword, received: Codeword, lost: Tensor | None) -> Delivery:
    """Compares what was sent with what arrived.

    Args:
        link: what carried it.
        sent: reports as the UE handed them over.
        received: reports as the link delivered them.
        lost: which of them the BS takes for lost once it has looked into them, ``[batch]``, bool; ``None`` where none
            can be.
    """
    spent, as_data = link.resource_elements(sent), link.carried_as_data(sent)
    if lost is None:
        return Delivery(resource_elements=spent, carried_as_data=as_data)
    # Of a bitstream, only zeros lie behind the shorter width, unless the report is erased.
    width = min(sent.values.shape[1], received.values.shape[1])
    wrong = (sent.values[:, :width] != received.values[:, :width]).any(dim=1)
    for name, side in sent.side.items():
        wrong = wrong | (side != received.side[name]).view(len(wrong), -1).any(dim=1)
    return Delivery(lost, wrong & ~lost, spent, carried_as_data=as_data)
