"""Starts from the KLT: networks that are the best linear codec before their first step."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.cl_csinet import ClCsiNet
from feedback.initialisation.klt import real_klt
from feedback.layers.basic import RefineNet, leaky_relu
from feedback.layers.binary import signs_of
from feedback.networks.fully_connected import FullyConnectedNetwork
from feedback.networks.linear_start import LinearStartNetwork
from feedback.training.default_recipes import ADAPTATION_RECIPE, DRAWN_RECIPE, KLT_RECIPE
from feedback.training.disturbance import Disturbance
from feedback.training.schedule import learning_rate
from feedback.training_set import TrainingSet

SHAPE = (8, 8)
FLOAT = ["csinet", "csinet+", "crnet", "clnet", "acrnet", "deq", "ds-nlcsinet"]
BINARY = ["bcrnet", "bacrnet", "bcsinet-a2", "bcsinet-b3", "bcsinet-c2"]
NAMES = FLOAT + BINARY
CONVOLUTIONAL = ["cl-csinet", "cl-crnet", "cl-acrnet", "cllwcsinet"]


def network(name: str, init: str | None = "klt", **parameters: object) -> LinearStartNetwork:
    network_class = COMPRESSORS.get_class(name)
    made = network_class(network_class.Parameters(name=name, compression_ratio=8, init=init, **parameters), SHAPE)
    assert isinstance(made, LinearStartNetwork)
    return made


def weak_channels(n: int, seed: int) -> Tensor:
    """Few strong and many weak directions; entries near 0.2, where the sigmoid is almost linear."""
    mixing = torch.randn(64, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(9))
    white = torch.randn(n, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
    csi = ((white * torch.exp(-torch.arange(64) / 6)) @ mixing).unflatten(1, SHAPE)
    return 0.2 * csi / csi.abs().amax(dim=(1, 2), keepdim=True)


TRAINING = TrainingSet(weak_channels(2000, seed=1), weak_channels(300, seed=2))


def nmse_db(rebuilt: Tensor, csi: Tensor) -> float:
    error = (rebuilt - csi).abs().double().square().sum(dim=(1, 2))
    return 10 * math.log10(float((error / csi.abs().double().square().sum(dim=(1, 2))).mean()))


def linear_codec(csi: Tensor, matrix: Tensor) -> Tensor:
    """Regression of the training images on their codewords, applied to other channels."""

    def flat(channels: Tensor) -> Tensor:
        return torch.cat([channels.real.flatten(1), channels.imag.flatten(1)], dim=1).double()

    # Every carrier phase is as likely: a quarter turn of each channel makes the moments those of a proper process.
    images = torch.cat([flat(TRAINING.train), flat(1j * TRAINING.train)])
    codewords = images @ matrix.T.double()
    inverse = torch.linalg.lstsq(codewords, images).solution
    real, imaginary = (flat(csi) @ matrix.T.double() @ inverse).chunk(2, dim=1)
    return torch.complex(real, imaginary).unflatten(1, SHAPE)


@pytest.mark.parametrize("name", NAMES)
def test_starts_as_the_best_linear_codec(name: str) -> None:
    made = network(name)
    made.prepare(TRAINING, torch.Generator().manual_seed(1))
    matrix = real_klt(TRAINING, made.length)
    if isinstance(made, FullyConnectedNetwork) and made.binary_encoder:
        matrix = signs_of(matrix)
    csi = TRAINING.validation
    found = nmse_db(made.decode(made.encode(csi)), csi)
    # What is left is the curvature of the sigmoid: 4/3 (0.1)^2 of the strongest entries at most, far below the error.
    assert found == pytest.approx(nmse_db(linear_codec(csi, matrix), csi), abs=0.1)


class OpenBlock(RefineNet):
    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation


class OfUser(FullyConnectedNetwork):
    """Without a convolution at the UE, and without a sigmoid at the BS."""

    def build_features(self) -> nn.Module:
        return OpenBlock(leaky_relu())

    def build_refinement(self) -> nn.Module:
        return nn.Sequential(OpenBlock(leaky_relu()), OpenBlock(nn.Identity()))


class Bare(OfUser):
    def build_features(self) -> nn.Module:
        return nn.Identity()

    def build_refinement(self) -> nn.Module:
        return nn.Identity()


def of_user(kind: type[OfUser]) -> LinearStartNetwork:
    return kind(kind.Parameters(name="of_user", compression_ratio=8), SHAPE)


@pytest.mark.parametrize("kind", [OfUser, Bare])
def test_networks_without_a_sigmoid_start_as_the_klt(kind: type[OfUser]) -> None:
    made = of_user(kind)
    made.prepare(TRAINING, torch.Generator().manual_seed(1))
    csi = TRAINING.validation
    linear = nmse_db(linear_codec(csi, real_klt(TRAINING, made.length)), csi)
    assert nmse_db(made.decode(made.encode(csi)), csi) == pytest.approx(linear, abs=0.01)


def networks_with_float_fc() -> dict[str, LinearStartNetwork]:
    """Of the registry, and users'."""
    found = {kind.__name__: of_user(kind) for kind in (OfUser, Bare)}
    for name in COMPRESSORS:
        kind = COMPRESSORS.get_class(name)
        if issubclass(kind, FullyConnectedNetwork):
            made = kind(kind.Parameters(name=name, compression_ratio=8, csi="matrix"), SHAPE)
            if made.starts_as_klt and not made.binary_encoder:
                found[name] = made
    return found


