"""The kernel in C for plane waves: against sums over all subcarriers and ports, and against PyTorch's way."""

import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from channels.channel_batch import ArrayShape, OfdmGrid
from channels.transforms import plane_wave_kernel
from channels.transforms.angular_delay import AngularDelayTransform
from channels.transforms.direct_angular_delay import truncated_plane_waves
from channels.transforms.plane_wave_power import truncated_and_mean_power
from tests.channels.test_direct_angular_delay import GRID, RELATIVE, response, tensors, waves

# Sizes of matrices: subcarriers, ports, delay rows. Columns that fill vectors of a processor and such that do not, one
# port, all rows.
SIZES = [(1024, 32, 32), (257, 12, 20), (64, 1, 64), (1024, 40, 1)]


def in_pytorch(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    """``truncated_and_mean_power`` and ``truncated_plane_waves`` without the kernel."""
    with monkeypatch.context() as patched:
        patched.setattr(plane_wave_kernel, "compiled", lambda: None)
        return *truncated_and_mean_power(*arguments), truncated_plane_waves(*arguments)


def many_waves(n_links: int = 5, n_waves: int = 400) -> tuple[Tensor, Tensor, Tensor]:
    """Waves over 200 rows, the last link without any, every third wave without gain, delays that begin before 0."""
    generator = torch.Generator().manual_seed(3)
    shape = (n_links, n_waves)
    amplitude = torch.randn(shape, generator=generator, dtype=torch.complex64)
    amplitude[:, ::3] = 0
    amplitude[-1] = 0
    delay_s = 1e-5 * torch.rand(shape, generator=generator, dtype=torch.float64) ** 4 - 1e-7
    return amplitude, delay_s, torch.rand(shape, generator=generator) - 0.5


@settings(deadline=None, max_examples=40)
@given(drawn=waves, size=st.sampled_from(SIZES))
def test_matches_the_long_way(drawn: list[tuple[float, float, float, float]], size: tuple[int, int, int]) -> None:
    n_subcarriers, n_columns, n_delay = size
    grid = OfdmGrid(n_subcarriers, 20e6, 5.3e9)
    amplitude, delay_s, spatial_frequency = tensors(drawn, grid)
    of_one = (amplitude.unsqueeze(0), delay_s.unsqueeze(0), spatial_frequency.unsqueeze(0))
    assert plane_wave_kernel.takes(*of_one)
    matrix, power = plane_wave_kernel.matrices_and_powers(*of_one, grid, n_columns, n_delay)
    full = response(amplitude, delay_s, spatial_frequency, grid, n_columns)
    expected = AngularDelayTransform(grid, ArrayShape(n_columns=n_columns), n_delay).truncate(full)
    largest = amplitude.abs().double().sum()
    # Polynomials instead of kernels beyond the rows nearby add 1e-7 of a wave's peak in each entry: of the norm less
    # than what rounding adds. Waves may cancel: both errors are relative to what they could be.
    for found in (matrix, plane_wave_kernel.matrices(*of_one, grid, n_columns, n_delay)):
        error = torch.linalg.vector_norm(found[0] - expected)
        assert error < 2 * RELATIVE * largest * math.sqrt(n_subcarriers * n_columns)
    assert abs(power[0] - full.abs().square().mean()) < 3e-5 * largest.square()


@pytest.mark.parametrize("size", SIZES)
def test_matches_pytorch(size: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    n_subcarriers, n_columns, n_delay = size
    links, grid = many_waves(), OfdmGrid(n_subcarriers, 20e6, 5.3e9)
    matrix, power = truncated_and_mean_power(*links, grid, n_columns, n_delay)
    alone = truncated_plane_waves(*links, grid, n_columns, n_delay)
    expected, expected_power, expected_alone = in_pytorch(monkeypatch, *links, grid, n_columns, n_delay)
    assert not torch.equal(matrix, expected)
    assert not torch.equal(alone, expected_alone)
    # Both round each of 267 terms, and sums of them in another order: a random walk of roundings of 2^-24 of the full
    # response's norm, 16 steps, and half a dozen roundings in each term.
    norm = (n_subcarriers * n_columns * expected_power).sqrt()
    for found, other in ((matrix, expected), (alone, expected_alone)):
        assert (torch.linalg.vector_norm(found - other, dim=(1, 2)) <= 22 * 2**-24 * norm).all()
    torch.testing.assert_close(power, expected_power, rtol=44 * 2**-24, atol=0)
    assert not matrix[-1].any()
    assert power[-1] == 0


def test_a_link_does_not_depend_on_its_neighbours() -> None:
    amplitude, delay_s, spatial_frequency = many_waves()
    matrix, power = plane_wave_kernel.matrices_and_powers(amplitude, delay_s, spatial_frequency, GRID, 32, 32)
    order = torch.tensor([3, 0, 4, 2, 1])
    shuffled = (amplitude[order], delay_s[order], spatial_frequency[order])
    again, power_again = plane_wave_kernel.matrices_and_powers(*shuffled, GRID, 32, 32)
    assert torch.equal(again, matrix[order])
    assert torch.equal(power_again, power[order])
    # Waves without gain may lie anywhere.
    delay_s = torch.where(amplitude == 0, torch.nan, delay_s)
    silent, _ = plane_wave_kernel.matrices_and_powers(amplitude, delay_s, spatial_frequency, GRID, 32, 32)
    assert torch.equal(silent, matrix)


def test_views_are_read_as_they_are_meant() -> None:
    amplitude, delay_s, spatial_frequency = many_waves()
    conjugate = amplitude.conj().resolve_conj()
    expected, _ = plane_wave_kernel.matrices_and_powers(conjugate, delay_s, -spatial_frequency, GRID, 4, 4)
    strided = (amplitude.mT.contiguous().mT.conj(), delay_s.mT.contiguous().mT, -spatial_frequency)
    found, _ = plane_wave_kernel.matrices_and_powers(*strided, GRID, 4, 4)
    assert torch.equal(found, expected)


def test_what_it_does_not_take() -> None:
    amplitude, delay_s, spatial_frequency = many_waves()
    assert plane_wave_kernel.takes(amplitude, delay_s, spatial_frequency)
    learnt = amplitude.clone().requires_grad_()
    assert not plane_wave_kernel.takes(learnt, delay_s, spatial_frequency)
    assert not plane_wave_kernel.takes(amplitude.to(torch.complex128), delay_s, spatial_frequency)
    assert not plane_wave_kernel.takes(amplitude, delay_s.float(), spatial_frequency)
    assert not plane_wave_kernel.takes(amplitude, delay_s, spatial_frequency.double())
    assert not plane_wave_kernel.takes(amplitude.to("meta"), delay_s, spatial_frequency)


def test_shapes_that_differ() -> None:
    amplitude, delay_s, spatial_frequency = many_waves()
    with pytest.raises(
        ValueError, match=r"^plane waves: got shapes .*\(5, 399\).*, expected one \[n_links, n_waves\]$"
    ):
        plane_wave_kernel.matrices_and_powers(amplitude, delay_s[:, :399], spatial_frequency, GRID, 32, 32)


def test_delays_that_are_no_numbers() -> None:
    amplitude, delay_s, spatial_frequency = many_waves()
    for value, error in ((math.nan, ValueError), (math.inf, OverflowError)):
        delay_s[0, 1] = value
        with pytest.raises(error):
            plane_wave_kernel.matrices_and_powers(amplitude, delay_s, spatial_frequency, GRID, 32, 32)


def test_no_links_and_no_waves() -> None:
    for shape in ((0, 7), (2, 0)):
        nothing = torch.zeros(shape)
        none = (nothing.to(torch.complex64), nothing.double(), nothing)
        matrix, power = plane_wave_kernel.matrices_and_powers(*none, GRID, 4, 3)
        assert matrix.shape == (shape[0], 3, 4)
        assert not matrix.any()
        assert power.tolist() == [0.0] * shape[0]


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert plane_wave_kernel.compiled.__wrapped__() is None
    assert caplog.messages == [
        "COST 2100 channels are summed in PyTorch, which takes several times as long: no gcc was found"
    ]
