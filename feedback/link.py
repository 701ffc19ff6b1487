"""The contract of every feedback link, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.link_parameters import LINKS, LinkParameters, LinkTraits

__all__ = ["LINKS", "FeedbackLink", "LinkParameters", "NormalDraw"]

# Standard normal draws ``[batch, *shape]``, float32, one random stream per sample.
NormalDraw = Callable[[tuple[int, ...]], Tensor]


class FeedbackLink(LinkTraits, ABC):
    """Carries codewords from the UE to the BS. What it returns is all that the BS ever sees."""

    Parameters: ClassVar[type[LinkParameters]]

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    @property
    def noise_to_signal(self) -> float:
        """Noise power over the codeword's power, linear, as the BS knows it; 0 where analogue values get no noise."""
        return 0.0

    def resource_elements(self, codeword: Codeword) -> int | None:
        """Resource elements that each of these reports takes, ``None`` where the link counts none."""
        return None

    def carried_as_data(self, codeword: Codeword) -> bool | None:
        """Whether data carry these reports and not control information; ``None`` where that is the same."""
        return None

    @abstractmethod
    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The codeword as received."""
