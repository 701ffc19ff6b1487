"""Weights that are set once a network is made, instead of drawn."""

import torch
from torch import nn

from feedback import make_compressor
from feedback.layers.set_later import Linear, weights_set_later


def test_layers_draw_nothing_within_and_pytorchs_weights_without() -> None:
    torch.manual_seed(1)
    expected = nn.Linear(3, 4).state_dict()
    torch.manual_seed(1)
    found = Linear(3, 4).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    before = torch.random.get_rng_state()
    with weights_set_later():
        forgotten = Linear(3, 4)
    # Whoever forgets to set them is told, as no NaN passes a training or a report.
    assert all(parameter.isnan().all() for parameter in forgotten.parameters())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_network_with_another_ones_weights_is_that_one() -> None:
    drawn = make_compressor("csinet", shape=(16, 16), compression_ratio=4)
    with weights_set_later():
        other = make_compressor("csinet", shape=(16, 16), compression_ratio=4)
    other.load_state(drawn.state())
    assert all(torch.equal(other.state()[name], tensor) for name, tensor in drawn.state().items())
    assert not [name for name, module in other.named_modules() if module.training]
