"""Fully connected layers of 8 bits: rounding by hand, gradients, networks of the CLLWCsiNet paper's Table V."""

import pytest
import torch

from feedback.complexity import count_macs_and_multiplications, count_stored_bytes
from feedback.compressor import COMPRESSORS
from feedback.layers.dynamic_linear import DynamicLinear, FixedDynamicLinear, rounded_inputs, rounded_weights
from feedback.plugin_file import build_compressor


def layer(n_in: int = 12, n_out: int = 5) -> DynamicLinear:
    made, generator = DynamicLinear(n_in, n_out), torch.Generator().manual_seed(1)
    torch.nn.init.normal_(made.weight, generator=generator)
    torch.nn.init.normal_(made.bias, generator=generator)
    made.centre.fill_(0.5)
    return made


def test_rounding_by_hand() -> None:
    # Scales 2.54 / 127 and 1.27 / 127; 0.031 is 1.55 of the first and 3.1 of the second.
    weights = rounded_weights(torch.tensor([[2.54, 0.031], [-1.27, 0.031]]))
    torch.testing.assert_close(weights, torch.tensor([[2.54, 0.04], [-1.27, 0.03]]))
    # Steps (2 + 0.55) / 255 = 0.01; a range that 0 is not in reaches to it: 2.55 / 255.
    inputs = rounded_inputs(torch.tensor([[-0.55, 2.0, 0.0149], [2.55, 1.0, 0.006]]))
    torch.testing.assert_close(inputs, torch.tensor([[-0.55, 2.0, 0.01], [2.55, 1.0, 0.01]]))
    assert float(rounded_inputs(torch.zeros(1, 3)).abs().max()) == 0


def test_errors_are_within_half_a_step_and_no_report_depends_on_another() -> None:
    x = torch.randn(40, 300, generator=torch.Generator().manual_seed(2)) * torch.logspace(-3, 3, 40)[:, None]
    step = (x.amax(1) - x.amin(1)) / 255
    # Half a step of rounding, and another half where the level of 0 is not a whole number of steps from the end.
    assert bool(((rounded_inputs(x) - x).abs() <= 1.001 * step[:, None]).all())
    assert torch.equal(rounded_inputs(x[3:4]), rounded_inputs(x)[3:4])


def test_product_is_one_of_whole_numbers() -> None:
    made = layer()
    x = torch.rand(7, 12, generator=torch.Generator().manual_seed(3))
    deviation = (x - 0.5).double()
    low, high = deviation.amin(1, keepdim=True), deviation.amax(1, keepdim=True)
    step, scale = (high - low) / 255, made.weight.detach().double().abs().amax(1) / 127
    zero = (-low / step).round()
    levels = (deviation / step + zero).round().clamp(0, 255) - zero
    whole = (made.weight.detach().double() / scale[:, None]).round()
    expected = (levels @ whole.T) * step * scale + made.bias.detach()
    torch.testing.assert_close(made(x).double(), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(FixedDynamicLinear(made)(x), made(x), rtol=0, atol=1e-6)


def test_gradient_is_that_of_the_plain_layer_at_rounded_values() -> None:
    made = layer()
    x = torch.rand(7, 12, generator=torch.Generator().manual_seed(3)).requires_grad_()
    made(x).square().sum().backward()
    weight = rounded_weights(made.weight.detach()).requires_grad_()
    inputs = rounded_inputs(x.detach() - 0.5).requires_grad_()
    (inputs @ weight.T + made.bias.detach()).square().sum().backward()
    torch.testing.assert_close(made.weight.grad, weight.grad)
    torch.testing.assert_close(x.grad, inputs.grad)


@pytest.mark.parametrize("ratio", [4, 8, 16])
@pytest.mark.parametrize(("name", "published"), [("qacrnet-1x", 2632), ("qacrnet-10x", 23_000)])
def test_published_counts(name: str, published: int, ratio: int) -> None:
    section = COMPRESSORS.parameters(name).model_validate({"name": name, "compression_ratio": ratio})
    made = build_compressor(section, (32, 32))
    fc = [part for part in made.modules() if isinstance(part, DynamicLinear)]
    left = made.complexity().parameters - sum(part.weight.numel() + part.bias.numel() for part in fc)
    assert abs(left - published) <= 0.01 * published
    length = 2048 // ratio
    plain = made.complexity().ue_parameters - 2048 * length - length
    assert count_stored_bytes(made.encoder) == 4 * plain + 2048 * length + 8 * length
    # Products of 8 bits are products.
    macs = made.complexity().ue_macs
    assert count_macs_and_multiplications(made.encoder, torch.zeros(1, 2, 32, 32)) == (macs, macs)
