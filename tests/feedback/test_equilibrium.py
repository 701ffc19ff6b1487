"""Equilibrium blocks and the DEQ network: fixed points, gradients, iterations at run time."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from feedback.checkpoint import load_checkpoint, save_checkpoint
from feedback.checkpoint_key import checkpoint_path
from feedback.compressor import COMPRESSORS
from feedback.compressors.deq import Deq
from feedback.errors import FeedbackInputError
from feedback.layers.equilibrium import Equilibrium
from feedback.layers.equilibrium_blocks import BsStep
from feedback.layers.images import to_unit_interval
from feedback.training.options import TrainingOutcome
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet
from feedback.weight_storage import StoredWeights, packed

SHAPE = (8, 8)


class Halving(nn.Module):
    """``z <- a z + x``, whose fixed point is ``x / (1 - a)``."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(0.5))
        self.calls = 0

    def forward(self, state: Tensor, injection: Tensor) -> Tensor:
        self.calls += 1
        return self.a * state + injection


def deq(**parameters: object) -> Deq:
    network_class = COMPRESSORS.get_class("deq")
    network = network_class(network_class.Parameters(compression_ratio=4, **parameters), SHAPE)
    assert isinstance(network, Deq)
    return network


def channels(n: int = 5) -> Tensor:
    csi = torch.randn(n, *SHAPE, dtype=torch.complex64, generator=torch.Generator().manual_seed(4))
    return csi / csi.abs().amax(dim=(1, 2), keepdim=True)


def test_reaches_the_fixed_point() -> None:
    block = Equilibrium(Halving(), 30)
    x = torch.tensor([[1.0, -2.0]])
    # The start is x, so that x (2 - 2^-30) is left.
    torch.testing.assert_close(block(x, x), 2 * x)
    ratios = block.residuals(x, x, iterations=3)
    torch.testing.assert_close(ratios, torch.tensor([[0.5 / 1.5, 0.25 / 1.75, 0.125 / 1.875]]))


def test_gradient_is_that_of_one_step_at_the_point_reached() -> None:
    step = Halving()
    x = torch.tensor([[1.0, -2.0]], requires_grad=True)
    Equilibrium(step, 30)(x, x).sum().backward()
    # d(a z + x) at z = 2 x: by a the sum of z, by x one.
    assert step.a.grad is not None
    torch.testing.assert_close(step.a.grad, torch.tensor(-2.0))
    torch.testing.assert_close(x.grad, torch.ones(1, 2))
    # Two more measure the stretch.
    assert step.calls == 32


def test_stretch_is_what_a_step_multiplies_differences_by() -> None:
    block = Equilibrium(Halving(), 5)
    x = torch.tensor([[1.0, -2.0]])
    block(x, x)
    assert block.stretch is not None
    # a delta over delta, but for rounding of f(z + delta) - f(z), where delta is a hundredth of z.
    torch.testing.assert_close(block.stretch, torch.tensor([0.5]), rtol=1e-4, atol=0)
    block.stretch.sum().backward()
    assert block.step.a.grad is not None
    torch.testing.assert_close(block.step.a.grad, torch.tensor(1.0), rtol=1e-4, atol=0)
    assert Equilibrium(Halving(), 1)(x, x).shape == x.shape


def test_graph_does_not_grow_with_the_iterations() -> None:
    def graph_nodes(iterations: int) -> int:
        x = torch.ones(1, 2, requires_grad=True)
        seen, todo = set(), [Equilibrium(Halving(), iterations)(x, x).grad_fn]
        while todo:
            node = todo.pop()
            if node is not None and node not in seen:
                seen.add(node)
                todo += [following for following, _ in node.next_functions]
        return len(seen)

    assert graph_nodes(2) == graph_nodes(50)


def test_batch_norm_learns_the_statistics_of_the_last_step() -> None:
    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(1, momentum=1.0)

        def forward(self, state: Tensor, injection: Tensor) -> Tensor:
            self.seen = state
            self.norm(state)
            return state + injection

    step = Step()
    x = torch.full((2, 1, 3, 3), 2.0)
    Equilibrium(step, 4)(x, x)
    assert float(step.seen.mean()) == 8
    assert float(step.norm.running_mean) == 8
    assert step.norm.momentum == 1.0


