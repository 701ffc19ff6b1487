"""Linear equations with Hermitian Toeplitz matrices, for many channel entries at once."""

import torch
from torch import Tensor


def solve_toeplitz(column: Tensor, right: Tensor) -> Tensor:
    r"""Solves :math:`T x = y` by Levinson's recursion, in :math:`O(n^2)` a matrix.

    With :math:`a`, :math:`a_0 = 1`, of the leading matrix of :math:`k` rows, :math:`T_k a = \epsilon e_0`, its
    conjugate in reverse, :math:`\tilde a`, has :math:`T_k \tilde a = \epsilon e_{k-1}`, and

    .. math:: a \leftarrow \binom{a}{0} - \frac{\sum_i t_{k-i} a_i}{\epsilon} \binom{0}{\tilde a}, \qquad
              x \leftarrow \binom{x}{0} + \frac{y_k - \sum_i t_{k-i} x_i}{\epsilon} \tilde a

    (Levinson, "The Wiener RMS error criterion in filter design and prediction", 1946, DOI 10.1002/sapm1946251261). It
    is as stable as Cholesky's factorisation where the matrix is positive definite (Cybenko, "The numerical stability of
    the Levinson-Durbin algorithm for Toeplitz systems of equations", 1980, DOI 10.1137/0901021).

    Args:
        column: first columns of positive definite matrices, ``[n, n_matrices]``, complex128.
        right: right-hand sides, ``[n, n_sides, n_matrices]``, complex128.

    Returns:
        As ``right``.
    """
    n, n_sides, n_matrices = right.shape
    # What lies before the first row is the predictor a; the solutions follow.
    state = torch.zeros(n, 1 + n_sides, n_matrices, dtype=right.dtype, device=right.device)
    error = column[0].real.clone()
    state[0, 0] = 1
    state[0, 1:] = right[0] / error
    newest_first = column.flip(0)
    for k in range(1, n):
        known = state[:k]
        row = (newest_first[n - 1 - k : n - 1, None] * known).sum(0)
        backward = known[:, 0].flip(0).conj().resolve_conj()
        reflection = row[0] / error
        state[1 : k + 1, 0] -= reflection * backward
        error = error * (1 - (reflection.real.square() + reflection.imag.square()))
        backward = state[: k + 1, 0].flip(0).conj().resolve_conj()
        state[: k + 1, 1:] += (right[k] - row[1:]) / error * backward[:, None]
    return state[:, 1:]


def solve_without_rows(column: Tensor, right: Tensor, left_out: Tensor) -> Tensor:
    r"""Solves :math:`T_{oo} x_o = y_o` of the rows and columns :math:`o` that are not left out.

    What is left out, :math:`m`, gets the right-hand sides :math:`v` for which :math:`x_m = 0`, so that the whole matrix
    is still Toeplitz: :math:`(T^{-1})_{mm} v = -(T^{-1} y)_m`, where :math:`y_m = 0`.

    Args:
        column: as for ``solve_toeplitz``.
        right: ``[n, n_matrices]``, complex128, 0 in rows that are left out.
        left_out: which rows and columns are, ``[n]``, bool.

    Returns:
        As ``right``, 0 in rows that are left out.
    """
    missing = left_out.nonzero()[:, 0]
    sides = torch.zeros(len(right), 1 + len(missing), right.shape[1], dtype=right.dtype, device=right.device)
    sides[:, 0] = right
    sides[missing, 1 + torch.arange(len(missing), device=right.device)] = 1
    solved = solve_toeplitz(column, sides)
    if not len(missing):
        return solved[:, 0]
    inverse, first = solved[missing, 1:].movedim(-1, 0), solved[missing, 0].T
    wanted = torch.linalg.solve(inverse, -first)
    whole = solved[:, 0] + torch.einsum("nme,em->ne", solved[:, 1:], wanted)
    return whole.masked_fill(left_out[:, None], 0)
