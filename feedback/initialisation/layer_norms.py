"""Starts layer norms so that they pass tokens on, how strong each is included."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from feedback.layers.basic import CentredLinear

# Length of the constant beside which tokens of unit deviation pass, several times that of the strongest.
_CONSTANT = 150.0


@dataclass(frozen=True)
class NormWindow:
    r"""How layer norms pass tokens on: beside a constant :math:`c u` far beyond them, which they normalise instead.

    .. math:: \mathrm{LN}(x + c u) = c \, \frac{x' + c u}{\lVert x' + c u \rVert} \approx x' + c u

    for gains :math:`c / \sqrt d` of ``d`` values, where ``x'`` is ``x`` without its mean and without what it has along
    ``u``. That is what is lost of each token, two of its dimensions.

    Attributes:
        constant: :math:`c u`, ``[d]``; ``u`` has no mean.
    """

    constant: Tensor

    @classmethod
    def of_least_energy(cls, rows: Tensor) -> "NormWindow":
        """Along what tokens ``[n, d]`` have least of."""
        moment = (rows.T @ rows / len(rows)).double()
        flat = torch.eye(len(moment), dtype=moment.dtype, device=moment.device) - 1 / len(moment)
        # The mean itself has eigenvalue 0.
        least = torch.linalg.eigh(flat @ moment @ flat)[1][:, 1].to(rows.dtype)
        return cls(_CONSTANT * least * least[least.abs().argmax()].sign())

    @property
    def kept(self) -> Tensor:
        """The projection on what passes, ``[d, d]``."""
        d, along = len(self.constant), self.constant / self.constant.norm()
        return torch.eye(d, device=along.device) - 1 / d - along[:, None] * along

    def open(self, norm: nn.LayerNorm, take: bool = False) -> None:
        """Makes a layer norm pass on what comes with the constant, which it may take off."""
        nn.init.constant_(norm.weight, float(self.constant.norm()) / len(self.constant) ** 0.5)
        norm.bias.copy_(-self.constant if take else torch.zeros_like(self.constant))

    def centre(self, *layers: nn.Module) -> None:
        """Makes layers that get the constant work on what is beside it."""
        for layer in layers:
            assert isinstance(layer, CentredLinear)
            layer.centre.copy_(self.constant)