def test_converges_as_drawn() -> None:
    network = deq()
    network.encoder.train()
    network.decoder.train()
    with torch.no_grad():
        # Batch norm's running statistics forget their start by 0.9 a pass.
        for _ in range(60):
            network.decoder(network.encoder(to_unit_interval(channels(8))))
    network.encoder.eval()
    network.decoder.eval()
    codeword = network.encode(channels())
    for residuals in (network.ue_residuals(channels(), 40), network.bs_residuals(codeword, 40)):
        assert residuals.shape == (5, 40)
        assert (residuals[:, -1] < 0.1 * residuals[:, 0]).all()


def test_iterations_are_set_at_run_time() -> None:
    network = deq()
    before = network.complexity()
    few = network.encode(channels())
    network.ue_iterations = 3
    network.bs_iterations = 2
    after = network.complexity()
    step = 64 * (5 * 5 * 4 + 3 * (3 * 2 * 3 + 3 * 3 * 2))
    assert before.ue_macs - after.ue_macs == 7 * step
    assert before.bs_macs - after.bs_macs == 3 * 64 * 3 * (3 * 2 * 80 + 3 * 80 * 2)
    assert before.ue_parameters == after.ue_parameters
    assert not torch.equal(network.encode(channels()).values, few.values)
    with pytest.raises(FeedbackInputError, match="iterations: got 0, expected at least 1"):
        network.ue_iterations = 0


def test_budget_sets_the_iterations() -> None:
    cost = deq(ue_iterations=4, bs_iterations=3).complexity()
    exact = deq(ue_mac_budget=cost.ue_macs, bs_mac_budget=cost.bs_macs)
    assert (exact.ue_iterations, exact.bs_iterations) == (4, 3)
    less = deq(ue_mac_budget=cost.ue_macs - 1, bs_mac_budget=cost.bs_macs - 1)
    assert (less.ue_iterations, less.bs_iterations) == (3, 2)
    with pytest.raises(FeedbackInputError, match="ue_mac_budget: got 7, expected at least"):
        deq(ue_mac_budget=7)


def test_one_set_of_weights_serves_all_iterations(tmp_path: Path) -> None:
    trained = deq()
    training = {"channel": {"source": "sionna"}}
    path = checkpoint_path(tmp_path, trained, training)
    outcome = TrainingOutcome(start_nmse_db=0, validation_nmse_db=-1, best_epoch=1, samples_seen=1)
    stored = StoredWeights(packed(trained.state(), "float32"), "float32")
    save_checkpoint(path, trained, training, recipe=TrainingRecipe(), outcome=outcome, seed=1, stored=stored)
    quick = deq(ue_iterations=2, bs_iterations=1)
    assert checkpoint_path(tmp_path, quick, training) == path
    load_checkpoint(path, quick)
    assert quick.ue_iterations == 2
    trained.ue_iterations = 2
    assert torch.equal(quick.encode(channels()).values, trained.encode(channels()).values)


def test_training_does_not_depend_on_the_iterations_set() -> None:
    training = TrainingSet(channels(40), channels(10))
    states = []
    for network in (deq(), deq(ue_iterations=2, bs_iterations=1)):
        used = (network.ue_iterations, network.bs_iterations)
        network.train_networks(training, TrainingRecipe(epochs=1, batch_size=20), torch.Generator().manual_seed(1))
        assert (network.ue_iterations, network.bs_iterations) == used
        states.append(network.state())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_diagnostics_tell_how_near_the_fixed_point_is() -> None:
    made = Deq(Deq.Parameters(compression_ratio=8), (8, 8))
    csi = torch.randn(20, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(2)) / 8
    near = made.diagnostics(csi)
    assert near["ue_residual"] == pytest.approx(float(made.ue_residuals(csi)[:, -1].mean()))
    made.ue_iterations = 1
    assert made.diagnostics(csi)["ue_residual"] > near["ue_residual"]


def test_a_step_at_the_bs_bends_between_its_narrow_ends() -> None:
    """Twice the change of the state is not twice the change of a map: linear maps would all be one layer."""
    network = deq()
    network.initialise(torch.Generator().manual_seed(2))
    step = next(part for part in network.decoder.modules() if isinstance(part, BsStep)).eval()
    for norm in (part for part in step.dilated.modules() if isinstance(part, nn.BatchNorm2d)):
        nn.init.normal_(norm.bias, generator=torch.Generator().manual_seed(3))
    for place in range(len(step.dilated) - 1):
        ahead = step.dilated[: place + 1]
        still, moved, twice = (ahead(k * torch.ones(1, 2, *SHAPE)) for k in (0.0, 1.0, 2.0))
        assert not torch.allclose(twice - still, 2 * (moved - still), rtol=0.05, atol=0.05)
