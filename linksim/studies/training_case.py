"""What somebody who was trained on some sources knows of the one that is tested, as all studies name it."""

from collections.abc import Sequence
from typing import Literal

TrainingCase = Literal["same", "unseen", "mixed", "mixed_without"]


def training_case(trained_on: Sequence[str], tested_on: str) -> TrainingCase:
    """What was trained on is one source, the ``same`` or another, ``unseen``, or a mixture with or without it.

    Args:
        trained_on: labels of one source or of several.
        tested_on: label of a source.
    """
    if len(trained_on) == 1:
        return "same" if trained_on[0] == tested_on else "unseen"
    return "mixed" if tested_on in trained_on else "mixed_without"
