"""Starts of any chain of layers at the BS: images of linear reconstructions, or a reason why there is none."""

import pytest
import torch
from torch import Tensor, nn

from feedback.compressors.cl_csinet import ClCsiNet
from feedback.initialisation.problem import linear_start_problem
from feedback.initialisation.refinement import start_refinement
from feedback.initialisation.scales import with_end
from feedback.initialisation.thresholds import best_thresholds
from feedback.layers.basic import ConvBn, RefineNet, initialise, leaky_relu
from feedback.layers.equilibrium_blocks import BsEquilibrium
from feedback.layers.images import ImageScale

DEVIATION = 0.04


def refine_net(activation: nn.Module) -> RefineNet:
    block = RefineNet()
    block.activation = activation
    return block


def deviations() -> Tensor:
    """Sparse images ``[400, 2, 64]`` around 0 with entries up to 0.4."""
    generator = torch.Generator().manual_seed(5)
    white = torch.randn(400, 2, 64, generator=generator)
    images = white * white.abs() ** 2
    return 0.4 * images / images.abs().amax()


CHAINS: dict[str, list[nn.Module]] = {
    "several convolutions before": [ConvBn(2, 2, 3, leaky_relu()), ConvBn(2, 2, 5), RefineNet(), RefineNet()],
    "several convolutions after": [RefineNet(), RefineNet(), ConvBn(2, 2, 3), ConvBn(2, 2, 1), nn.Identity()],
    "plain convolutions": [nn.Conv2d(2, 2, 3, padding="same"), RefineNet(), nn.Conv2d(2, 2, 1, bias=False)],
    "another slope": [ConvBn(2, 2, 3, nn.LeakyReLU(0.1)), refine_net(nn.LeakyReLU(0.05)), RefineNet()],
    "slopes learnt in part": [ConvBn(2, 2, 3, nn.PReLU(2)), RefineNet(), refine_net(nn.PReLU()), RefineNet()],
    "an equilibrium": [BsEquilibrium(5)],
    "nothing after a sum": [ConvBn(2, 2, 3, leaky_relu()), refine_net(nn.Identity()), RefineNet()],
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("end", [nn.Sigmoid, nn.Hardsigmoid, ImageScale])
@pytest.mark.parametrize("training", [False, True])
def test_images_of_linear_reconstructions(name: str, end: type[nn.Module], training: bool) -> None:
    refinement, linear = nn.Sequential(*CHAINS[name], end()), deviations()
    assert linear_start_problem(nn.Identity(), refinement) is None
    with torch.no_grad():
        initialise(refinement, torch.Generator().manual_seed(1))
        start_refinement(refinement, linear, DEVIATION)
        refinement.train(training)
        image = refinement((linear / DEVIATION).unflatten(2, (8, 8))).flatten(2)
    error = (image - 0.5 - linear).square().mean() / linear.square().mean()
    # A straight line before the sigmoid leaves 0.01.
    assert float(error) < 1e-4


def test_thresholds_of_a_function_that_hinges_make() -> None:
    x = torch.linspace(-1.2, 1.2, 4001, dtype=torch.float64)
    # Thresholds to choose from are 24ths of the largest argument.
    known = [5 * 1.2 / 24, 17 * 1.2 / 24]
    leaky = leaky_relu()
    kinks = sum((leaky(x - t) - 2 * leaky(-x - t) for t in known), torch.zeros_like(x))
    bend = 0.3
    for bends, function in (((), kinks), ((bend,), kinks + 3 * (x - bend).abs())):
        found = best_thresholds(x[None], function[None], torch.ones_like(x)[None], bends, 2)
        assert found == pytest.approx(known)
    assert best_thresholds(x[None], kinks[None], torch.ones_like(x)[None], (), 0) == []


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([ConvBn(2, 2, 3), refine_net(nn.ReLU())], "the activation of RefineNet at the BS loses negative values"),
        ([ConvBn(2, 2, 3, nn.ReLU()), RefineNet()], "the activation of ConvBn at the BS loses negative values"),
        ([RefineNet(), ConvBn(2, 2, 3, leaky_relu())], "an activation after the last block"),
        ([RefineNet()], "there is no convolution"),
        ([ConvBn(2, 2, 3)], "has no hinges"),
        ([ConvBn(2, 2, 3), RefineNet(), BsEquilibrium(5)], "BsEquilibrium at the BS cannot pass images on"),
        ([nn.Tanh(), RefineNet()], "Tanh at the BS cannot pass images on"),
    ],
)
def test_says_why_there_is_none(layers: list[nn.Module], reason: str) -> None:
    assert reason in str(linear_start_problem(nn.Identity(), nn.Sequential(*layers, nn.Sigmoid())))


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ([ConvBn(2, 2, 3, leaky_relu())], "has no hinges"),
        ([ConvBn(2, 2, 3), RefineNet(), nn.Tanh()], "Tanh at the BS cannot pass images on"),
    ],
)
def test_says_why_there_is_none_without_a_sigmoid(layers: list[nn.Module], reason: str) -> None:
    refinement = nn.Sequential(*layers)
    assert reason in str(linear_start_problem(nn.Identity(), refinement))
    assert with_end(refinement) is refinement


class LosesNegativeValues(ClCsiNet):
    def build_refinement(self) -> nn.Module:
        return nn.Sequential(ConvBn(2, 2, 3, nn.ReLU()), RefineNet(), nn.Sigmoid())


def test_a_convolutional_latent_space_without_a_linear_start_is_drawn() -> None:
    network = LosesNegativeValues(LosesNegativeValues.Parameters(name="cl-csinet", compression_ratio=8), (8, 8))
    assert network.start_problem == "the activation of ConvBn at the BS loses negative values"
    assert not network.starts_as_klt
    with pytest.raises(TypeError, match="the activation of ConvBn"):
        start_refinement(network.decoder.refinement, deviations(), DEVIATION)
