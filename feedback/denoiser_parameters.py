"""What a scenario says of a denoiser of codewords, and what is known of it before it is built; without PyTorch."""

from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict

from feedback.registry import Registry
from feedback.signals import Signal
from feedback.traits import Traits


class DenoiserTraits(Traits):
    """What is known of a denoiser of received codewords before it is built.

    Attributes:
        titles: names in figures and reports, one for each name in the registry; by default that itself.
        results_version: raised when the same input gets other digits.
        learns: whether ``fit`` does anything.
        learns_jointly: whether it learns on, together with a compressor.
        accepts: what a quantiser may have sent.
    """

    titles: ClassVar[tuple[str, ...]] = ()
    results_version: ClassVar[int] = 1
    learns: ClassVar[bool] = False
    learns_jointly: ClassVar[bool] = False
    accepts: ClassVar[frozenset[Signal]] = frozenset(get_args(Signal))


DENOISERS: Registry[Any] = Registry("feedback.denoisers", "denoiser")


class DenoiserParameters(DenoiserTraits, BaseModel):
    """Parameters that every denoiser has; each extends it with its own ``name`` literal."""

    # Built when a scenario names it, as one names few.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    name: str
