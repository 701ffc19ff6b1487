"""What a scenario says of a denoiser of codewords, and what is known of it before it is built; without PyTorch."""

from typing import Any, ClassVar, get_args

from feedback.plugin_section import PluginSection
from feedback.registry import Registry
from feedback.signals import Signal
from feedback.traits import Traits


class DenoiserTraits(Traits):
    """What is known of a denoiser of received codewords before it is built.

    Attributes:
        learns: whether ``fit`` does anything.
        learns_jointly: whether it learns on, together with a compressor.
        accepts: what a quantiser may have sent.
    """

    learns: ClassVar[bool] = False
    learns_jointly: ClassVar[bool] = False
    accepts: ClassVar[frozenset[Signal]] = frozenset(get_args(Signal))


DENOISERS: Registry[Any] = Registry("feedback.denoisers", "denoiser")


class DenoiserParameters(DenoiserTraits, PluginSection):
    """Parameters that every denoiser has; each extends it with its own ``name`` literal."""

    name: str
