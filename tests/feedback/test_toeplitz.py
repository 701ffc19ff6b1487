"""Levinson's recursion against SciPy's equations and dense ones."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from feedback.predictors.toeplitz import solve_toeplitz, solve_without_rows


def positive_definite_columns(n: int, n_matrices: int) -> Tensor:
    """First columns of covariances of sums of oscillations and white noise, ``[n, n_matrices]``, complex128."""
    generator = torch.Generator().manual_seed(n)
    frequency, power = torch.rand(2, 5, n_matrices, generator=generator, dtype=torch.float64)
    lags = torch.arange(n, dtype=torch.float64)[:, None, None]
    columns = torch.polar(power.expand(n, -1, -1), 2 * torch.pi * lags * frequency).sum(1)
    columns[0] += 0.1
    return columns


@pytest.mark.parametrize("n", [1, 2, 3, 17])
def test_equations_are_those_of_scipy(n: int) -> None:
    columns = positive_definite_columns(n, 4)
    right = torch.randn(n, 2, 4, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    found = solve_toeplitz(columns, right)
    for m in range(4):
        known = scipy.linalg.solve_toeplitz(columns[:, m].numpy(), right[..., m].numpy())
        np.testing.assert_allclose(found[..., m].numpy(), known, rtol=0, atol=1e-11)


def test_rows_that_are_left_out_take_no_part() -> None:
    columns = positive_definite_columns(9, 3)
    left_out = torch.zeros(9, dtype=torch.bool)
    left_out[[0, 4, 5]] = True
    right = torch.randn(9, 3, dtype=torch.complex128, generator=torch.Generator().manual_seed(2))
    right[left_out] = 0
    found = solve_without_rows(columns, right, left_out)
    kept = (~left_out).numpy()
    for m in range(3):
        dense = scipy.linalg.toeplitz(columns[:, m].numpy())[np.ix_(kept, kept)]
        known = np.zeros(9, dtype=complex)
        known[kept] = np.linalg.solve(dense, right[kept, m].numpy())
        np.testing.assert_allclose(found[:, m].numpy(), known, rtol=0, atol=1e-11)
