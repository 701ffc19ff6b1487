"""Steps of training on a GPU, captured as a CUDA graph.

The kernels of these networks take less time on a GPU than it takes to launch them. A step is captured once, and then
replayed on whatever lies in its buffers; where that cannot be done, its kernels are launched one by one.
"""

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.batch_statistics import KeptStatistics
from feedback.training.distillation_loss import DistillationLoss
from feedback.training.options import Pass, TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.step import EagerStep, Step, StepInputs, checked_loss, turned

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_LOGGER = logging.getLogger(__name__)

# Steps before the first that is captured, in which libraries and optimiser allocate what they keep.
WARM_UP = 3

# Captures what a function launches, without running it, and gives what replays that.
Capture = Callable[[Callable[[], None]], Callable[[], object]]


class StaticStep:
    r"""Steps on buffers that stay where they are, with nothing in between that depends on what is in them.

    The optimiser always steps at a learning rate of 1, and the weights go the share of the way that is due,

    .. math:: w \leftarrow w + r \, (w_1 - w),

    as rates change from step to step and an optimiser would take numbers for constants. Of SGD, Adam, AdamW and Muon
    this is the same step but for rounding: their moves are proportional to the rate, and their moments know nothing
    of it.

    Args:
        model: whose weights learn.
        optimiser: of its weights.
        recipe: how it is trained.
        options: loss and disturbance; nothing in them may draw, or depend on the budget.
        first: inputs of the sizes of all steps.
    """

    def __init__(
        self,
        model: Autoencoder,
        optimiser: torch.optim.Optimizer,
        recipe: TrainingRecipe,
        options: TrainingOptions,
        first: StepInputs,
    ) -> None:
        self._model, self._optimiser, self._recipe, self._options = model, optimiser, recipe, options
        self._channels = first.channels.clone()
        device = self._channels.device
        self._turns = None if first.turns is None else first.turns.to(device)
        self._rates = torch.tensor(first.rates, device=device)
        self._groups: list[list[Tensor]] = [list(group["params"]) for group in optimiser.param_groups]
        self._before = [[torch.empty_like(weight) for weight in group] for group in self._groups]
        self._unused = torch.Generator()
        self.loss = torch.zeros((), device=device)

    def fill(self, inputs: StepInputs) -> None:
        """Puts inputs into the buffers."""
        self._channels.copy_(inputs.channels)
        if self._turns is not None and inputs.turns is not None:
            self._turns.copy_(inputs.turns)
        self._rates.copy_(torch.tensor(inputs.rates))

    def set_mode(self, kept_statistics: KeptStatistics) -> None:
        """Batch norm in training or not."""
        self._model.train()
        kept_statistics.leave_training(self._model)

    def compute(self) -> None:
        """One step on what is in the buffers; its loss is then in ``loss``."""
        image = to_unit_interval(turned(self._channels, self._turns))
        codeword, reconstruction, bits = self._model(image, self._options.disturbance, self._unused)
        loss = checked_loss(self._options.loss, Pass(image, codeword, reconstruction, math.nan, bits))
        # Gradients are allocated anew, in a graph by the graph itself.
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self._recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self._model.parameters(), self._recipe.clip_norm)
        self._move()
        self.loss.copy_(loss.detach())

    @torch.no_grad()
    def _move(self) -> None:
        for group, before in zip(self._groups, self._before, strict=True):
            torch._foreach_copy_(before, group)
        for options in self._optimiser.param_groups:
            options["lr"] = 1.0
            if "capturable" in options and self._channels.is_cuda:
                options["capturable"] = True
        self._optimiser.step()
        for group, before, rate in zip(self._groups, self._before, self._rates.unbind(), strict=True):
            moves = torch._foreach_sub(group, before)
            torch._foreach_mul_(moves, rate)
            torch._foreach_copy_(group, before)
            torch._foreach_add_(group, moves)


class CapturedStep:
    """Steps that are captured once the first few have been taken, and replayed from then on.

    Args:
        make: makes the step, of the sizes of some inputs.
        capture: captures it.
        warm_up: runs a step that is not captured yet.
    """

    def __init__(
        self,
        make: Callable[[StepInputs], StaticStep],
        capture: Capture,
        warm_up: Callable[[Callable[[], None]], None],
    ) -> None:
        self._make, self._capture, self._warm_up = make, capture, warm_up
        self._step: StaticStep | None = None
        self._replay: Callable[[], object] | None = None
        self._kept_statistics, self._taken, self._failed = KeptStatistics(), 0, False

    def take(self, inputs: StepInputs) -> Tensor:
        """As ``Step.take``."""
        if self._step is None:
            self._step = self._make(inputs)
        step = self._step
        step.fill(inputs)
        if inputs.kept_statistics != self._kept_statistics:
            self._kept_statistics, self._replay, self._taken = inputs.kept_statistics, None, 0
        if self._replay is None:
            step.set_mode(inputs.kept_statistics)
            if self._taken >= WARM_UP and not self._failed:
                self._replay = self._captured(step)
        if self._replay is None:
            self._warm_up(step.compute)
        else:
            self._replay()
        self._taken += 1
        return step.loss

    def _captured(self, step: StaticStep) -> Callable[[], object] | None:
        try:
            return self._capture(step.compute)
        except RuntimeError as error:
            # What was captured has not been run: the weights are where they were.
            self._failed = True
            reason = " ".join(str(error).split())[:200]
            _LOGGER.warning("steps of training are not captured as a CUDA graph, which would be faster: %s", reason)
            return None


def make_step(
    model: Autoencoder,
    module: Any,
    optimisers: tuple[torch.optim.Optimizer, Any],
    recipe: TrainingRecipe,
    options: TrainingOptions,
    fabric: "Fabric",
) -> Step:
    """What takes the steps of a training: captured ones on a GPU, where that can be.

    Args:
        model: whose weights learn.
        module: the same, as Fabric runs it.
        optimisers: of its weights, plain and as Fabric runs it.
        recipe: how it is trained.
        options: loss and disturbance.
        fabric: runs both.
    """
    plain, wrapped = optimisers
    eager = EagerStep(model, module, wrapped, recipe, options, fabric)
    if fabric.device.type != "cuda":
        return eager
    if (reason := why_not_captured(model, recipe, options, fabric.world_size)) is not None:
        _LOGGER.info("steps of training are not captured as a CUDA graph: %s", reason)
        return eager
    return CapturedStep(lambda first: StaticStep(model, plain, recipe, options, first), cuda_graph, on_side_stream)


def why_not_captured(
    model: Autoencoder, recipe: TrainingRecipe, options: TrainingOptions, processes: int
) -> str | None:
    """What stands against one graph for all steps; ``None`` where nothing is known to."""
    disturbance = options.disturbance
    if processes > 1:
        return "several processes train it"
    if recipe.precision != "32-true":
        return f"its precision is {recipe.precision}"
    if model.prior is not None or (disturbance is not None and disturbance.snr_db is not None):
        return "noise is drawn on the CPU"
    if isinstance(options.loss, DistillationLoss):
        return "the loss changes with the budget"
    return None


def cuda_graph(compute: Callable[[], None]) -> Callable[[], object]:
    """What a function launches, as a CUDA graph: the function that replays it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        compute()
    return graph.replay


def on_side_stream(compute: Callable[[], None]) -> None:
    """Runs a function on a stream of its own, as PyTorch wants it before a capture."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        compute()
    torch.cuda.current_stream().wait_stream(stream)
