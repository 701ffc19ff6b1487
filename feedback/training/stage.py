"""Parts of a training budget."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A part of the budget with a schedule of its own.

    Attributes:
        until: share of the budget at which it ends.
        rate_ratio: its learning rate over the recipe's.
        encoder_rate_ratio: the encoder's learning rate over the decoder's, on top of the recipe's ratio.
    """

    until: float = 1.0
    rate_ratio: float = 1.0
    encoder_rate_ratio: float = 1.0


def stage_at(stages: Sequence[Stage], spent: float) -> tuple[float, Stage]:
    """Share of the budget at which the present stage began, and that stage; beyond the last the plain one."""
    begin = 0.0
    for stage in stages:
        if spent <= stage.until:
            return begin, stage
        begin = stage.until
    return 0.0, Stage()
