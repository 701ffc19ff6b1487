"""Steps on static buffers, as a CUDA graph takes them: without a GPU, the same steps and the same decisions."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import channels, sequences_for
from feedback.neural import NeuralCompressor
from feedback.training import loop
from feedback.training.autoencoder import Autoencoder
from feedback.training.batch_statistics import KeptStatistics
from feedback.training.captured_step import WARM_UP, CapturedStep, StaticStep, make_step, why_not_captured
from feedback.training.devices import one_device
from feedback.training.distillation import Distillation
from feedback.training.distillation_loss import DistillationLoss
from feedback.training.disturbance import Disturbance
from feedback.training.optimiser import make_optimiser
from feedback.training.options import TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training.stage import Stage
from feedback.training.step import EagerStep, StepInputs
from feedback.training_set import TrainingSet
from tests.feedback.narrow_networks import NARROW
from tests.simulated_device import ElsewhereTensor, simulated_device

SHAPE = (8, 8)
CSI = channels(120, SHAPE)
RATE = 0.01
# One name of each class that takes one matrix and learns from such.
_CLASSES = {COMPRESSORS.get_class(name): str(name) for name in sorted(COMPRESSORS, reverse=True)}
NETWORKS = {
    name
    for kind, name in _CLASSES.items()
    if issubclass(kind, NeuralCompressor) and kind.takes == "truncated" and not kind.learns_over_time
}
# Of every kind of layer one.
QUICK = (
    "csinet",
    "clnet",
    "bcsinet-b3",
    "cl-csinet",
    "transnet",
    "cllwcsinet",
    "deepcmc",
    "qacrnet-1x",
    "shufflecsinet",
    "ds-nlcsinet",
)
OTHERS = sorted(NETWORKS - set(QUICK))


def network(name: str = "csinet", **parameters: object) -> NeuralCompressor:
    network_class = COMPRESSORS.get_class(name)
    section = {"name": name, "compression_ratio": 4, **parameters}
    made = network_class(network_class.Parameters.model_validate(section), SHAPE)
    assert isinstance(made, NeuralCompressor)
    made.prepare(TrainingSet(CSI, CSI[:20]), torch.Generator().manual_seed(1))
    return made


def one_step(kind: str, recipe: TrainingRecipe, made: NeuralCompressor) -> tuple[Tensor, list[Tensor]]:
    """Loss and weights after a step of all channels."""
    model, fabric = made.autoencoder(), one_device(torch.device("cpu"), "32-true")
    plain = make_optimiser(recipe, made.encoder, made.decoder)
    rates = tuple(RATE for _ in plain.param_groups)
    turns = torch.rand(len(CSI), generator=torch.Generator().manual_seed(2)) if recipe.random_phase else None
    inputs = StepInputs(CSI, turns, rates, KeptStatistics(), 0.5, torch.Generator())
    if kind == "eager":
        module, wrapped = fabric.setup(model, plain)
        return EagerStep(model, module, wrapped, recipe, TrainingOptions(), fabric).take(inputs), weights(model)
    step = StaticStep(model, plain, recipe, TrainingOptions(), inputs)
    step.fill(inputs)
    step.set_mode(KeptStatistics())
    step.compute()
    return step.loss, weights(model)


def weights(model: Autoencoder) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in model.state_dict().values()]


@pytest.mark.parametrize(
    "recipe",
    [
        TrainingRecipe(optimiser="adam", random_phase=True),
        TrainingRecipe(optimiser="adam", weight_decay=0.1),
        TrainingRecipe(optimiser="adamw", weight_decay=0.1, clip_norm=0.001),
        TrainingRecipe(optimiser="muon", muon_kernels=True, weight_decay=0.1, random_phase=True),
        TrainingRecipe(optimiser="sgd", clip_norm=0.001),
    ],
)
def test_a_step_on_buffers_is_the_step(recipe: TrainingRecipe) -> None:
    before = weights(network().autoencoder())
    (loss, eager), (same_loss, static) = (one_step(kind, recipe, network()) for kind in ("eager", "static"))
    assert torch.equal(loss, same_loss)
    moved = 0
    for start, one, other in zip(before, eager, static, strict=True):
        if not start.is_floating_point():
            assert torch.equal(one, other)
            continue
        # Adding the whole move u to a weight rounds at 2^-24 of |w| + |u|, as does taking the weight off again, and of
        # both comes the rate's share; the rest are a few roundings of the result and of the rate's share of the move.
        move = (one - start).abs()
        bound = 2**-23 * (RATE * start.abs() + move) + 2**-21 * (start.abs() + move)
        assert ((one - other).abs() <= bound).all()
        moved += int((move > 100 * bound).sum())
    assert moved > 1000


def captured(capture: Callable[[Callable[[], None]], Callable[[], object]], log: list[str]) -> Callable[..., Any]:
    """``make_step`` of the loop, with a capture of our own."""

    def warm_up(compute: Callable[[], None]) -> None:
        log.append("run")
        compute()

    def watched(compute: Callable[[], None]) -> Callable[[], object]:
        log.append("capture")
        replay = capture(compute)

        def replayed() -> None:
            log.append("replay")
            replay()

        return replayed

    def make(model: Any, module: Any, optimisers: Any, recipe: Any, options: Any, fabric: Any) -> CapturedStep:
        return CapturedStep(lambda first: StaticStep(model, optimisers[0], recipe, options, first), watched, warm_up)

    return make


def refuses(compute: Callable[[], None]) -> Callable[[], object]:
    raise RuntimeError("CUDA error:\noperation not permitted when stream is capturing")


RECIPE = TrainingRecipe(
    samples=240, batch_size=20, optimiser="sgd", learning_rate=0.5, ema_decay=0.5, validations=3, warmup=0.2
)


def trained(recipe: TrainingRecipe, **options: Any) -> Tensor:
    made = network(init="xavier")
    chosen = TrainingOptions(**options)
    outcome = made.train_networks(TrainingSet(CSI, CSI[:40]), recipe, torch.Generator().manual_seed(3), chosen)
    assert outcome.best_epoch > 0
    return torch.cat([tensor.flatten() for tensor in made.state().values()])


def test_a_training_of_replayed_steps_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    start, eager = torch.cat([tensor.flatten() for tensor in network(init="xavier").state().values()]), trained(RECIPE)
    log: list[str] = []
    monkeypatch.setattr(loop, "make_step", captured(lambda compute: compute, log))
    replayed = trained(RECIPE)
    assert log == ["run"] * WARM_UP + ["capture"] + ["replay"] * (12 - WARM_UP)
    # Each of 12 steps rounds weights at 2^-24, and what is moved by 1 beside them; gradients pass that on.
    assert (replayed - eager).norm() < 12 * 2**-20 * eager.norm()
    assert (eager - start).norm() > 0.01 * eager.norm()


def test_a_step_that_cannot_be_captured_is_run_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []
    monkeypatch.setattr(loop, "make_step", captured(lambda compute: compute, log))
    expected = trained(RECIPE)
    log.clear()
    monkeypatch.setattr(loop, "make_step", captured(refuses, log))
    with caplog.at_level(logging.WARNING):
        found = trained(RECIPE)
    assert log == ["run"] * WARM_UP + ["capture"] + ["run"] * (12 - WARM_UP)
    assert torch.equal(expected, found)
    (line,) = caplog.messages
    assert line.endswith("CUDA error: operation not permitted when stream is capturing")


def test_a_stage_in_which_the_encoder_stays_is_captured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    monkeypatch.setattr(loop, "make_step", captured(lambda compute: compute, log))
    recipe = RECIPE.model_copy(update={"ema_decay": None})
    stages = (Stage(until=0.5), Stage(encoder_rate_ratio=0.0))
    trained(recipe, stages=stages)
    once = ["run"] * WARM_UP + ["capture"] + ["replay"] * (6 - WARM_UP)
    assert log == once + once


class _WithoutWaiting(TorchDispatchMode):
    """Refuses what makes the host wait for a GPU, a graph depend on values, or values cross over to the GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "equal"), name
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        here = [tuple(tensor.shape) for tensor in given if not isinstance(tensor, ElsewhereTensor) and tensor.dim()]
        assert not here, f"{name} of tensors of the CPU, {here}"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.validate) for name in OTHERS)])
