"""Users that share a cell, in loops over NumPy arrays: what the vectorised rates are checked against."""

import math

import numpy as np
from numpy.typing import NDArray


def direct_selection(gram: NDArray[np.complex128], power: float) -> list[int]:
    """Users that greedy selection serves, ascending, for Gram matrices ``[n_subbands, users, users]``."""

    def expected(users: list[int]) -> float:
        rates = []
        for band in gram:
            inverse = np.linalg.inv(band[np.ix_(users, users)] + 1e-9 * np.eye(len(users)))
            rates.append(np.log2(1 + power / len(users) / np.diag(inverse).real).sum())
        return float(np.mean(rates))

    chosen: list[int] = []
    reached = 0.0
    while len(chosen) < gram.shape[-1]:
        left = [user for user in range(gram.shape[-1]) if user not in chosen]
        rates = [expected(sorted([*chosen, user])) for user in left]
        if max(rates) <= reached * (1 + 1e-9):
            break
        reached = max(rates)
        # Unit vectors alone all have the same rate: the first of equals.
        chosen.append(next(user for user, rate in zip(left, rates, strict=True) if rate >= reached * (1 - 1e-9)))
    return sorted(chosen)


def direct_user_rates(
    response: NDArray[np.complex128], directions: NDArray[np.complex128], snr: float, served: list[int]
) -> NDArray[np.float64]:
    """Rates of a cell's users ``[users]`` under regularised zero-forcing.

    Args:
        response: ``[users, Nc, n_rx, n_tx]``.
        directions: ``[users, Nc, n_tx]``, of unit norm.
        snr: per antenna.
        served: users that are.
    """
    users, n_subcarriers, n_rx, n_tx = response.shape
    alpha, rates = len(served) / (snr * n_rx * n_tx), np.zeros(users)
    for n in range(n_subcarriers):
        columns = directions[served, n].T
        weights = columns @ np.linalg.inv(columns.conj().T @ columns + alpha * np.eye(len(served)))
        weights /= np.linalg.norm(weights, axis=0)
        for place, user in enumerate(served):
            seen = response[user, n] @ weights * math.sqrt(snr / len(served))
            others = np.delete(seen, place, axis=1)
            noise = np.eye(n_rx) + others @ others.conj().T
            sinr = (seen[:, place].conj() @ np.linalg.inv(noise) @ seen[:, place]).real
            rates[user] += math.log2(1 + sinr) / n_subcarriers
    return rates
