"""Sliced Wasserstein distance against closed forms, and the levels that say what is chance."""

import math

import pytest
import torch
from scipy.stats import wasserstein_distance

from channels.errors import ChannelInputError
from channels.statistics.sliced_wasserstein import compare_sets, phase_free, sliced_wasserstein


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(n: int, dimension: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, dimension, generator=generator(seed))


def test_same_set_in_another_order_is_at_distance_zero():
    a = points(200, 12)
    # Sums of 12 float32 products in another order.
    assert sliced_wasserstein(a, a.flip(0), generator()) < 1e-5


def test_shift_is_its_own_length():
    a, shift = points(300, 10), torch.zeros(10)
    shift[3] = 0.7
    # d u_3^2 averages to 1; over n directions its relative deviation is sqrt(2 / n), that of the root half of it.
    n = 4096
    assert sliced_wasserstein(a, a + shift, generator(), n) == pytest.approx(0.7, rel=4 * 0.5 * math.sqrt(2 / n))


def test_scale_on_the_line():
    a = points(500, 1)
    # In one dimension W2(a, 2 a) is the root mean square of a.
    assert sliced_wasserstein(a, 2 * a, generator()) == pytest.approx(a.square().mean().sqrt().item(), rel=1e-5)


def test_sets_of_different_sizes_by_quantiles():
    a = points(150, 1)
    assert sliced_wasserstein(a, a.repeat(3, 1), generator()) < 1e-6
    # W1 and W2 are the same for two constants.
    constants = torch.zeros(40, 1), torch.full((70, 1), 0.3)
    expected = wasserstein_distance(constants[0][:, 0].numpy(), constants[1][:, 0].numpy())
    assert sliced_wasserstein(*constants, generator()) == pytest.approx(expected, rel=1e-6)


def test_levels_tell_equal_from_different():
    a, b, c = points(200, 20, 1), points(200, 20, 2), points(200, 20, 3) * 1.5
    same, different = compare_sets(a, b, generator(), 64, 40), compare_sets(a, c, generator(), 64, 40)
    assert same.n == 100
    assert same.between.low <= same.between.mean <= same.between.high
    assert same.within_a.low < same.between.mean < 1.5 * same.within_a.high
    assert different.between.low > different.within_a.high
    assert compare_sets(a, b, generator(), 64, 40) == same


def test_phase_and_power_do_not_count():
    csi = torch.randn(6, 4, 4, dtype=torch.complex64, generator=generator())
    turned = csi * torch.polar(torch.rand(6, 4, 4, generator=generator()) * 0 + 3, torch.rand(6, 4, 4) * 6)
    assert torch.allclose(phase_free(csi), phase_free(turned), atol=1e-6)
    assert torch.allclose(phase_free(csi).norm(dim=1), torch.ones(6))
    assert (phase_free(torch.zeros(1, 2, 2, dtype=torch.complex64)) == 0).all()


def test_bad_sets():
    with pytest.raises(ChannelInputError, match="got points of 3 and of 4 entries"):
        sliced_wasserstein(points(5, 3), points(5, 4), generator())
    with pytest.raises(ChannelInputError, match="got 3 samples in a set, expected at least 4"):
        compare_sets(points(3, 3), points(5, 3), generator())
