"""Training of an encoder and a decoder together: Adam, linear warm-up, cosine decay, best epoch on validation."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.training_set import TrainingSet
from feedback.unit_interval import to_unit_interval

# Called after every epoch with its number from 1, mean training loss, and validation NMSE in dB.
EpochCallback = Callable[[int, float, float], None]

EVALUATION_BATCH = 500


class TrainingRecipe(BaseModel):
    """How a network is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(default=100, ge=0, description="passes over the training channels")
    batch_size: int = Field(default=200, ge=2, description="channels per step")
    learning_rate: float = Field(default=2e-3, gt=0, le=1, description="Adam's step size after warm-up")
    final_learning_rate: float = Field(default=5e-5, ge=0, le=1, description="Adam's step size at the end")
    fc_rate_ratio: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="step size of fully connected layers over that of the others; small for a start from the KLT, 1 "
        "for drawn weights, as in the papers",
    )
    warmup_epochs: float = Field(default=3.0, ge=0, description="epochs of linear rise of the step size from 0")
    random_phase: bool = Field(
        default=True,
        description="turn each channel by a random common phase at every pass: carrier phase is uniform, so it stays a "
        "channel of the same model",
    )
    clip_norm: float | None = Field(default=None, gt=0, description="largest gradient norm; by default not clipped")

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"final_learning_rate is {self.final_learning_rate:g}, expected at most learning_rate "
                f"({self.learning_rate:g})"
            )
        return self


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training run came to.

    Attributes:
        start_nmse_db: validation NMSE before the first step, dB.
        validation_nmse_db: validation NMSE of the weights that were kept, dB.
        best_epoch: epoch they are from, 0 for the start.
        samples_seen: training channels times epochs.
    """

    start_nmse_db: float
    validation_nmse_db: float
    best_epoch: int
    samples_seen: int


def ignore_epoch(epoch: int, train_loss: float, validation_nmse_db: float) -> None:
    """A callback that does nothing."""


def train(
    encoder: nn.Module,
    decoder: nn.Module,
    training: TrainingSet,
    recipe: TrainingRecipe,
    generator: torch.Generator,
    on_epoch: EpochCallback = ignore_epoch,
) -> TrainingOutcome:
    """Minimises the mean-square error of reconstructed images, and keeps the epoch of least validation NMSE.

    The weights of the start count as epoch 0. The same generator state gives the same weights.

    Args:
        encoder: images ``[batch, 2, Na, Nt]`` to codewords ``[batch, M]``.
        decoder: codewords to images; both are trained in place and left in eval mode.
        training: channels to learn from and to select on, on the networks' device.
        recipe: step sizes and their number.
        generator: draws the order of the channels, and their phases; on the CPU.
        on_epoch: told about every epoch.

    Raises:
        FeedbackInputError: if a split is empty or not finite, or the loss becomes NaN or infinite.
    """
    _check(training)
    channels = training.train
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(_groups(recipe, encoder, decoder), fused=True)
    n_batches = max(len(channels) // recipe.batch_size, 1)
    steps = recipe.epochs * n_batches
    warmup_steps = recipe.warmup_epochs * n_batches
    best_nmse = start_nmse = validation_nmse(encoder, decoder, training.validation)
    if not math.isfinite(start_nmse):
        raise FeedbackInputError(f"training: got validation NMSE {start_nmse} at the start, expected a finite number")
    best_epoch, best = 0, _snapshot(encoder, decoder)
    try:
        for epoch in range(1, recipe.epochs + 1):
            encoder.train()
            decoder.train()
            loss_sum = torch.zeros((), dtype=torch.float64, device=channels.device)
            order = torch.randperm(len(channels), generator=generator).to(channels.device)
            for index, rows in enumerate(order.split(recipe.batch_size)[:n_batches]):
                step = (epoch - 1) * n_batches + index
                for group in optimiser.param_groups:
                    group["lr"] = group["ratio"] * learning_rate(recipe, step, steps, warmup_steps)
                batch = to_unit_interval(_turned(channels[rows], generator) if recipe.random_phase else channels[rows])
                loss = nn.functional.mse_loss(decoder(encoder(batch)), batch)
                optimiser.zero_grad()
                loss.backward()
                if recipe.clip_norm is not None:
                    nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
                optimiser.step()
                loss_sum += loss.detach()
            encoder.eval()
            decoder.eval()
            train_loss = float(loss_sum) / n_batches
            nmse = validation_nmse(encoder, decoder, training.validation)
            if not (math.isfinite(train_loss) and math.isfinite(nmse)):
                raise FeedbackInputError(
                    f"training: got loss {train_loss} and validation NMSE {nmse} in epoch {epoch}, expected finite "
                    f"numbers; a learning_rate below {recipe.learning_rate:g} or a clip_norm may help"
                )
            if nmse < best_nmse:
                best_nmse, best_epoch, best = nmse, epoch, _snapshot(encoder, decoder)
            on_epoch(epoch, train_loss, _decibel(nmse))
    finally:
        encoder.eval()
        decoder.eval()
    for tensor, kept in zip(_tensors(encoder, decoder), best, strict=True):
        tensor.copy_(kept)
    return TrainingOutcome(
        start_nmse_db=_decibel(start_nmse),
        validation_nmse_db=_decibel(best_nmse),
        best_epoch=best_epoch,
        samples_seen=recipe.epochs * n_batches * min(recipe.batch_size, len(channels)),
    )


def learning_rate(recipe: TrainingRecipe, step: int, steps: int, warmup_steps: float) -> float:
    r"""Step size of a step: linear rise over the warm-up, then half a cosine period down to the final one."""
    if step < warmup_steps:
        return recipe.learning_rate * (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / max(steps - 1 - warmup_steps, 1)
    fall = recipe.learning_rate - recipe.final_learning_rate
    return recipe.final_learning_rate + fall * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


@torch.no_grad()
def validation_nmse(encoder: nn.Module, decoder: nn.Module, csi: Tensor) -> float:
    r"""Mean over samples of :math:`\|H_a - \hat H_a\|^2 / \|H_a\|^2`, linear; networks in eval mode.

    Args:
        encoder: images to codewords.
        decoder: codewords to images.
        csi: normalised angular-delay matrices ``[n, Na, Nt]``, complex64.
    """
    total = 0.0
    for part in csi.split(EVALUATION_BATCH):
        image = to_unit_interval(part)
        error = (decoder(encoder(image)) - image).flatten(1).to(torch.float64).square().sum(1)
        power = (image - 0.5).flatten(1).to(torch.float64).square().sum(1)
        total += float((error / power).sum())
    return total / len(csi)


def _decibel(nmse: float) -> float:
    # An exact reconstruction has no logarithm; float32 errors are above this floor.
    return 10 * math.log10(max(nmse, 1e-30))


def _groups(recipe: TrainingRecipe, *networks: nn.Module) -> list[dict[str, Any]]:
    layers = [layer for network in networks for layer in network.modules()]
    # Adam moves all weights of a layer by about one step: the sum over 2048 inputs of an FC moves far more than that
    # over the 18 of a small kernel.
    dense = [p for layer in layers if isinstance(layer, nn.Linear) for p in layer.parameters(recurse=False)]
    known = {id(p) for p in dense}
    others = [p for network in networks for p in network.parameters() if id(p) not in known]
    pairs = ((dense, recipe.fc_rate_ratio), (others, 1.0))
    return [{"params": params, "ratio": ratio} for params, ratio in pairs if params]


def _turned(csi: Tensor, generator: torch.Generator) -> Tensor:
    turns = torch.rand(len(csi), 1, 1, generator=generator).to(csi.device)
    return csi * torch.polar(torch.ones_like(turns), 2 * math.pi * turns)


def _check(training: TrainingSet) -> None:
    for name, csi in (("training", training.train), ("validation", training.validation)):
        if len(csi) == 0:
            raise FeedbackInputError(f"{name} channels: got none, expected at least 1")
        power = torch.view_as_real(csi).square().flatten(1).sum(1)
        if not (power.isfinite() & (power > 0)).all():
            raise FeedbackInputError(f"{name} channels: got NaN, infinity or an all-zero matrix, expected channels")


def _tensors(*networks: nn.Module) -> list[Tensor]:
    return list(chain.from_iterable(network.state_dict().values() for network in networks))


def _snapshot(*networks: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in _tensors(*networks)]
