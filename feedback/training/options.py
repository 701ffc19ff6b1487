"""What training takes beside its recipe, what a loss sees of a step, and what training comes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor, nn

from feedback.training.autoencoder import Autoencoder
from feedback.training.disturbance import Disturbance
from feedback.training.factorised_prior import FactorisedPrior
from feedback.training.stage import Stage
from feedback.training.state import Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Pass:
    """What a loss sees of one step.

    Attributes:
        image: ``[batch, 2, Na, Nt]``.
        codeword: as the encoder made it, ``[batch, M]``.
        reconstruction: of the codeword as received, ``[batch, 2, Na, Nt]``.
        spent: share of the budget, 0 to 1.
        bits: of the codewords, ``[batch]``, where they are in the loss; ``None`` elsewhere.
    """

    image: Tensor
    codeword: Tensor
    reconstruction: Tensor
    spent: float
    bits: Tensor | None = None


Loss: TypeAlias = Callable[[Pass], Tensor]


def reconstruction_error(step: Pass) -> Tensor:
    """Mean-square error of reconstructed images, a scalar."""
    return nn.functional.mse_loss(step.reconstruction, step.image)


def relative_errors(image: Tensor, reconstruction: Tensor) -> Tensor:
    r"""NMSE of each image, :math:`\|H_a - \hat H_a\|^2 / \|H_a\|^2`, linear, ``[batch]``, float64."""
    error = (reconstruction - image).flatten(1).to(torch.float64).square().sum(1)
    return error / (image - 0.5).flatten(1).to(torch.float64).square().sum(1)


def ignore_progress(progress: Progress) -> None:
    """A callback that does nothing."""


def ignore_start(nmse_db: float) -> None:
    """A callback that does nothing."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train, beside the recipe.

    Attributes:
        loss: what is minimised; takes a ``Pass`` and gives a scalar.
        errors: by whose mean on validation channels weights are chosen; takes images and what they are rebuilt to.
        disturbance: what codewords go through, in training and validation; nothing by default.
        stages: parts of the budget, in order; the last one ends at 1.
        on_start: told the validation NMSE before the first step, dB, unless the run goes on from a state.
        on_progress: told about every validation.
        state_file: where to keep the state of the run; one that is there goes on. It stays after the last step, for the
            caller to remove once what came of it is kept. ``None`` keeps none.
        held_file: where to keep the state at which the learning rate begins to fall, from which a longer budget goes
            on; for losses that do not depend on the share of the budget. ``None`` keeps none.
        fabric: devices and processes to train on; by default the one device that the networks are on.
        start: a compressor's state to start from; by default the start that it prepares itself.
        origin: of the weights that it starts or learns from, plain values; a state of another origin is another run's.
        autoencoder: makes one module of encoder, decoder and prior, as a step runs them.
    """

    loss: Loss = reconstruction_error
    errors: Callable[[Tensor, Tensor], Tensor] = relative_errors
    disturbance: Disturbance | None = None
    stages: tuple[Stage, ...] = (Stage(),)
    on_start: Callable[[float], None] = ignore_start
    on_progress: Callable[[Progress], None] = ignore_progress
    state_file: Path | None = None
    held_file: Path | None = None
    fabric: "Fabric | None" = None
    start: Mapping[str, Tensor] | None = None
    origin: Mapping[str, object] = field(default_factory=dict)
    autoencoder: Callable[[nn.Module, nn.Module, FactorisedPrior | None], Autoencoder] = Autoencoder


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training run came to.

    Attributes:
        start_nmse_db: mean error on validation channels before the first step, dB: NMSE, or 1 less the SGCS.
        validation_nmse_db: that of the weights that were kept, dB.
        best_epoch: passes over the training channels after which they were reached, 0 for the start.
        samples_seen: training channels seen in all.
        history: every validation.
    """

    start_nmse_db: float
    validation_nmse_db: float
    best_epoch: float
    samples_seen: int
    history: tuple[Progress, ...] = ()
