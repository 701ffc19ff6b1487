"""What a scenario says of a codeword quantiser, and what is known of it before it is built; without PyTorch."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from feedback.registry import Registry
from feedback.signals import Signal
from feedback.traits import Traits


class QuantiserTraits(Traits):
    """What is known of a codeword quantiser before it is built.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        results_version: raised when the same input gets other digits.
        learns: whether ``fit`` does anything.
        sends: what the link gets to carry.
        detects_errors: whether the BS finds by the bits that a report is none.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    results_version: ClassVar[int] = 1
    learns: ClassVar[bool] = False
    sends: ClassVar[Signal] = "levels"
    detects_errors: ClassVar[bool] = False


QUANTISERS: Registry[Any] = Registry("feedback.quantisers", "quantiser")


class QuantiserParameters(QuantiserTraits, BaseModel):
    """Parameters that every quantiser has; each extends it with its own ``name`` literal."""

    # Built when a scenario names it, as one names few.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    name: str
