"""Training recipes: everything about a training run that is data."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from feedback.errors import FeedbackInputError

# Of products in training, by their names in Lightning Fabric.
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

BUDGETS = ("epochs", "samples", "minutes")
_DEFAULT_EPOCHS = 100
# Adam moves the many weights of an FC layer together, which a layer that is the KLT already has to be spared.
_KLT_FC_RATE_RATIO = 0.05


class TrainingRecipe(BaseModel):
    """How a network is trained: budget, optimiser, schedule, and what keeps it steady."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int | None = Field(
        default=None,
        ge=0,
        le=10**6,
        description="budget: passes over the training channels; 100 where no budget is given",
    )
    samples: int | None = Field(default=None, ge=0, le=10**12, description="budget: training channels seen")
    minutes: float | None = Field(
        default=None, gt=0, le=10**6, description="budget: wall time; the digits then depend on the machine"
    )
    batch_size: int = Field(default=200, ge=2, le=10**6, description="channels per step")
    validations: int = Field(
        default=10,
        ge=1,
        le=10**6,
        description="validations over the whole budget, at least; there is one after every epoch",
    )
    optimiser: Literal["adam", "adamw", "muon", "sgd"] = Field(
        default="adam",
        description="muon: for matrices of FC layers, Adam for the others; sgd: with Nesterov momentum",
    )
    muon_kernels: bool = Field(
        default=False, description="whether `muon` takes kernels as well and leaves Adam biases and norms alone"
    )
    epsilon: float = Field(default=1e-8, gt=0, le=1, description="Adam's epsilon")
    weight_decay: float = Field(default=0.0, ge=0, le=1, description="pull of the weights towards 0")
    learning_rate: float = Field(default=2e-3, gt=0, le=1, description="learning rate after warm-up")
    final_learning_rate: float = Field(default=5e-5, ge=0, le=1, description="learning rate at the end")
    full_rate_steps: int | None = Field(
        default=None,
        ge=1,
        le=10**9,
        description="steps that a budget needs for the full learning rates; those of a shorter one are lower in "
        "proportion; by default every budget has the full ones",
    )
    full_rate_nmse_db: float | None = Field(
        default=None,
        ge=-300,
        le=300,
        description="NMSE of the start from which learning rates are full; where it is lower, they are lower in "
        "proportion to it; by default every start has the full ones",
    )
    batch_statistics_nmse_db: float | None = Field(
        default=None,
        ge=-300,
        le=300,
        description="NMSE of the start from which batch norms take the statistics of each step's batch; where it is "
        "lower, they keep those of the start; by default every start has its batches'",
    )
    largest_move: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="share of the start's error by which a first step of one parameter may move reconstructions; "
        "learning rates of parameters that move them further are lower; not for sgd, whose steps are as long as "
        "gradients; by default none is",
    )
    relative_norm_steps: bool = Field(
        default=False,
        description="whether steps of scales of norms shrink with these, where they are smaller than at the start, so "
        "that no step is long beside what it moves; not for sgd",
    )
    fc_rate_ratio: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="learning rate of fully connected layers over that of the others; by default 0.05 for a start from "
        "the KLT, 1 for random initial weights, as in the papers",
    )
    encoder_rate_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="learning rate of the encoder over that of the decoder; 0 keeps it as it is",
    )
    schedule: Literal["cosine", "hold", "constant"] = Field(
        default="cosine",
        description="of the learning rate after warm-up; hold: it stays until the last share of the budget, `decay`, "
        "in which it falls as a cosine",
    )
    decay: float = Field(default=0.3, ge=1e-6, le=1, description="share of the budget in which `hold` lets go")
    warmup: float = Field(default=0.03, ge=0, lt=1, description="share of the budget in which the learning rate rises")
    warmup_steps: int | None = Field(
        default=None,
        ge=1,
        le=10**9,
        description="steps that warm-up takes at most, so that budgets with this share of more steps begin alike; by "
        "default warm-up has its share of every budget",
    )
    restart_after: int | None = Field(
        default=None,
        ge=1,
        le=10**6,
        description="validations without a new best after which the schedule starts again over what is left of the "
        "budget; by default it never does",
    )
    step_back_db: float | None = Field(
        default=None,
        gt=0,
        le=300,
        description="how far above the best error that of a validation may lie; a training beyond that, or without a "
        "finite error, goes on from its best weights with half the learning rates; by default it goes on as it is",
    )
    clip_norm: float | None = Field(default=None, gt=0, description="largest gradient norm; by default not clipped")
    ema_decay: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="decay per step of the exponential moving average of the weights that is validated and kept; by "
        "default the weights themselves",
    )
    precision: Precision = Field(default="32-true", description="of products in training; mixed helps on a GPU only")
    random_phase: bool | None = Field(
        default=None,
        description="turn each channel by a random common phase at every pass: carrier phase is uniform, so it stays a "
        "channel of the same model; by default true, but where reports choose the phases, as of eigenvectors",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"got the budgets {' and '.join(given)}, expected one of {', '.join(BUDGETS)}")
        if self.schedule == "hold" and self.warmup + self.decay > 1:
            raise ValueError(
                f"decay is {self.decay:g} after a warmup of {self.warmup:g}, expected no more than 1 together"
            )
        if self.schedule != "constant" and self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"final_learning_rate is {self.final_learning_rate:g}, expected at most learning_rate "
                f"({self.learning_rate:g})"
            )
        return self

    def with_budget(self, **budget: float) -> "TrainingRecipe":
        """The same recipe within another budget, ``epochs=``, ``samples=`` or ``minutes=``.

        Raises:
            pydantic.ValidationError: if the budget is none, or more than one.
        """
        others: dict[str, Any] = {name: value for name, value in self.model_dump().items() if name not in BUDGETS}
        return TrainingRecipe.model_validate(others | budget)

    def resolved(self, starts_as_klt: bool) -> "TrainingRecipe":
        """The recipe with the ``fc_rate_ratio`` that suits the start, unless it says one itself."""
        if self.fc_rate_ratio is not None:
            return self
        return self.model_copy(update={"fc_rate_ratio": _KLT_FC_RATE_RATIO if starts_as_klt else 1.0})

    def for_phases(self, are_chosen: bool) -> "TrainingRecipe":
        """The recipe with the ``random_phase`` that suits the phases of training matrices, unless it says it itself.

        Args:
            are_chosen: whether reports choose these phases, so that no other ones are ever seen.

        Raises:
            FeedbackInputError: if the recipe would turn phases that are chosen.
        """
        if are_chosen and self.random_phase:
            raise FeedbackInputError(
                "random_phase: got true, expected false or none: a report chooses the phases that are learnt"
            )
        return self if self.random_phase is not None else self.model_copy(update={"random_phase": not are_chosen})

    def for_channels(self, count: int) -> "TrainingRecipe":
        """The recipe with batches of no more training channels than there are."""
        return self.model_copy(update={"batch_size": min(self.batch_size, count)})

    def within_budget(self, batches_per_epoch: int) -> "TrainingRecipe":
        """The recipe with the warm-up and the rates that suit its budget, by ``warmup_steps`` and ``full_rate_steps``.

        How far weights come is about learning rate times steps: what leaves the start in the first of many steps, and
        is far beyond it in the end, would only harm it in few.
        """
        steps = self.steps(batches_per_epoch)
        if steps is None or self.warmup_steps is None or self.warmup_steps > self.warmup * steps:
            recipe = self.model_copy(update={"warmup_steps": None})
        else:
            recipe = self.model_copy(update={"warmup": self.warmup_steps / steps})
        return recipe._with_suitable_rates(steps)

    def _with_suitable_rates(self, steps: int | None) -> "TrainingRecipe":
        if self.full_rate_steps is None or steps is None or steps >= self.full_rate_steps:
            return self
        share = max(steps, 1) / self.full_rate_steps
        update = {name: share * getattr(self, name) for name in ("learning_rate", "final_learning_rate")}
        return self.model_copy(update={**update, "full_rate_steps": None})

    def start_rate_ratio(self, start_nmse: float) -> float:
        r"""Learning rates that suit a start, over the recipe's: :math:`\min(1, \epsilon / \epsilon_1)`.

        Optimisers that normalise their steps move weights by about the learning rate however small the error is that
        they are to mend. :math:`\epsilon` is the NMSE of the start and :math:`\epsilon_1` that of
        ``full_rate_nmse_db``; the proportion was found by trying (``docs/studies/training.md``).

        Args:
            start_nmse: NMSE on the validation channels before the first step, linear.
        """
        if self.full_rate_nmse_db is None:
            return 1.0
        return min(1.0, start_nmse / 10 ** (self.full_rate_nmse_db / 10))

    def keeps_statistics(self, start_nmse: float) -> bool:
        """Whether batch norms work with the running statistics of the start in training, too.

        Those of a batch differ from them: with 50 channels of COST 2100 that alone is an error of -31 dB, which is 1 %
        of what a start at -10 dB has to learn, and half of what one at -28 dB has.

        Args:
            start_nmse: NMSE on the validation channels before the first step, linear.
        """
        least = self.batch_statistics_nmse_db
        return least is not None and start_nmse < 10 ** (least / 10)

    def acting(self, batches_per_epoch: int, start_nmse_db: float) -> "TrainingRecipe":
        """The recipe with the default of every key that changes nothing for this budget and start."""
        steps, start, idle = self.steps(batches_per_epoch), self.full_rate_nmse_db, []
        if steps is None or (self.full_rate_steps is not None and steps >= self.full_rate_steps):
            idle.append("full_rate_steps")
        if start is not None and start_nmse_db >= start:
            idle.append("full_rate_nmse_db")
        if not self.keeps_statistics(10 ** (start_nmse_db / 10)):
            idle.append("batch_statistics_nmse_db")
        if steps is None or (self.warmup_steps is not None and self.warmup_steps > self.warmup * steps):
            idle.append("warmup_steps")
        if self.schedule != "hold":
            idle.append("decay")
        if self.optimiser != "muon":
            idle.append("muon_kernels")
        if self.optimiser == "sgd":
            idle += ["largest_move", "relative_norm_steps"]
        if self.schedule == "constant":
            idle.append("final_learning_rate")
        return self.model_copy(update={name: type(self).model_fields[name].default for name in idle})

    def steps(self, batches_per_epoch: int) -> int | None:
        """Optimiser steps of the whole budget; ``None`` for a budget of time."""
        if self.minutes is not None:
            return None
        if self.samples is not None:
            return -(-self.samples // self.batch_size)
        return (_DEFAULT_EPOCHS if self.epochs is None else self.epochs) * batches_per_epoch
