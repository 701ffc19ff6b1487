"""Binary fully connected layers: values, gradients, packing."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from feedback.complexity import count_stored_bytes
from feedback.compressor import COMPRESSORS
from feedback.layers.binary import BinaryLinear, PackedLinear, pack_signs, packed, scale_of, unpack_signs


def layer(n_in: int, n_out: int, seed: int = 0) -> BinaryLinear:
    made = BinaryLinear(n_in, n_out)
    generator = torch.Generator().manual_seed(seed)
    nn.init.normal_(made.weight, std=0.7, generator=generator)
    nn.init.normal_(made.bias, generator=generator)
    return made


def test_weights_of_the_paper() -> None:
    # BCsiNet paper, Fig. 2.
    weight = torch.tensor(
        [[0.21, -1.34, -0.90, -0.22], [1.45, -1.36, 0.36, -0.71], [-0.39, 0.16, -0.26, 0.68], [0.70, 1.37, 0.22, -1.34]]
    )
    signs = torch.tensor([[1, -1, -1, -1], [1, -1, 1, -1], [-1, 1, -1, 1], [1, 1, 1, -1]])
    made = BinaryLinear(4, 4)
    with torch.no_grad():
        made.weight.copy_(weight)
        made.bias.zero_()
        torch.testing.assert_close(made(torch.eye(4)).T, weight.abs().mean() * signs)


def test_gradients_are_those_of_eqs_10_and_11() -> None:
    made = layer(5, 3)
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
    outer = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    (made(x) * outer).sum().backward()
    weight = made.weight.detach()
    scale = weight.abs().sum() / 15
    of_binary = outer.T @ x.detach()
    assert (weight.abs() > 1).any()
    gate = torch.where(weight.abs() < 1, 1.0, 0.0)
    assert made.weight.grad is not None
    torch.testing.assert_close(made.weight.grad, of_binary * (1 / 15 + scale * gate))
    assert made.bias.grad is not None
    torch.testing.assert_close(made.bias.grad, outer.sum(0))
    assert x.grad is not None
    torch.testing.assert_close(x.grad, outer @ (scale * weight.sign()))


def test_float_weights_learn() -> None:
    made = layer(16, 4)
    optimiser = torch.optim.Adam(made.parameters(), lr=0.02)
    x = torch.randn(200, 16, generator=torch.Generator().manual_seed(1))
    target = x @ layer(16, 4, seed=5).weight.detach().sign().T * 0.5
    losses = []
    for _ in range(300):
        loss = nn.functional.mse_loss(made(x), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


def test_scale_of_equal_sizes_is_their_size() -> None:
    # The sum of 23 500 times 0.1 in single precision is no multiple of it.
    weight = torch.full((100, 235), 0.1)
    weight[::3] *= -1
    assert scale_of(weight) == torch.tensor(0.1)
    weight[0, 0] = 0.2
    assert scale_of(weight) == weight.abs().mean()


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_signs_survive_packing(bits: list[bool]) -> None:
    signs = torch.tensor(bits).float() * 2 - 1
    rows = pack_signs(signs)
    assert rows.dtype == torch.uint8
    assert len(rows) == -(-len(bits) // 8)
    assert torch.equal(unpack_signs(rows, len(bits)), signs)
    expected = sum(bit << (7 - place) for place, bit in enumerate(bits[:8]))
    assert int(rows[0]) == expected


@pytest.mark.parametrize("name", ["bcsinet-b3", "bcrnet", "bacrnet"])
def test_packed_encoder_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    network_class = COMPRESSORS.get_class(name)
    network = network_class(network_class.Parameters(name=name, compression_ratio=8), (16, 8))
    network.initialise(torch.Generator().manual_seed(3))
    image = torch.rand(6, 2, 16, 8, generator=torch.Generator().manual_seed(4))
    small = packed(network.encoder)
    with torch.no_grad():
        assert torch.equal(small(image), network.encoder(image))
    save_file({key: tensor.contiguous() for key, tensor in small.state_dict().items()}, tmp_path / "ue.safetensors")
    other = packed(network_class(network_class.Parameters(name=name, compression_ratio=8), (16, 8)).encoder)
    other.load_state_dict(load_file(tmp_path / "ue.safetensors"))
    with torch.no_grad():
        assert torch.equal(other(image), network.encoder(image))


def test_stored_bytes_are_those_of_the_packed_tensors() -> None:
    made = layer(24, 5)
    small = PackedLinear(made)
    stored = sum(tensor.numel() * tensor.element_size() for tensor in small.state_dict().values())
    assert count_stored_bytes(made) == stored == 24 * 5 // 8 + 4 + 4 * 5


def test_centre_goes_into_the_bias() -> None:
    made = layer(64, 8)
    made.centre.fill_(3.0)
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(1)) + 3
    with torch.no_grad():
        # Sums of 64 products of about 3 in float32: relative rounding 8 * 2^-24 of 24.
        torch.testing.assert_close(packed(made)(x), made(x), rtol=0, atol=2e-5)
