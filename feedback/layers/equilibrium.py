r"""Deep equilibrium blocks: the output is the fixed point of one learnt step, :math:`Z = f(Z, X)`.

The step is iterated without a graph, and the gradient goes through one more step at the point that was reached
(Jacobian-free, eq. 18 of the DEQ paper), so that memory does not depend on the number of iterations.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_TINY = 1e-12


class Equilibrium(nn.Module):
    """Iterates a step, as often as it is set to at the time.

    Args:
        step: maps a state ``[batch, ...]`` and what is injected to the next state, of the same shape.
        iterations: steps of a pass, the one that carries the gradient among them.

    Attributes:
        iterations: as above; may be set at any time, also once weights are loaded.
    """

    def __init__(self, step: nn.Module, iterations: int) -> None:
        super().__init__()
        self.step = step
        self.iterations = iterations

    def forward(self, start: Tensor, *injected: Tensor) -> Tensor:
        """The state after ``iterations`` steps, same shape as ``start``."""
        with torch.no_grad(), _running_statistics_kept(self.step):
            state = start.detach()
            for _ in range(self.iterations - 1):
                state = self.step(state, *injected)
        reached: Tensor = self.step(state, *injected)
        return reached

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
        with _running_statistics_kept(self.step):
            for _ in range(iterations or self.iterations):
                following = self.step(state, *injected)
                norm = following.flatten(1).norm(dim=1).clamp_min(_TINY)
                ratios.append((following - state).flatten(1).norm(dim=1) / norm)
                state = following
        return torch.stack(ratios, dim=1)


@contextmanager
def _running_statistics_kept(step: nn.Module) -> Iterator[None]:
    """Batch norm in training learns its running statistics from the last step only: those of the fixed point."""
    norms = [layer for layer in step.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
