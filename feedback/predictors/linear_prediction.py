"""Autoregressive models of channel entries, fitted to the reports that the BS has of a UE.

An entry's model is fitted to that entry's own past, because each angle and delay has a Doppler spectrum of its own,
and drawn towards the one that all entries of the UE share, because that past is short.
"""

import math

import torch
from torch import Tensor

# Keeps the normal equations of a channel that does not move solvable, relative to their mean diagonal.
_RIDGE = 1e-6


def fit_coefficients(reports: Tensor, erased: Tensor, order: int, pooling: float) -> Tensor:
    r"""Coefficients of :math:`x_t \approx \sum_{i=1}^p a_i x_{t-i}` of every entry, by least squares.

    With :math:`R_e` and :math:`r_e` the normal equations of entry ``e`` over its history, and
    :math:`\bar R, \bar r` their mean over the UE's entries,

    .. math:: a_e = (R_e + \lambda \bar R)^{-1} (r_e + \lambda \bar r).

    Equations in which a lost report occurs are left out.

    Args:
        reports: ``[batch, n_reports, n_entries]``, complex128, the oldest first.
        erased: which reports were lost, ``[batch, n_reports]``, bool.
        order: ``p``, less than ``n_reports``.
        pooling: :math:`\lambda`.

    Returns:
        ``[order, batch, n_entries]``, complex128, :math:`a_1` first; 0 where there is no equation.
    """
    past = _past(reports, order)
    usable = _usable(erased, order).unsqueeze(-1).to(reports.dtype)
    weighted = [values.conj() * usable for values in past]
    gram = torch.stack([torch.stack([(row * column).sum(1) for column in past], -1) for row in weighted], -2)
    moment = torch.stack([(row * reports[:, order:]).sum(1) for row in weighted], -1)
    gram = gram + pooling * gram.mean(1, keepdim=True)
    moment = moment + pooling * moment.mean(1, keepdim=True)
    level = gram.diagonal(dim1=-2, dim2=-1).real.mean(-1)
    # The floor keeps the matrix of an entry that was never anything but 0 regular.
    ridge = (_RIDGE * level).clamp(min=torch.finfo(torch.float64).tiny)
    identity = torch.eye(order, dtype=gram.dtype, device=gram.device)
    coefficients: Tensor = torch.linalg.solve(gram + ridge[..., None, None] * identity, moment)
    return coefficients.movedim(-1, 0).contiguous()


def squared_modulus(values: Tensor) -> Tensor:
    """Real tensor of the same shape."""
    return values.real.square() + values.imag.square()


def can_predict(erased: Tensor, order: int) -> Tensor:
    """Which UEs have an equation for their coefficients, ``[batch]``, bool."""
    return _usable(erased, order).any(1)


def fill_lost(reports: Tensor, erased: Tensor, coefficients: Tensor) -> Tensor:
    """Reports with each lost one replaced by its prediction from those before it, of the same shape."""
    if not erased.any():
        return reports
    order = len(coefficients)
    filled = [torch.zeros_like(reports[:, 0])] * order
    for report, lost in zip(reports.unbind(1), erased.unbind(1), strict=True):
        filled.append(torch.where(lost[:, None], next_value(filled, coefficients), report))
    return torch.stack(filled[order:], dim=1)


def next_value(values: list[Tensor], coefficients: Tensor) -> Tensor:
    """One step of the model after ``values``, each ``[batch, n_entries]``, the newest last."""
    newest_first = values[: -len(coefficients) - 1 : -1]
    return torch.stack([a * value for a, value in zip(coefficients, newest_first, strict=True)]).sum(0)


def steps_to(periods: float) -> int:
    """Steps of a model that the channel ``periods`` after the newest report takes."""
    return int(periods) if periods.is_integer() else math.floor(periods) + 2


def at_delay(before: Tensor, now: Tensor, coming: list[Tensor], periods: float) -> Tensor:
    r"""The channel between two steps of a model, by the cubic through the four nearest steps.

    Exact at whole periods. With :math:`2 \pi f_D T = x` the error is :math:`3 x^4 / 128` of an oscillation at most.

    Args:
        before: the channel one period ago, ``[batch, n_entries]``.
        now: the channel at the newest report.
        coming: predictions for 1, 2, ... periods, ``steps_to(periods)`` of them.
        periods: time wanted, in periods from now.
    """
    steps = [before, now, *coming]
    first = math.floor(periods)
    near = range(first - 1, first + 3)
    value = torch.zeros_like(now)
    for step in near:
        weight = math.prod((periods - other) / (step - other) for other in near if other != step)
        if weight:
            value = value + weight * steps[step + 1]
    return value


def within_reach(predicted: Tensor, reports: Tensor) -> Tensor:
    """Predictions limited to twice the largest modulus that the entry had in any report.

    A model from a short history may grow without bound over many periods.
    """
    squared, limit = squared_modulus(predicted), 4 * squared_modulus(reports).amax(1)
    too_far = squared > limit
    return predicted * torch.where(too_far, limit / torch.where(too_far, squared, 1.0), 1.0).sqrt()


def _past(reports: Tensor, order: int) -> list[Tensor]:
    """What each report after the first ``order`` is predicted from, ``order`` times ``[batch, n_equations, n]``."""
    n_reports = reports.shape[1]
    return [reports[:, order - i : n_reports - i] for i in range(1, order + 1)]


def _usable(erased: Tensor, order: int) -> Tensor:
    """Equations in which no lost report occurs, ``[batch, n_equations]``, bool."""
    return ~erased.unfold(1, order + 1, 1).any(-1)
