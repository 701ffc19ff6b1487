"""What every network must obey beyond the contract of compressors."""

import torch

from feedback.compressor import Compressor
from feedback.conformance.candidate import Candidate, csi_for
from feedback.conformance.compressor import CHECKS
from feedback.conformance.contract import Check, ContractError, demand
from feedback.neural import NeuralCompressor
from feedback.training.recipe import TrainingRecipe

# Enough for every step of training to run.
QUICK = TrainingRecipe(epochs=1, batch_size=12)


def candidate_of(compressor: type[Compressor], given: dict[str, object]) -> Candidate:
    """A candidate of a class; networks learn for one epoch.

    Args:
        compressor: subclass of ``Compressor``.
        given: parameters other than the compression ratio.
    """
    section = {**compressor.Parameters.example, **given}
    chosen = compressor.chosen_by(compressor.Parameters.model_validate(section))
    quick = {"recipe": QUICK.model_dump()} if issubclass(chosen, NeuralCompressor) else {}
    return Candidate(chosen, section, quick=quick)


def checks_of(candidate: Candidate) -> tuple[Check, ...]:
    """The checks that a candidate has to pass."""
    return CHECKS + NETWORK_CHECKS if issubclass(candidate.compressor, NeuralCompressor) else CHECKS


def network_of(candidate: Candidate) -> NeuralCompressor:
    """A new network."""
    network = candidate.build()
    assert isinstance(network, NeuralCompressor)
    return network


def check_construction_draws_nothing(candidate: Candidate) -> None:
    """Building a network leaves PyTorch's global generator alone."""
    before = torch.random.get_rng_state()
    network_of(candidate)
    demand(torch.equal(torch.random.get_rng_state(), before), "the constructor drew from the global generator")


def check_construction_reads_no_value(candidate: Candidate) -> None:
    """A network can be built without values, as it is before its weights are read."""
    try:
        with torch.device("meta"):
            network_of(candidate)
    except RuntimeError as error:
        text = " ".join(str(error).split())[:200]
        raise ContractError(f"the constructor reads values ({text}), expected one that reads none") from error


def check_encoder_and_decoder_share_nothing(candidate: Candidate) -> None:
    """Encoder and decoder share no tensor."""
    network = network_of(candidate)
    encoder = {tensor.data_ptr(): name for name, tensor in network.encoder.state_dict().items()}
    for name, tensor in network.decoder.state_dict().items():
        shared = encoder.get(tensor.data_ptr())
        demand(shared is None, f"got one tensor as encoder.{shared} and decoder.{name}, expected one at each side")


def check_gradients(candidate: Candidate) -> None:
    """The gradient reaches every parameter."""
    network = network_of(candidate)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(8, *network.image_shape, generator=generator)
    _, rebuilt, _ = network.autoencoder().train()(images, None, generator)
    (rebuilt - images).square().sum().backward()
    for side, module in (("encoder", network.encoder), ("decoder", network.decoder)):
        for name, parameter in module.named_parameters():
            gradient = parameter.grad
            reached = gradient is not None and bool(gradient.isfinite().all()) and bool((gradient != 0).any())
            demand(reached, f"{side}.{name}: got no gradient, or one of zeros or NaN, expected one that trains it")


def check_complexity_agrees_with_the_networks(candidate: Candidate) -> None:
    """Counted parameters are those of the networks."""
    network = network_of(candidate)
    cost = network.complexity()
    for side, count, modules in (
        ("UE", cost.ue_parameters, network.ue_networks),
        ("BS", cost.bs_parameters, (network.decoder,)),
    ):
        found = sum(parameter.numel() for module in modules for parameter in module.parameters())
        demand(count == found, f"complexity: got {count} parameters at the {side}, expected {found}")


def check_inference_changes_no_weight(candidate: Candidate) -> None:
    """Encoding and decoding leave weights and running statistics alone."""
    network = network_of(candidate)
    before = {name: tensor.clone() for name, tensor in network.state().items()}
    network.decode(network.encode(csi_for(network, 5)))
    for name, tensor in network.state().items():
        demand(torch.equal(before[name], tensor), f"{name}: got another value after inference, expected the same")


def check_evaluation_mode(candidate: Candidate) -> None:
    """A network is in evaluation mode when it is built, and again when it has been trained or loaded."""
    for when, network in (("built", candidate.build()), ("trained", candidate.fitted), ("loaded", candidate.twin())):
        training = [name or "the network itself" for name, module in network.named_modules() if module.training]
        demand(not training, f"{', '.join(training[:3])}: got training mode once {when}, expected evaluation mode")


NETWORK_CHECKS: tuple[Check, ...] = (
    check_construction_draws_nothing,
    check_construction_reads_no_value,
    check_encoder_and_decoder_share_nothing,
    check_gradients,
    check_complexity_agrees_with_the_networks,
    check_inference_changes_no_weight,
    check_evaluation_mode,
)
