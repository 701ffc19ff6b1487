"""What a scenario says of a feedback link, and what is known of it before it is built; without PyTorch."""

from typing import Any, ClassVar, get_args

from feedback.plugin_section import PluginSection
from feedback.registry import Registry
from feedback.signals import Signal
from feedback.traits import Traits


class LinkTraits(Traits):
    """What is known of a feedback link before it is built.

    Attributes:
        carries: what a quantiser, or a compressor of its own bits, may send over it.
        loses_reports: whether a report may be erased.
        garbles_bits: whether bits of a report that is not erased may be wrong.
    """

    carries: ClassVar[frozenset[Signal]] = frozenset(get_args(Signal))
    loses_reports: ClassVar[bool] = False
    garbles_bits: ClassVar[bool] = False

    @classmethod
    def may_lose(cls, detects_errors: bool) -> bool:
        """Whether the BS may miss reports: erased ones, and wrong ones where it finds them by their bits."""
        return cls.loses_reports or (cls.garbles_bits and detects_errors)


LINKS: Registry[Any] = Registry("feedback.links", "link")


class LinkParameters(LinkTraits, PluginSection):
    """Parameters that every link has; each link extends it with its own ``name`` literal."""

    name: str

    def misfit(self, sends: Signal, reserves_bits: bool = False) -> str | None:
        """What these parameters lack for a sender of such values, ``None`` where they will do.

        Args:
            sends: what the quantiser sends, or a compressor that makes bits of its own.
            reserves_bits: whether it says how many bits to reserve for a bitstream.
        """
        return None
