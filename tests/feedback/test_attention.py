"""Transformers over rows, against PyTorch's own layers and counted by hand."""

import torch
from torch import nn

from feedback.complexity import count_macs, count_parameters
from feedback.layers.attention import Attention, RowTransformer, TransformerLayer


def test_layer_is_pytorchs() -> None:
    ours = TransformerLayer(width=8, heads=2, hidden=16)
    theirs = nn.TransformerEncoderLayer(
        8, 2, dim_feedforward=16, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    names = {
        "first_norm": "norm1",
        "second_norm": "norm2",
        "attention.inputs": "self_attn.in_proj",
        "attention.output": "self_attn.out_proj",
        "widen": "linear1",
        "narrow": "linear2",
    }
    state = {}
    for name, tensor in ours.state_dict().items():
        place, _, kind = name.rpartition(".")
        joint = "_" if names[place].endswith("in_proj") else "."
        state[f"{names[place]}{joint}{kind}"] = tensor
    theirs.load_state_dict(state)
    tokens = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    theirs.eval()
    with torch.no_grad():
        # Float32 sums of some 16 products, twice.
        assert torch.allclose(ours(tokens), theirs(tokens), atol=1e-5)


def test_multiply_adds_are_those_of_the_matrices() -> None:
    tokens, width = 5, 8
    attention = 4 * tokens * width**2 + 2 * tokens**2 * width
    assert count_macs(Attention(width, 2), torch.zeros(1, tokens, width)) == attention
    whole = RowTransformer((tokens, 6), width, layers=3, heads=2)
    each = attention + 2 * tokens * width * 2 * width
    assert count_macs(whole, torch.zeros(1, 2, tokens, 6)) == 3 * each + 2 * tokens * 12 * width
    # Four matrices and biases in an attention, two FC layers, two norms; embedding, positions, norm, projection.
    layer = 4 * (width**2 + width) + 2 * 2 * width**2 + 3 * width + 4 * width
    assert count_parameters(whole) == 3 * layer + 12 * width + width + tokens * width + 2 * width + 12 * width + 12


def test_a_silent_path_passes_the_image() -> None:
    image = torch.rand(2, 2, 5, 6)
    whole = RowTransformer((5, 6), 8, layers=1, heads=2)
    whole.silence()
    assert torch.equal(whole(image), image)
    whole.start_as_identity(torch.zeros(2), torch.ones(2), 0.02)
    assert torch.allclose(whole(image), image / 0.02)
