"""Muon for convolution kernels, as matrices of one row for each output channel."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class KernelMuon(torch.optim.Optimizer):
    r"""Muon (K. Jordan et al., Muon, 2024) for parameters of two dimensions or more, :math:`W` as ``[rows, all else]``.

    .. math:: W \leftarrow W - 0.2 \eta \sqrt{\max(\mathrm{rows}, \mathrm{columns})} \,
        \mathrm{orthogonalised}(G + \mu M)

    so that the root mean square of its steps is Adam's (J. Liu et al., arXiv:2502.16982).

    Args:
        groups: parameters, contiguous, and their ``ratio``.
        lr: learning rate.
        weight_decay: pull of the weights towards 0.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": lr})
        # PyTorch's takes matrices alone. These share their memory with the parameters.
        matrices = [
            {"params": [nn.Parameter(kernel.detach().view(len(kernel), -1)) for kernel in group["params"]]}
            for group in self.param_groups
        ]
        self._matrices = torch.optim.Muon(matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; closures are not supported and must be ``None``."""
        assert closure is None
        for group, matrices in zip(self.param_groups, self._matrices.param_groups, strict=True):
            matrices["lr"] = group["lr"]
            for kernel, matrix in zip(group["params"], matrices["params"], strict=True):
                matrix.grad = None if kernel.grad is None else kernel.grad.reshape(matrix.shape)
        self._matrices.step()

    def state_dict(self) -> dict[str, Any]:
        """The momenta of the matrices, in order."""
        return self._matrices.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up what ``state_dict`` gave."""
        self._matrices.load_state_dict(state_dict)
