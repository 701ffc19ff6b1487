"""Transformers over rows, against PyTorch's own layers and counted by hand."""

import pytest
import torch
from torch import Tensor, nn

from feedback.complexity import count_macs, count_parameters
from feedback.compressors.parameters.transnet import TransNetParameters
from feedback.compressors.transnet import BsLayer, UeLayer
from feedback.csi_dimensions import CsiDimensions
from feedback.errors import FeedbackInputError
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


def _joined(state: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """Tensors of ours by PyTorch's names; those that share a name are stacked, queries first."""
    joined: dict[str, list[Tensor]] = {}
    for name, tensor in state.items():
        place, _, kind = name.rpartition(".")
        joint = "_" if names[place].endswith("in_proj") else "."
        joined.setdefault(f"{names[place]}{joint}{kind}", []).append(tensor)
    return {name: torch.cat(parts).detach() for name, parts in joined.items()}


_DENSE = {"dense.widen": "linear1", "dense.narrow": "linear2"}
_SELF = {"attention.inputs": "self_attn.in_proj", "attention.output": "self_attn.out_proj", "norm": "norm1"}
_RECALL = {
    "recall.queries": "multihead_attn.in_proj",
    "recall.memory": "multihead_attn.in_proj",
    "recall.output": "multihead_attn.out_proj",
    "recall_norm": "norm2",
}


def test_transnets_layers_are_pytorchs() -> None:
    generator = torch.Generator().manual_seed(0)
    tokens, memory = torch.randn(2, 3, 5, 8, generator=generator)
    ue, bs = UeLayer(8), BsLayer(8)
    options = {"dim_feedforward": 2048, "dropout": 0.0, "batch_first": True}
    encoder = nn.TransformerEncoderLayer(8, 2, **options)
    encoder.load_state_dict(_joined(dict(ue.named_parameters()), _SELF | _DENSE | {"dense.norm": "norm2"}))
    decoder = nn.TransformerDecoderLayer(8, 2, **options)
    decoder.load_state_dict(_joined(dict(bs.named_parameters()), _SELF | _RECALL | _DENSE | {"dense.norm": "norm3"}))
    with torch.no_grad():
        # Float32 sums of some 2000 products of which each layer norm keeps a deviation of 1.
        assert torch.allclose(ue(tokens), encoder.eval()(tokens), atol=1e-5)
        assert torch.allclose(bs(tokens, memory), decoder.eval()(tokens, memory), atol=1e-5)


def test_transnets_columns_are_shared_by_its_heads() -> None:
    dimensions = CsiDimensions(n_delay=4, n_tx=7)
    with pytest.raises(FeedbackInputError, match="transnet: got 7 columns, expected a multiple of its 2 heads"):
        TransNetParameters(compression_ratio=4).check(dimensions)
