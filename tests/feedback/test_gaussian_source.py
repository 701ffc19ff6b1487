"""Reverse water-filling against closed forms."""

import math

import pytest
import torch

from feedback.transform_coding.gaussian_source import gaussian_distortion, gaussian_rate


def test_a_white_source_takes_a_bit_for_3_db_of_each_coefficient() -> None:
    white = torch.full((50,), 3.0)
    assert gaussian_rate(white, 2.0**-4) == pytest.approx(4 * 50)
    assert gaussian_distortion(white, 4 * 50) == pytest.approx(2.0**-4)


def test_two_variances() -> None:
    """16 and 1: below a level of 1 both get bits; above, all bits go to the first."""
    variances = torch.tensor([1.0, 16.0, 0.0])
    assert gaussian_rate(variances, 1 / 17) == pytest.approx(math.log2(32) + 1)
    assert gaussian_rate(variances, 5 / 17) == pytest.approx(2)
    assert gaussian_distortion(variances, 2) == pytest.approx(5 / 17)
    assert gaussian_distortion(variances, 6) == pytest.approx(0.5 * 2 / 17)
    assert gaussian_distortion(variances, 0) == pytest.approx(1)
    assert gaussian_rate(variances, 1) == pytest.approx(0, abs=1e-9)
    assert gaussian_rate(variances, 3) == pytest.approx(0, abs=1e-9)


def test_each_is_the_inverse_of_the_other() -> None:
    variances = torch.rand(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64) ** 8
    for bits in (1.0, 20.0, 300.0):
        assert gaussian_rate(variances, gaussian_distortion(variances, bits)) == pytest.approx(bits, rel=1e-9)


def test_no_distortion_is_refused() -> None:
    with pytest.raises(ValueError, match="distortion: got 0, expected a positive number"):
        gaussian_rate(torch.ones(3), 0)
