"""In how many bits weights are kept, by what fewer of them cost on validation channels."""

import pytest
import torch

from feedback.compressor import COMPRESSORS
from feedback.conformance.candidate import channels
from feedback.layers.binary import binary_weights
from feedback.neural import NeuralCompressor
from feedback.training.validation import decibel, validation_nmse
from feedback.training_set import TrainingSet
from feedback.weight_rounding import mean_inputs, rounded_state
from feedback.weight_storage import packed, unpacked
from linksim.preparation.stored_weights import MOST_COST_DB, STEPS, cheapest_storage

SHAPE = (8, 8)
CSI = channels(200, SHAPE)


def network(name: str = "csinet") -> NeuralCompressor:
    """As the KLT of the channels."""
    network_class = COMPRESSORS.get_class(name)
    made = network_class(network_class.Parameters.model_validate({"name": name, "compression_ratio": 4}), SHAPE)
    assert isinstance(made, NeuralCompressor)
    made.prepare(TrainingSet(CSI, CSI[:50]), torch.Generator().manual_seed(1))
    return made


def nmse_db(made: NeuralCompressor) -> float:
    return decibel(validation_nmse(made.encoder, made.decoder, CSI[:50]))


@pytest.mark.parametrize("name", ["csinet", "bcsinet-b3"])
def test_the_storage_costs_what_it_says_and_no_more_than_it_may(name: str) -> None:
    made = network(name)
    before = {name: tensor.clone() for name, tensor in made.state().items()}
    best = nmse_db(made)
    stored = cheapest_storage(made, CSI[:50])
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state().items())
    assert stored.storage == "coded"
    made.load_state(unpacked(stored.tensors, "coded", before, binary_weights(made)))
    # The very weights that were measured.
    assert nmse_db(made) - best == stored.cost_db
    assert stored.cost_db is not None
    assert stored.cost_db < MOST_COST_DB
    # The step is the widest of those to choose from: the next one costs too much.
    scale = "decoder.fc.weight/scale"
    step = float(stored.tensors[scale] / before["decoder.fc.weight"].square().mean().sqrt())
    wider = STEPS[[round(other, 5) for other in STEPS].index(round(step, 5)) - 1]
    made.load_state(before)
    means = mean_inputs(made, lambda: nmse_db(made))
    made.load_state(rounded_state(before, wider, binary_weights(made), means))
    assert nmse_db(made) - best >= MOST_COST_DB


def test_means_of_outputs_stay_where_weights_are_rounded() -> None:
    """Inputs far from 0, so that rounding weights alone would move all of a layer's outputs."""
    made = network()
    with torch.no_grad():
        made.encoder.fc.centre -= 100
        made.encoder.fc.bias.add_(-100 * made.encoder.fc.weight.sum(1))
    best, state = nmse_db(made), {name: tensor.clone() for name, tensor in made.state().items()}
    codewords = made.encode(CSI[:50]).values.mean(0)
    means = mean_inputs(made, lambda: made.encode(CSI[:50]))
    assert set(means) == {"encoder.fc"}
    made.load_state(rounded_state(state, 1 / 8, frozenset(), {}))
    assert nmse_db(made) - best > 1
    # Each of 128 inputs of 100 moves an output by up to half a step, evenly distributed.
    step = float(state["encoder.fc.weight"].square().mean().sqrt()) / 8
    moved = made.encode(CSI[:50]).values.mean(0) - codewords
    assert 0.5 < float(moved.square().mean()) / (128 * (100 * step) ** 2 / 12) < 2
    made.load_state(rounded_state(state, 1 / 8, frozenset(), means))
    # To the rounding of float32: sums of 128 products of sizes up to 100.
    assert (made.encode(CSI[:50]).values.mean(0) - codewords).abs().max() < 128 * 100 * 2**-23
    assert nmse_db(made) - best < 0.2


def test_weights_beside_one_that_is_larger_by_far_are_kept_in_half_precision() -> None:
    """The first value of each codeword is 0, so that its weights at the BS matter to nothing but the step of levels."""
    made = network()
    with torch.no_grad():
        made.encoder.fc.weight[0] = 0
        made.encoder.fc.bias[0] = 0
        made.decoder.fc.weight[:, 0] = 6e4
    stored = cheapest_storage(made, CSI[:50])
    assert stored.storage == "float16_fc"
    # Half precision rounds at 2^-11 of each weight, 66 dB below it.
    assert stored.cost_db is not None
    assert abs(stored.cost_db) < 0.01
    # All other weights become 0: every channel is rebuilt as the same image.
    made.load_state(unpacked(packed(made.state(), "coded", step=STEPS[-1]), "coded", made.state()))
    rebuilt = made.decode(made.encode(CSI[:50]))
    torch.testing.assert_close(rebuilt, rebuilt[:1].expand_as(rebuilt))


def test_weights_of_few_bits_stay_what_they_are_when_stored_again() -> None:
    made = network()
    before = made.state()
    first = unpacked(cheapest_storage(made, CSI[:50]).tensors, "coded", before)
    made.load_state(first)
    # Only the BS learns; what it comes to is at no levels.
    with torch.no_grad():
        made.decoder.fc.weight *= 1.01 + 0.01 * torch.rand_like(made.decoder.fc.weight)
    again = cheapest_storage(made, CSI[:50], frozenset(name for name in first if name.startswith("encoder.")))
    assert again.storage == "coded"
    read = unpacked(again.tensors, "coded", before)
    assert all(torch.equal(read[name], first[name]) for name in first if name.startswith("encoder."))


@pytest.mark.parametrize(("halved", "storage"), [(True, "float16_fc"), (False, "float32")])
def test_weights_that_have_to_stay_are_never_rounded(halved: bool, storage: str) -> None:
    made = network()
    if halved:
        made.load_state(unpacked(packed(made.state(), "float16_fc"), "float16_fc", made.state()))
    before = {name: tensor.clone() for name, tensor in made.state().items()}
    kept = frozenset(name for name in before if name.startswith("encoder."))
    stored = cheapest_storage(made, CSI[:50], kept)
    assert stored.storage == storage
    read = unpacked(stored.tensors, stored.storage, before)
    assert all(torch.equal(read[name].float(), before[name]) for name in kept)
