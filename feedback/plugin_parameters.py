"""``self.parameters`` in users' files: their section of the scenario, beside PyTorch's method of that name.

Weights belong to the very file that learnt them, so files that read their section by this name have to go on working.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from feedback.compressor import Compressor
from feedback.errors import FeedbackInputError


class SectionOrParameters:
    """Gives a module's tensors when called, as ``nn.Module.parameters`` does; its attributes are the section's."""

    def __init__(self, owner: Compressor | None = None) -> None:
        self._owner = owner

    def __get__(self, owner: Compressor | None, owner_class: type) -> "SectionOrParameters":
        return SectionOrParameters(owner)

    def __call__(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """PyTorch's parameters."""
        assert self._owner is not None
        return nn.Module.parameters(self._owner, recurse)

    def __getattr__(self, name: str) -> Any:
        if self._owner is None:
            raise AttributeError(name)
        return getattr(self._owner.settings, name)


def adapt(plugin: type[Compressor], file: Path) -> None:
    """Lets a user's class read its section as ``self.parameters``.

    Raises:
        FeedbackInputError: if the class has a training run in place of PyTorch's ``train(mode)``.
    """
    type.__setattr__(plugin, "parameters", SectionOrParameters())
    if len(inspect.signature(plugin.train).parameters) > len(inspect.signature(nn.Module.train).parameters):
        line = plugin.train.__code__.co_firstlineno
        raise FeedbackInputError(
            f"plugin: {file}, line {line}: got a training run as train in {plugin.__name__}, expected it as "
            "train_networks: train(mode) is PyTorch's"
        )
