"""The contract of every feedback link, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, get_args

from class_registry import ClassRegistry
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from feedback.csi_report.codeword import Codeword, Signal

LINKS: ClassRegistry["FeedbackLink"] = ClassRegistry(unique=True)

# Standard normal draws ``[batch, *shape]``, float32, one random stream per sample.
NormalDraw = Callable[[tuple[int, ...]], Tensor]


class LinkParameters(BaseModel):
    """Parameters that every link has; each link extends it with its own ``name`` literal."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str

    def misfit(self, sends: Signal, reserves_bits: bool = False) -> str | None:
        """What these parameters lack for a sender of such values, ``None`` where they will do.

        Args:
            sends: what the quantiser sends, or a compressor that makes bits of its own.
            reserves_bits: whether it says how many bits to reserve for a bitstream.
        """
        return None


class FeedbackLink(ABC):
    """Carries codewords from the UE to the BS. What it returns is all that the BS ever sees.

    Attributes:
        carries: what a quantiser, or a compressor of its own bits, may send over it.
        loses_reports: whether a report may be erased.
        garbles_bits: whether bits of a report that is not erased may be wrong.
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        results_version: raised when the same input gets other digits.
    """

    carries: ClassVar[frozenset[Signal]] = frozenset(get_args(Signal))
    loses_reports: ClassVar[bool] = False
    garbles_bits: ClassVar[bool] = False
    titles: ClassVar[tuple[str, ...]] = ()
    Parameters: ClassVar[type[LinkParameters]]
    results_version: ClassVar[int] = 1

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters

    @classmethod
    def may_lose(cls, detects_errors: bool) -> bool:
        """Whether the BS may miss reports: erased ones, and wrong ones where it finds them by their bits."""
        return cls.loses_reports or (cls.garbles_bits and detects_errors)

    @property
    def noise_to_signal(self) -> float:
        """Noise power over the codeword's power, linear, as the BS knows it; 0 where analogue values get no noise."""
        return 0.0

    def resource_elements(self, codeword: Codeword) -> int | None:
        """Resource elements that each of these reports takes, ``None`` where the link counts none."""
        return None

    @abstractmethod
    def transmit(self, codeword: Codeword, draw: NormalDraw) -> Codeword:
        """The codeword as received."""
