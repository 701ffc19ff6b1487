"""Muon for kernels: steps along the singular vectors of the gradient, all about as long, and states that go on."""

import math

import pytest
import torch
from torch import Tensor, nn

from feedback.training.factorised_prior import FactorisedPrior
from feedback.training.kernel_muon import KernelMuon, orthogonalised
from feedback.training.optimiser import make_optimiser
from feedback.training.recipe import TrainingRecipe

RATE = 0.01


def kernel(*shape: int, seed: int = 1) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


def stepped(parameter: nn.Parameter, optimiser: torch.optim.Optimizer, gradient: Tensor) -> Tensor:
    """The move of one step."""
    before = parameter.detach().clone()
    parameter.grad = gradient
    optimiser.step()
    return parameter.detach() - before


@pytest.mark.parametrize("shape", [(8, 3, 5, 5), (16, 2, 1, 3), (4, 1, 3, 3), (6, 4, 3), (12, 20)])
def test_a_step_turns_all_singular_values_into_about_one(shape: tuple[int, ...]) -> None:
    weights, gradient = kernel(*shape), torch.randn(*shape, generator=torch.Generator().manual_seed(2))
    step = -stepped(weights, KernelMuon([{"params": [weights]}], RATE, 0.0), gradient).flatten(1)
    left, _, right = torch.linalg.svd(gradient.flatten(1), full_matrices=False)
    along = left.mT @ step @ right.mT / (0.2 * RATE * math.sqrt(max(step.shape)))
    values = along.diagonal()
    # Five iterations of these coefficients bring singular values to 0.68 to 1.13 (K. Jordan).
    assert ((values > 0.67) & (values < 1.14)).all()
    assert (along - values.diag()).abs().max() < 1e-3


@pytest.mark.parametrize("shape", [(3, 40, 200), (2, 200, 40), (1, 30, 30), (5, 1, 9)])
def test_a_polynomial_of_singular_values(shape: tuple[int, ...]) -> None:
    """Also where they fall by four orders of magnitude, against the iteration on each of them, in float64."""
    rows, columns = shape[-2:]
    fall = torch.logspace(0, -4, columns)
    matrices = torch.randn(*shape, generator=torch.Generator().manual_seed(5)) * fall
    left, values, right = torch.linalg.svd(matrices.double(), full_matrices=False)
    values /= matrices.double().square().sum((-2, -1), keepdim=True).sqrt()[..., 0]
    for _ in range(5):
        values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
    expected = left * values[..., None, :] @ right
    torch.testing.assert_close(
        orthogonalised(matrices).double(), expected, rtol=0, atol=2e-3 / math.sqrt(max(rows, columns))
    )


def test_steps_are_those_of_pytorch() -> None:
    """Which rounds as bfloat16."""
    ours, theirs = kernel(6, 20), kernel(6, 20)
    mine = KernelMuon([{"params": [ours]}], RATE, 0.1)
    other = torch.optim.Muon([theirs], lr=RATE, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for number in range(5):
        gradient = torch.randn(6, 20, generator=torch.Generator().manual_seed(number))
        moves = [stepped(ours, mine, gradient), stepped(theirs, other, gradient)]
        torch.testing.assert_close(*moves, rtol=0, atol=0.03 * float(moves[0].abs().max()))


def test_like_kernels_are_independent_of_each_other() -> None:
    """They are orthogonalised together."""
    many = [kernel(4, 2, 3, 3, seed=number) for number in range(3)]
    alone = [kernel(4, 2, 3, 3, seed=number) for number in range(3)]
    for number, weights in enumerate([*many, *alone]):
        weights.grad = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(number % 3))
    for batch in (many, *([each] for each in alone)):
        KernelMuon([{"params": batch}], RATE, 0.0).step()
    for together, single in zip(many, alone, strict=True):
        torch.testing.assert_close(together, single, rtol=1e-6, atol=1e-7)


def test_decay_pulls_and_the_rate_of_a_group_counts() -> None:
    weights = kernel(4, 2, 3, 3)
    optimiser = KernelMuon([{"params": [weights]}], RATE, 0.5)
    optimiser.param_groups[0]["lr"] = 2 * RATE
    start = weights.detach().clone()
    move = stepped(weights, optimiser, torch.zeros_like(weights))
    torch.testing.assert_close(move, -RATE * start)


def test_a_kernel_without_gradient_stays() -> None:
    weights, other = kernel(4, 2, 3, 3), kernel(2, 2, 3, 3, seed=3)
    optimiser = KernelMuon([{"params": [weights, other]}], RATE, 0.5)
    start = other.detach().clone()
    assert stepped(weights, optimiser, torch.ones_like(weights)).abs().min() > 0
    assert torch.equal(other, start)


def test_momentum_goes_on_from_a_state() -> None:
    gradients = [torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(number)) for number in range(3)]
    whole, first = kernel(4, 2, 3, 3), kernel(4, 2, 3, 3)
    optimiser, begun = (KernelMuon([{"params": [each]}], RATE, 0.0) for each in (whole, first))
    for gradient in gradients:
        stepped(whole, optimiser, gradient)
    for gradient in gradients[:2]:
        stepped(first, begun, gradient)
    second = nn.Parameter(first.detach().clone())
    going_on = KernelMuon([{"params": [second]}], RATE, 0.0)
    going_on.load_state_dict(begun.state_dict())
    stepped(second, going_on, gradients[2])
    assert torch.equal(second, whole)


@pytest.mark.parametrize("kernels", [True, False])
def test_recipes_give_it_matrices_and_kernels_if_they_say_so(kernels: bool) -> None:
    encoder, decoder = nn.Linear(6, 3), nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))
    recipe = TrainingRecipe(optimiser="muon", muon_kernels=kernels, fc_rate_ratio=0.4)
    optimiser = make_optimiser(recipe, encoder, decoder)
    shapes = [(group["ratio"], [tuple(p.shape) for p in group["params"]]) for group in optimiser.param_groups]
    kernel_shape, norms = (4, 2, 3, 3), [(4,), (4,), (4,)]
    if kernels:
        assert shapes == [(0.4, [(3, 6)]), (1.0, [kernel_shape]), (0.4, [(3,)]), (1.0, norms)]
    else:
        assert shapes == [(0.4, [(3, 6)]), (0.4, [(3,)]), (1.0, [kernel_shape, *norms])]


def test_distributions_of_codewords_are_no_kernels() -> None:
    """Steps of Muon are alike for all elements, however far their distributions are from what is sent."""
    codewords = torch.randn(50, 6, generator=torch.Generator().manual_seed(4))
    prior = FactorisedPrior(codewords)
    recipe = TrainingRecipe(optimiser="muon", muon_kernels=True)
    optimiser = make_optimiser(recipe, nn.Linear(6, 6), nn.Linear(6, 6), prior)
    prior.bits(codewords).mean().backward()
    before = prior.shape.detach().clone()
    optimiser.step()
    # A first step of Adam is as long as the rate wherever there is a gradient.
    moved = (prior.shape.detach() - before)[prior.shape.grad.abs() > 1e-4].abs()
    assert len(moved) > 20
    torch.testing.assert_close(moved, torch.full_like(moved, recipe.learning_rate), rtol=1e-2, atol=0)


def test_with_another_optimiser_who_takes_kernels_is_no_difference() -> None:
    recipes = [TrainingRecipe(optimiser="adam", muon_kernels=kernels).acting(10, 0.0) for kernels in (True, False)]
    assert recipes[0] == recipes[1]