WITH_FLOAT_FC = networks_with_float_fc()


@pytest.mark.parametrize("name", WITH_FLOAT_FC)
def test_both_fc_layers_start_in_the_scale_that_steps_are_made_for(name: str) -> None:
    """A step of Muon has the same length whatever the weights'; for weights in the scale of logits it is too long."""
    made = WITH_FLOAT_FC[name]
    assert isinstance(made, FullyConnectedNetwork)
    made.prepare(TRAINING, torch.Generator().manual_seed(1))
    ue, bs = made.encoder.fc.weight, made.decoder.fc.weight
    torch.testing.assert_close(ue @ ue.T, torch.eye(made.length), atol=1e-5, rtol=0)
    torch.testing.assert_close(bs, ue.T, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", [*FLOAT, "acrnet-10x", "cl-csinet", "cllwcsinet"])
def test_strong_entries_are_bent_into_logits(name: str) -> None:
    # Three strong entries, the largest of modulus 1, are all there is: the linear codec has no error.
    generator = torch.Generator().manual_seed(3)
    csi = torch.zeros(3000, *SHAPE, dtype=torch.complex64)
    csi[:, 0, :3] = torch.randn(3000, 3, dtype=torch.complex64, generator=generator)
    csi = csi / csi.abs().amax(dim=(1, 2), keepdim=True)
    kind = COMPRESSORS.get_class(name)
    made = kind(kind.Parameters(name=name, compression_ratio=4), SHAPE)
    made.prepare(TrainingSet(csi[:2500], csi[2500:]), torch.Generator().manual_seed(1))
    # A sigmoid after a straight line of the best slope is 17 dB below these entries, after the hinges of one block 23.
    assert nmse_db(made.decode(made.encode(csi[2500:])), csi[2500:]) < -32


@pytest.mark.parametrize("name", ["csinet", "crnet", "acrnet-1x", "deq"])
def test_start_spreads_entries_over_the_levels_of_a_quantiser(name: str) -> None:
    csi, bits = TRAINING.validation, 6
    quantiser = Disturbance(bits=bits)
    found = {}
    for disturbance in (None, quantiser):
        made = network(name, disturbance=disturbance)
        made.prepare(TRAINING, torch.Generator().manual_seed(1))
        codeword = made.encode(csi)
        received = replace(codeword, values=quantiser.quantise(codeword.values))
        found[disturbance] = nmse_db(made.decode(received), csi)
    linear = 10 ** (nmse_db(linear_codec(csi, real_klt(TRAINING, made.length)), csi) / 10)
    # A normal entry in 64 levels after a sigmoid of the best spread loses 0.0007 of its power; the bound is twice that,
    # and what entries of these channels lose. Without gains the weak ones are within one level.
    assert found[quantiser] < 10 * math.log10(linear + 0.0014)
    assert found[None] > found[quantiser] + 1


class OpenLatentSpace(ClCsiNet):
    """Without a convolution before the latent space, and without a sigmoid."""

    def build_features(self) -> nn.Module:
        return nn.Identity()

    def build_refinement(self) -> nn.Module:
        return OpenBlock(nn.Identity())


@pytest.mark.parametrize("name", [*CONVOLUTIONAL, "of a user"])
def test_convolutional_latent_space_starts_as_the_klt_of_angles(name: str) -> None:
    parameters = ClCsiNet.Parameters(compression_ratio=8)
    made = OpenLatentSpace(parameters, SHAPE) if name == "of a user" else network(name)
    made.prepare(TRAINING, torch.Generator().manual_seed(1))
    csi = TRAINING.validation

    def angles(channels: Tensor) -> Tensor:
        return torch.cat([channels.real, channels.imag], dim=1).double()

    vectors = angles(TRAINING.train).transpose(1, 2).flatten(0, 1)
    axes = torch.linalg.svd(vectors, full_matrices=False).Vh[: made.length // SHAPE[1]]
    rebuilt = axes.T @ (axes @ angles(csi))
    linear = nmse_db(torch.complex(*rebuilt.chunk(2, dim=1)), csi)
    assert nmse_db(made.decode(made.encode(csi)), csi) == pytest.approx(linear, abs=0.1)


@pytest.mark.parametrize("name", NAMES + CONVOLUTIONAL)
def test_batch_statistics_are_the_running_ones(name: str) -> None:
    made = network(name)
    made.prepare(TRAINING, torch.Generator().manual_seed(1))
    # 500 of the 2000 channels that the statistics are from.
    csi = TRAINING.train[:500]
    before = nmse_db(made.decode(made.encode(csi)), csi)
    made.encoder.train()
    made.decoder.train()
    with torch.no_grad():
        in_training = nmse_db(made.decode(made.encode(csi)), csi)
    assert in_training == pytest.approx(before, abs=0.1)


@pytest.mark.parametrize("name", NAMES + CONVOLUTIONAL)
def test_means_stay_within_a_few_deviations_at_the_bs(name: str) -> None:
    """Convolutions pad with zeros: beside a mean of many deviations, edges are unlike the rest of an image."""
    made = network(name)
    made.prepare(TRAINING, torch.Generator().manual_seed(1))
    codeword = made.encode(TRAINING.validation)
    found: list[float] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        (image,) = inputs
        found.append(float(image.mean(dim=(0, 2, 3)).abs().max() / image.std(dim=(0, 2, 3)).max()))

    for layer in made.decoder.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_pre_hook(note)
    made.decode(codeword)
    assert len(found) >= 4
    assert max(found) < 7


@pytest.mark.parametrize("activation", ["lrelu", "sprelu"])
@pytest.mark.parametrize("expansion", ["aggregated", "width", "depth"])
def test_every_acrnet_starts_as_the_klt(activation: str, expansion: str) -> None:
    made = network("acrnet", activation=activation, decoder_expansion=expansion, expansion=2)
    made.prepare(TRAINING, torch.Generator().manual_seed(1))
    csi = TRAINING.validation
    linear = nmse_db(linear_codec(csi, real_klt(TRAINING, made.length)), csi)
    assert nmse_db(made.decode(made.encode(csi)), csi) == pytest.approx(linear, abs=0.1)


def test_refuses_where_there_is_no_linear_start() -> None:
    with pytest.raises(ValueError, match="init is 'klt', expected 'xavier'"):
        network("bacrnet", decoder_fc="binary")
    assert not network("bacrnet", init=None, decoder_fc="binary").starts_as_klt


def test_recipes_suit_the_start() -> None:
    assert network("acrnet").default_recipe == network("acrnet", init=None).default_recipe == KLT_RECIPE
    # The rate is held up to the decay, in which it lets go.
    assert [learning_rate(KLT_RECIPE, spent) for spent in (0.05, 0.4, 0.7, 1.0)] == [2e-2, 2e-2, 2e-2, 5e-5]
    drawn = network("acrnet", init="xavier").default_recipe
    assert (drawn.epochs, drawn.learning_rate, drawn.fc_rate_ratio) == (2500, 4e-3, 1.0)
    # What is drawn because its layers are no linear codec learns by the same recipe, at full steps whatever the budget.
    assert network("bacrnet", init=None, decoder_fc="binary").default_recipe == DRAWN_RECIPE
    for init in ("klt", "xavier"):
        assert network("acrnet", init=init).adaptation_recipe == ADAPTATION_RECIPE
