"""Weights that are set once a layer is made, so that it need not draw them: for large layers that takes longest."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import nn

_SET_LATER = ContextVar("weights that are set later", default=False)


@contextmanager
def weights_set_later() -> Iterator[None]:
    """Within it, large layers are made of NaN, so that nobody can forget to draw or load their weights afterwards."""
    token = _SET_LATER.set(True)
    try:
        yield
    finally:
        _SET_LATER.reset(token)


def are_weights_set_later() -> bool:
    """Whether weights that would be drawn now are set afterwards."""
    return _SET_LATER.get()


class Linear(nn.Linear):
    """A fully connected layer that draws weights only if they are not set later; until then they are NaN."""

    def reset_parameters(self) -> None:
        """PyTorch's draw."""
        if not are_weights_set_later():
            super().reset_parameters()
            return
        for parameter in self.parameters(recurse=False):
            nn.init.constant_(parameter, math.nan)
