"""What a scenario says of a codeword quantiser, and what is known of it before it is built; without PyTorch."""

from typing import Any, ClassVar

from feedback.plugin_section import PluginSection
from feedback.registry import Registry
from feedback.signals import Signal
from feedback.traits import Traits


class QuantiserTraits(Traits):
    """What is known of a codeword quantiser before it is built.

    Attributes:
        learns: whether ``fit`` does anything.
        sends: what the link gets to carry.
        detects_errors: whether the BS finds by the bits that a report is none.
    """

    learns: ClassVar[bool] = False
    sends: ClassVar[Signal] = "levels"
    detects_errors: ClassVar[bool] = False


QUANTISERS: Registry[Any] = Registry("feedback.quantisers", "quantiser")


class QuantiserParameters(QuantiserTraits, PluginSection):
    """Parameters that every quantiser has; each extends it with its own ``name`` literal."""

    name: str
