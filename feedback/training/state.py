"""The state of a training run on disk, so that a killed run goes on where it was."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from feedback.errors import FeedbackInputError
from feedback.state_file import kept_state, save_state_file

# Model, best weights, moving average and the optimiser's moments; beside them validations and everything else.
_MAX_COPIES, _SPARE_BYTES = 8, 2**26


@dataclass(frozen=True)
class Progress:
    """One validation of a training run.

    Attributes:
        samples: training channels seen so far.
        epoch: passes over the training channels so far.
        spent: share of the budget, 0 to 1.
        train_loss: mean loss since the validation before.
        validation_nmse_db: NMSE on the validation channels, dB.
        learning_rate: learning rate of the last step.
        seconds: wall time so far.
    """

    samples: int
    epoch: float
    spent: float
    train_loss: float
    validation_nmse_db: float
    learning_rate: float
    seconds: float


@dataclass
class TrainingState:
    """Everything that the next step depends on.

    Attributes:
        start_nmse: validation NMSE of the start, linear.
        best_nmse: least validation NMSE so far, linear.
        best: weights that reached it, in the order of the model's state.
        best_step: steps taken when they did.
        step: steps taken.
        origin: share of the budget at which the schedule began.
        stale: validations since the last new best.
        steps_back: how often the training went back to its best weights.
        went_back_at: steps taken when it last did.
        seconds: wall time of earlier processes, and of this one up to when it was last noted.
        validated_s: wall time at the last validation.
        loss_sum: of the steps since the last validation.
        since_validation: how many there are.
        history: every validation.
        model: state of the model; set when the state is kept.
        optimiser: state of the optimiser.
        average: state of the moving average, empty where there is none.
    """

    start_nmse: float
    best_nmse: float
    best: list[Tensor]
    best_step: int = 0
    step: int = 0
    origin: float = 0.0
    stale: int = 0
    steps_back: int = 0
    went_back_at: int = 0
    seconds: float = 0.0
    validated_s: float = 0.0
    loss_sum: float = 0.0
    since_validation: int = 0
    history: list[Progress] = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    optimiser: dict[str, Any] = field(default_factory=dict)
    average: dict[str, Any] = field(default_factory=dict)


def save_state(file: Path, state: TrainingState, signature: dict[str, Any]) -> None:
    """Writes the state whole or not at all; its folder is made."""
    history = [asdict(progress) for progress in state.history]
    save_state_file(file, {**vars(state), "history": history}, signature)


def load_state(
    file: Path, signature: dict[str, Any], model: nn.Module, optimiser: Any, average: nn.Module | None
) -> TrainingState | None:
    """Sets model, optimiser and moving average to the state that a file holds.

    A damaged file is set aside with a warning.

    Args:
        file: that ``save_state`` wrote.
        signature: of the run that is to go on.
        model: takes over its tensors.
        optimiser: takes over its moments.
        average: takes over its tensors, where the recipe has one.

    Returns:
        The state, or ``None`` where there is none.

    Raises:
        FeedbackInputError: if the file cannot be read, is larger than such a state may be, or is of a run of another
            signature or network; one line says which.
    """
    document = kept_state(file, signature, most_bytes(model))
    return None if document is None else take_up(file, document, model, optimiser, average)


def most_bytes(model: nn.Module) -> int:
    """Bytes that the state of a training of a model may have."""
    return _MAX_COPIES * sum(tensor.nbytes for tensor in model.state_dict().values()) + _SPARE_BYTES


def take_up(
    file: Path, document: dict[str, Any], model: nn.Module, optimiser: Any, average: nn.Module | None
) -> TrainingState:
    """Sets model, optimiser and moving average to what a file holds, as ``load_state``.

    Raises:
        FeedbackInputError: if it is of another network; one line names the file.
    """
    try:
        document["history"] = [Progress(**progress) for progress in document["history"]]
        state = TrainingState(**document)
        if [kept.shape for kept in state.best] != [tensor.shape for tensor in model.state_dict().values()]:
            raise ValueError("other weights")
        model.load_state_dict(state.model)
        optimiser.load_state_dict(state.optimiser)
        if average is not None:
            average.load_state_dict(state.average)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        line = f"{file}: is the state of another network or optimiser; without it training starts anew"
        raise FeedbackInputError(line) from error
    return state
