r"""Deep equilibrium blocks: the output is the fixed point of one learnt step, :math:`Z = f(Z, X)`.

The step is iterated without a graph, and the gradient goes through one more step at the point that was reached
(Jacobian-free, eq. 18 of the DEQ paper), so that memory does not depend on the number of iterations.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_TINY = 1e-12
# How far from the state that was reached its neighbour lies by which the stretch is measured, over its norm.
_NEAR = 1e-2
# Share of a batch that the stretch is measured on.
_MEASURED = 5


class Equilibrium(nn.Module):
    r"""Iterates a step, as often as it is set to at the time.

    In training, too, the iterations but for the last run with the running statistics of batch norm, as they do in use:
    statistics of each iteration's own batch would keep a state bounded that grows without end in use. What is learnt
    has to stay a contraction nevertheless, so the stretch along the direction in which the iteration still moves, which
    comes near that of the largest eigenvalue of the Jacobian, is measured in training, with a graph:

    .. math:: \frac{\|f(Z + \delta, X) - f(Z, X)\|}{\|\delta\|}, \qquad \delta \propto Z^{[t]} - Z^{[t-1]}

    It takes the place of the norm of the Jacobian in Bai et al., Stabilizing Equilibrium Models by Jacobian
    Regularization, 2021, arXiv:2106.14342.

    Args:
        step: maps a state ``[batch, ...]`` and what is injected to the next state, of the same shape.
        iterations: steps of a pass, the one that carries the gradient among them.

    Attributes:
        iterations: as above; may be set at any time, also once weights are loaded.
        stretch: of the last pass in training, ``[some of the batch]``; ``None`` before, and after a pass of one step.
    """

    stretch: Tensor | None

    def __init__(self, step: nn.Module, iterations: int) -> None:
        super().__init__()
        self.step = step
        self.iterations = iterations
        self.stretch = None

    def forward(self, start: Tensor, *injected: Tensor) -> Tensor:
        """The state after ``iterations`` steps, same shape as ``start``."""
        state, before = start.detach(), None
        with torch.no_grad(), _as_in_use(self.step):
            for _ in range(self.iterations - 1):
                before, state = state, self.step(state, *injected)
        reached: Tensor = self.step(state, *injected)
        if self.training and torch.is_grad_enabled():
            # Last, as the step above changes the running statistics that the graph of this holds.
            self.stretch = None if before is None else self._stretch(state, state - before, injected)
        return reached

    def _stretch(self, state: Tensor, direction: Tensor, injected: tuple[Tensor, ...]) -> Tensor:
        some = slice(-(-len(state) // _MEASURED))
        at, along, given = state[some], direction[some], [part[some].detach() for part in injected]
        size = _NEAR * _norms(at) / _norms(along)
        offset = along * size.view(-1, *[1] * (along.dim() - 1))
        with _as_in_use(self.step):
            moved = self.step(at + offset, *given) - self.step(at, *given)
        return _norms(moved) / _norms(offset)

    @torch.no_grad()
    def residuals(self, start: Tensor, *injected: Tensor, iterations: int | None = None) -> Tensor:
        r"""How far each step still moves: :math:`\|Z^{[t]} - Z^{[t-1]}\| / \|Z^{[t]}\|`.

        Args:
            start: first state, ``[batch, ...]``.
            injected: as for ``forward``.
            iterations: steps to follow; by default those of a pass.

        Returns:
            ``[batch, iterations]``, float32; falls to 0 where the iteration converges.
        """
        state, ratios = start, []
        with _as_in_use(self.step):
            for _ in range(iterations or self.iterations):
                following = self.step(state, *injected)
                ratios.append(_norms(following - state) / _norms(following))
                state = following
        return torch.stack(ratios, dim=1)


def _norms(state: Tensor) -> Tensor:
    return state.flatten(1).norm(dim=1).clamp_min(_TINY)


@contextmanager
def _as_in_use(step: nn.Module) -> Iterator[None]:
    """Batch norm works with its running statistics, which learn nothing: those of the fixed point."""
    training = [part for part in step.modules() if part.training]
    step.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
