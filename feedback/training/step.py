"""One step of training: forward pass, loss, gradients, and the move of the weights."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from feedback.errors import FeedbackInputError
from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.batch_statistics import KeptStatistics
from feedback.training.options import Loss, Pass, TrainingOptions
from feedback.training.recipe import TrainingRecipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class StepInputs:
    """What one step is about.

    Attributes:
        channels: ``[batch, Na, Nt]``, or sequences, ``[batch, T, Na, Nt]``, complex64, on the training's device.
        turns: by how much of a full turn each is rotated, ``[batch]``; ``None`` for not at all.
        rates: learning rates of the optimiser's groups.
        kept_statistics: what keeps its statistics of batch norm.
        spent: share of the budget.
        generator: of the noise, on the CPU.
    """

    channels: Tensor
    turns: Tensor | None
    rates: tuple[float, ...]
    kept_statistics: KeptStatistics
    spent: float
    generator: torch.Generator


class Step(Protocol):
    """Takes steps of training."""

    def take(self, inputs: StepInputs) -> Tensor:
        """Moves the weights by one step; gives its loss, a scalar, which the next step may overwrite."""
        ...


class EagerStep:
    """Steps whose kernels are launched one by one, on whatever devices and processes.

    Args:
        model: whose weights learn.
        module: the same, as Fabric runs it.
        optimiser: of its weights, as Fabric runs it.
        recipe: how it is trained.
        options: loss and disturbance.
        fabric: runs both.
    """

    def __init__(
        self,
        model: Autoencoder,
        module: Any,
        optimiser: Any,
        recipe: TrainingRecipe,
        options: TrainingOptions,
        fabric: "Fabric",
    ) -> None:
        self._model, self._module, self._optimiser = model, module, optimiser
        self._recipe, self._options, self._fabric = recipe, options, fabric

    def take(self, inputs: StepInputs) -> Tensor:
        """As ``Step.take``."""
        for group, rate in zip(self._optimiser.param_groups, inputs.rates, strict=True):
            group["lr"] = rate
        self._module.train()
        inputs.kept_statistics.leave_training(self._model)
        image = to_unit_interval(turned(inputs.channels, inputs.turns))
        passed = self._module(image, self._options.disturbance, inputs.generator)
        codeword, reconstruction, bits = passed
        loss = checked_loss(self._options.loss, Pass(image, codeword, reconstruction, inputs.spent, bits))
        self._optimiser.zero_grad()
        self._fabric.backward(loss)
        if self._recipe.clip_norm is not None:
            self._fabric.clip_gradients(self._module, self._optimiser, max_norm=self._recipe.clip_norm)
        self._optimiser.step()
        return loss.detach()


def checked_loss(loss: Loss, passed: Pass) -> Tensor:
    """The loss of a step, a scalar.

    Raises:
        FeedbackInputError: if there are not as many reconstructions as images, or nothing that learns moves the loss.
    """
    images, rebuilt = len(passed.image), len(passed.reconstruction)
    if rebuilt != images:
        raise FeedbackInputError(f"decoder: got {rebuilt} images of {images} codewords in training, expected {images}")
    found = loss(passed)
    if not found.requires_grad:
        raise FeedbackInputError("training: got a loss that no weight moves, expected images of weights that learn")
    return found


def turned(channels: Tensor, turns: Tensor | None) -> Tensor:
    """Channels ``[batch, ...]``, each rotated by a share of a full turn, ``[batch]``."""
    if turns is None:
        return channels
    phases = 2 * math.pi * turns.to(channels.device).view(-1, *[1] * (channels.dim() - 1))
    return channels * torch.polar(torch.ones_like(phases), phases)


def all_rates(groups: Sequence[dict[str, Any]], rate: float, encoder_ratio: float) -> tuple[float, ...]:
    """Learning rates of an optimiser's groups.

    Args:
        groups: each says its rate over the others' (``ratio``) and whether it is the encoder's (``encodes``).
        rate: of a ratio of 1.
        encoder_ratio: of the encoder's groups over the others, on top.
    """
    return tuple(rate * group["ratio"] * (encoder_ratio if group["encodes"] else 1.0) for group in groups)
