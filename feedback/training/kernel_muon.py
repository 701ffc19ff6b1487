"""Muon for matrices and for convolution kernels, as matrices of one row for each output channel."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_MOMENTUM = 0.95
# Of the odd polynomial that brings singular values near 1, and how often it is applied.
_COEFFICIENTS = (3.4445, -4.775, 2.0315)
_ITERATIONS = 5
_SMALLEST_NORM = 1e-7


class KernelMuon(torch.optim.Optimizer):
    r"""Muon (K. Jordan et al., Muon, 2024) for parameters of two dimensions or more, :math:`W` as ``[rows, all else]``.

    .. math:: M \leftarrow \mu M + (1 - \mu) G, \quad W \leftarrow (1 - \eta d) W - 0.2 \eta
        \sqrt{\max(\mathrm{rows}, \mathrm{columns})} \, \mathrm{orthogonalised}(\mu M + (1 - \mu) G)

    so that the root mean square of its steps is Adam's (J. Liu et al., arXiv:2502.16982). ``torch.optim.Muon`` takes
    the same steps, but of matrices alone, one by one, and in bfloat16, which takes a hundred times as long on a CPU
    that has no instructions for it.

    Args:
        groups: parameters and their ``ratio``.
        lr: learning rate.
        weight_decay: pull of the weights towards 0.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; closures are not supported and must be ``None``."""
        assert closure is None
        for group in self.param_groups:
            alike: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for weights in group["params"]:
                if weights.grad is not None:
                    alike[weights.flatten(1).shape].append(weights)
            for (rows, columns), many in alike.items():
                ahead = torch.stack([self._ahead(weights).flatten(1) for weights in many])
                length = group["lr"] * step_length((rows, columns))
                for weights, move in zip(many, orthogonalised(ahead).unbind(), strict=True):
                    weights.mul_(1 - group["lr"] * group["weight_decay"])
                    weights.add_(move.view_as(weights), alpha=-length)

    def _ahead(self, weights: Tensor) -> Tensor:
        """Nesterov's momentum of a gradient, whose momentum it updates."""
        assert weights.grad is not None
        state = self.state[weights]
        if not state:
            state["momentum"] = torch.zeros_like(weights.grad)
        momentum: Tensor = state["momentum"].lerp_(weights.grad, 1 - _MOMENTUM)
        return weights.grad.lerp(momentum, _MOMENTUM)


def step_length(shape: Sequence[int]) -> float:
    """What an orthogonalised matrix of a shape, rows and columns, is multiplied by in a step of learning rate 1."""
    return 0.2 * math.sqrt(max(shape))


def orthogonalised(matrices: Tensor) -> Tensor:
    r"""Matrices :math:`U S V^T` to :math:`U p(S) V^T`, where all of :math:`p(S)` are about 1.

    Newton and Schulz' iteration with the quintic of K. Jordan, :math:`X \leftarrow (a + b A + c A^2) X` with
    :math:`A = X X^T`, from :math:`X / \lVert X \rVert_F`. All factors are polynomials of the first :math:`A`, so that
    they are multiplied by each other, of the size of the shorter side, and by :math:`X` once.

    Args:
        matrices: ``[..., rows, columns]``, float32.

    Returns:
        Same shape and dtype; singular values within 0.68 and 1.13, but for those of less than 1e-3 of the largest.
    """
    if matrices.shape[-2] > matrices.shape[-1]:
        return orthogonalised(matrices.mT).mT
    a, b, c = _COEFFICIENTS
    unit = matrices / torch.linalg.matrix_norm(matrices, keepdim=True).clamp(min=_SMALLEST_NORM)
    gram = unit @ unit.mT
    ones = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    whole = None
    for place in range(_ITERATIONS):
        factor = a * ones + b * gram + c * (gram @ gram)
        whole = factor if whole is None else factor @ whole
        if place < _ITERATIONS - 1:
            gram = factor @ gram @ factor
    assert whole is not None
    return whole @ unit
