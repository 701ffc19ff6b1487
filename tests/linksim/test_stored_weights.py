"""In how many bits weights are kept, by what 8 of them cost on validation channels."""

import torch

from feedback.compressors.csinet import CsiNet
from feedback.conformance.candidate import channels
from feedback.training_set import TrainingSet
from feedback.weight_storage import packed, unpacked
from linksim.preparation.stored_weights import cheapest_storage

SHAPE = (8, 8)
CSI = channels(200, SHAPE)


def network() -> CsiNet:
    """As the KLT of the channels."""
    made = CsiNet(CsiNet.Parameters(compression_ratio=4), SHAPE)
    made.prepare(TrainingSet(CSI, CSI[:50]), torch.Generator().manual_seed(1))
    return made


def test_weights_that_are_levels_cost_nothing() -> None:
    made = network()
    made.load_state(unpacked(packed(made.state(), "int8"), "int8"))
    before = {name: tensor.clone() for name, tensor in made.state().items()}
    storage, cost = cheapest_storage(made, CSI[:50])
    # Levels of a row's own largest weight come back to a rounding of float32.
    assert (storage, round(cost, 4)) == ("int8", 0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in made.state().items())


def test_weights_beside_one_that_is_larger_by_far_are_kept_in_half_precision() -> None:
    """The first value of each codeword is 0, so that its weights at the BS matter to nothing but the scales of rows."""
    made = network()
    with torch.no_grad():
        made.encoder.fc.weight[0] = 0
        made.encoder.fc.bias[0] = 0
        made.decoder.fc.weight[:, 0] = 1e4
    storage, cost = cheapest_storage(made, CSI[:50])
    assert storage == "float16_fc"
    # All other weights become 0: every channel is rebuilt as the same image.
    made.load_state(unpacked(packed(made.state(), "int8"), "int8"))
    rebuilt = made.decode(made.encode(CSI[:50]))
    torch.testing.assert_close(rebuilt, rebuilt[:1].expand_as(rebuilt))
    assert cost > 3
