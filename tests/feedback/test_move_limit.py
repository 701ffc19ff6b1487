"""Learning rates by what steps move: closed forms of linear networks, and networks of the papers."""

import math

import pytest
import torch
from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import Candidate, channels
from feedback.conformance.network import network_of
from feedback.layers.images import to_unit_interval
from feedback.training.autoencoder import Autoencoder
from feedback.training.loop import train
from feedback.training.move_limit import MoveLimit
from feedback.training.optimiser import make_optimiser
from feedback.training.options import TrainingOptions
from feedback.training.recipe import TrainingRecipe
from feedback.training_set import TrainingSet

CSI = 0.2 * torch.randn(50, 4, 4, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
MUON = TrainingRecipe(optimiser="muon", muon_kernels=True, learning_rate=1.0)


class Shift(nn.Module):
    """Adds a value to all, times a stiffness."""

    def __init__(self, stiffness: float) -> None:
        super().__init__()
        self.stiffness = stiffness
        self.value = nn.Parameter(torch.tensor(0.5))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + self.stiffness * self.value


def shifted(*stiffness: float) -> Autoencoder:
    return Autoencoder(*(Shift(one) for one in stiffness))


def test_a_step_moves_what_the_limit_says() -> None:
    # All reconstructions are off by 0.5 + 2; a step of Adam at a rate of 1 moves the second value's by 4.
    network = shifted(1.0, 4.0)
    limit = MoveLimit(network, CSI, TrainingOptions(), most=0.5)
    encoder, decoder = (next(part.parameters()) for part in (network.encoder, network.decoder))
    assert limit.share(encoder, 1.0, by_muon=False) == 1
    # 0.5 * 2.5 / 4 is between 1/4 and 1/2, nearer to 1/4 as a ratio.
    assert limit.share(decoder, 1.0, by_muon=False) == 0.25
    assert limit.share(decoder, 0.25, by_muon=False) == 1
    assert [encoder.item(), decoder.item()] == [0.5, 0.5]


def test_a_step_of_muon_is_as_long_as_its_own() -> None:
    layer = nn.Linear(32, 32, bias=False)
    nn.init.eye_(layer.weight)
    network = Autoencoder(nn.Sequential(nn.Flatten(), layer), nn.Sequential(nn.Unflatten(1, (2, 4, 4)), Shift(1.0)))
    images, rate = to_unit_interval(CSI), 0.01
    # An orthogonal move of 0.2 sqrt(32) times the rate, singular values within 0.68 and 1.13, of images of one norm.
    longest = 0.2 * math.sqrt(32) * rate * float(images.norm()) / (0.5 * math.sqrt(images.numel()))
    assert MoveLimit(network, CSI, TrainingOptions(), most=1.14 * longest).share(layer.weight, rate, by_muon=True) == 1
    assert (
        MoveLimit(network, CSI, TrainingOptions(), most=0.1 * longest).share(layer.weight, rate, by_muon=True) == 0.125
    )


def test_a_step_that_leads_to_no_number_is_shortened() -> None:
    network = shifted(1.0, 1e38)
    nn.init.zeros_(network.decoder.value)
    share = MoveLimit(network, CSI, TrainingOptions(), most=0.5).share(network.decoder.value, 1.0, by_muon=False)
    assert 0 < share < 1e-6


def test_parameters_that_differ_learn_at_rates_of_their_own() -> None:
    network = shifted(1.0, 4.0)
    limit = MoveLimit(network, CSI, TrainingOptions(), most=0.5)
    groups = make_optimiser(MUON, network.encoder, network.decoder, limit=limit).param_groups
    assert [(group["ratio"], group["encodes"]) for group in groups] == [(1.0, True), (0.25, False)]
    assert all(group["ratio"] == 1 for group in make_optimiser(MUON, network.encoder, network.decoder).param_groups)


@pytest.mark.parametrize(("optimiser", "limited"), [("adam", True), ("sgd", False)])
def test_the_first_step_of_a_training_keeps_to_it(optimiser: str, limited: bool) -> None:
    section = {"samples": 50, "batch_size": 50, "validations": 1, "warmup": 0, "schedule": "constant"}
    section |= {"optimiser": optimiser, "learning_rate": 0.5}
    moves = []
    for most in (None, 0.05):
        network = shifted(1.0, 4.0)
        recipe = TrainingRecipe.model_validate(section | {"largest_move": most})
        seed = torch.Generator().manual_seed(2)
        train(network.encoder, network.decoder, TrainingSet(CSI, CSI[:10]), recipe, seed)
        moves.append(0.5 - network.decoder.value.item())
    # Adam's first step is its rate, of which the limit leaves 1/32: 0.05 * 2.5 / 4.
    assert moves[1] == pytest.approx(1 / 32 if limited else moves[0], rel=1e-4)
    assert moves[0] != pytest.approx(1 / 32, rel=0.1)


def test_a_start_without_error_stays() -> None:
    options = TrainingOptions(errors=lambda image, rebuilt: torch.full((len(image),), -1e-9))
    network = shifted(1.0, 4.0)
    assert MoveLimit(network, CSI, options, most=0.5).share(network.decoder.value, 1.0, by_muon=False) == 0


@pytest.mark.parametrize("name", ["acrnet", "bcsinet-b3", "cllwcsinet", "csinet", "deq"])
def test_networks_of_the_papers_keep_their_weights_and_the_limit(name: str) -> None:
    made = network_of(Candidate(COMPRESSORS.get_class(name), {"name": name}, shape=(8, 8), compression_ratio=8))
    csi = channels(60, (8, 8))
    made.prepare(TrainingSet(csi, csi[:10]), torch.Generator().manual_seed(1))
    network = made.autoencoder()
    before = [tensor.clone() for tensor in network.state_dict().values()]
    limit = MoveLimit(network, csi, TrainingOptions(), most=0.1)
    shares = {parameter: limit.share(parameter, 0.02, by_muon=False) for parameter in network.parameters()}
    assert all(torch.equal(*pair) for pair in zip(network.state_dict().values(), before, strict=True))
    assert min(shares.values()) < 0.5
    # With its share a parameter needs no other, or the next power of two, where steps move in proportion.
    again = [limit.share(parameter, 0.02 * share, by_muon=False) for parameter, share in shares.items()]
    assert min(again) >= 0.25
