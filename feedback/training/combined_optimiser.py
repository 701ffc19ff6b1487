"""Several optimisers behind the interface of one, each for parameters of its own."""

from collections.abc import Callable, Sequence
from typing import Any

import torch


class CombinedOptimiser(torch.optim.Optimizer):
    """Steps all of its parts; its groups are theirs, so that a schedule sees one list.

    Args:
        parts: optimisers of disjoint parameters, at least one.
    """

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = tuple(parts)
        super().__init__(
            [parameter for part in parts for group in part.param_groups for parameter in group["params"]], {}
        )
        self._share_groups()

    def _share_groups(self) -> None:
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of every part; closures are not supported and must be ``None``."""
        assert closure is None
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """The parts' states, in order."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up what ``state_dict`` gave."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()