def test_no_step_asks_what_is_in_its_buffers(name: str) -> None:
    _take_two_steps(network(name, **NARROW.get(name, {})), CSI, TrainingOptions())


def test_nor_does_one_through_a_quantiser() -> None:
    _take_two_steps(network(), CSI, TrainingOptions(disturbance=Disturbance(bits=4)))


@pytest.mark.parametrize("name", ["markovnet", "csinet-lstm"])
def test_nor_does_one_over_time(name: str) -> None:
    kind = COMPRESSORS.get_class(name)
    section = {"name": name, "compression_ratio": 4, **NARROW[name]}
    made = kind(kind.Parameters.model_validate(section), SHAPE)
    csi = sequences_for(made, 30)
    made.prepare(TrainingSet(csi, csi[:10]), torch.Generator().manual_seed(1))
    _take_two_steps(made, csi, TrainingOptions())


def _take_two_steps(made: NeuralCompressor, csi: Tensor, options: TrainingOptions) -> None:
    recipe = RECIPE.model_copy(update={"optimiser": "muon", "muon_kernels": True})
    with simulated_device() as device:
        made.to(device)
        model, plain = made.autoencoder(), make_optimiser(recipe, made.encoder, made.decoder)
        rates = (RATE,) * len(plain.param_groups)
        given = csi[:4].to(device)
        inputs = StepInputs(given, torch.zeros(4), rates, KeptStatistics(), 0.5, torch.Generator())
        step = StaticStep(model, plain, recipe, options, inputs)
        step.set_mode(KeptStatistics())
        step.compute()
        with _WithoutWaiting():
            step.compute()
        assert step.loss.isfinite()


def test_what_draws_or_changes_is_not_captured() -> None:
    made, plain = network(), TrainingOptions()
    model = made.autoencoder()
    assert why_not_captured(model, RECIPE, plain, 1) is None
    assert why_not_captured(model, RECIPE, TrainingOptions(disturbance=Disturbance(bits=4)), 1) is None
    noise = TrainingOptions(disturbance=Disturbance(snr_db=(0, 10)))
    assert why_not_captured(model, RECIPE, noise, 1) == "noise is drawn on the CPU"
    loss = DistillationLoss(Distillation(teacher={"name": "csinet"}, method="mimic"), made.encoder, made.decoder)
    assert why_not_captured(model, RECIPE, TrainingOptions(loss=loss), 1) == "the loss changes with the budget"
    assert why_not_captured(model, RECIPE, plain, 2) == "several processes train it"
    mixed = RECIPE.model_copy(update={"precision": "bf16-mixed"})
    assert why_not_captured(model, mixed, plain, 1) == "its precision is bf16-mixed"


def test_a_cpu_takes_its_steps_as_they_are() -> None:
    made, fabric = network(), one_device(torch.device("cpu"), "32-true")
    optimiser = make_optimiser(RECIPE, made.encoder, made.decoder)
    module, wrapped = fabric.setup(made.autoencoder(), optimiser)
    step = make_step(made.autoencoder(), module, (optimiser, wrapped), RECIPE, TrainingOptions(), fabric)
    assert isinstance(step, EagerStep)
