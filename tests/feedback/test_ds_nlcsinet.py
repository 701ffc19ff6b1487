"""DS-NLCsiNet: sizes in print, the non-local block token by token, and a dense block as a given function."""

import numpy as np
import pytest
import torch
from torch import nn

from feedback.compressor import COMPRESSORS
from feedback.compressors.ds_nlcsinet import DenseBlock
from feedback.initialisation.logits import BlockInput
from feedback.layers.delay_norm import DelayNorm
from feedback.layers.non_local import NonLocalBlock
from feedback.neural import NeuralCompressor


# ACRNet paper, Table I, which counts no norms and cuts parameters off after thousands.
@pytest.mark.parametrize(("ratio", "thousands"), [(4, 2108), (8, 1059), (16, 534), (32, 272), (64, 141)])
def test_has_the_published_parameters(ratio: int, thousands: int) -> None:
    network_class = COMPRESSORS.get_class("ds-nlcsinet")
    made = network_class(network_class.Parameters(name="ds-nlcsinet", compression_ratio=ratio), (32, 32))
    assert isinstance(made, NeuralCompressor)
    networks = (made.encoder, made.decoder)
    norms = [layer for network in networks for layer in network.modules() if isinstance(layer, DelayNorm)]
    assert len(norms) == 1 + 2 * 4
    found = made.complexity()
    assert (found.parameters - sum(2 * norm.num_features for norm in norms)) // 1000 == thousands
    # Convolutions over 1024 places, by kernels; 64 tokens of 32 values in four maps to and from 16 and two products.
    non_local, fc = 64 * 4 * 32 * 16 + 2 * 64 * 64 * 16, 2048 * 2048 // ratio
    dense = 9 * (2 * 8 + 10 * 16 + 26 * 2) + 28 * 2
    assert (found.ue_macs, found.bs_macs) == (
        1024 * 36 + non_local + fc,
        1024 * (36 + 2 * dense) + non_local + fc,
    )


def test_non_local_block_is_that_of_the_papers_code() -> None:
    torch.manual_seed(1)
    block, image = NonLocalBlock(4), torch.randn(3, 2, 4, 5)
    with torch.no_grad():
        found = block(image).numpy()
    theta, phi, g, out = (
        layer.weight.detach().numpy() for layer in (block.queries, block.keys, block.values, block.output)
    )
    # Keras: images lie [2, angle, delay], and the delay is taken for channels.
    for sample, expected in zip(image.numpy(), found, strict=True):
        tokens = [sample[part, :, port] for part in range(2) for port in range(5)]
        for place, token in enumerate(tokens):
            weights = np.exp([(theta @ token) @ (phi @ other) for other in tokens])
            mixed = sum(w * (g @ other) for w, other in zip(weights / weights.sum(), tokens, strict=True))
            part, port = divmod(place, 5)
            # Float32 sums of few products.
            assert expected[part, :, port] == pytest.approx(token + out @ mixed, abs=1e-5)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_dense_block_starts_as_a_given_function(shift: float) -> None:
    torch.manual_seed(1)
    rows = torch.tensor([1.0, 0.5, 0.2, 0.01])[:, None].expand(4, 6).flatten()
    given = BlockInput(torch.randn(500, 2, 24) * rows, 2.0, shift)
    images = given.values.unflatten(2, (4, 6))
    block = DenseBlock(4)
    path = block.start_path(given, torch.zeros_like(given.values), torch.ones(()).expand_as(given.values))
    # Least squares that are loaded a little.
    assert path.abs().max() < 1e-3
    bent = given.values + 0.3 * given.deviations.abs()
    path = block.start_path(given, bent - given.values, torch.ones(()).expand_as(bent))
    with torch.no_grad():
        for mode in (False, True):
            # By the statistics that norms were given, and by those of the same images.
            made = block.train(mode)(images).flatten(2)
            assert torch.allclose(made, given.values + path, atol=1e-4)
            # A bend at 0 is one of its hinges.
            assert torch.allclose(made, bent, atol=2e-3)


def test_dense_block_has_no_path_to_silence() -> None:
    with pytest.raises(TypeError, match="no sum"):
        DenseBlock(4).silence()
    assert isinstance(DenseBlock(4).activation, nn.Identity)
