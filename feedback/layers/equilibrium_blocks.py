"""The equilibrium blocks of the DEQ network, at the UE and at the BS.

A step adds to the injection X the normalised sum of the state Z and convolutions of it,

    Z <- PReLU(X + norm(Z + g(Z, X))),

the identity shortcuts from state and injection; ``g`` is what differs.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from feedback.layers.basic import LEAKY_SLOPE, ConvBn, HingePath
from feedback.layers.equilibrium import Equilibrium

# Channels inside a dilated module at the UE: the paper leaves them open, its multiply-adds do not.
_UE_WIDTH = 3
_BS_WIDTH = 80
_BS_GROUPS = 40
# Of the branch at the BS, which the paper leaves open: those of ACRNet's blocks, as wide as paths are blurred.
_BS_KERNELS = ((1, 9), (7, 7), (7, 7), (9, 1))
_DILATIONS = (1, 2, 3)


def prelu(n_channels: int) -> nn.PReLU:
    """Slopes learnt, one a channel, 0.3 at first."""
    return nn.PReLU(n_channels, init=LEAKY_SLOPE)


def narrow_modules(width: int) -> nn.Sequential:
    """Three modules of conv 3x1 2->width and 1x3 width->2, dilated by 1, 2 and 3; norm and PReLU after each module."""
    modules = []
    for dilation in _DILATIONS:
        column = nn.Conv2d(2, width, (3, 1), padding="same", dilation=dilation, bias=False)
        modules += [column, ConvBn(width, 2, (1, 3), prelu(2), dilation=dilation)]
    return nn.Sequential(*modules)


def wide_modules(width: int, groups: int) -> nn.Sequential:
    """Three modules of conv 3x1 and 1x3, dilated by 1, 2 and 3, from 2 channels to 2; norm, PReLU after each conv."""
    sizes = [2, *[width] * (2 * len(_DILATIONS) - 1), 2]
    layers = []
    for place, (n_in, n_out) in enumerate(pairwise(sizes)):
        kernel = (1, 3) if place % 2 else (3, 1)
        inside = n_in == n_out
        layers.append(
            ConvBn(n_in, n_out, kernel, prelu(n_out), groups if inside else 1, dilation=_DILATIONS[place // 2])
        )
    return nn.Sequential(*layers)


class _Step(nn.Module):
    def __init__(self, dilated: nn.Sequential) -> None:
        super().__init__()
        self.dilated = dilated
        self.norm = nn.BatchNorm2d(2)
        self.activation = prelu(2)

    def silence(self) -> None:
        """Makes the convolutions of the state 0."""
        last = self.dilated[-1]
        assert isinstance(last, ConvBn)
        nn.init.zeros_(last.norm.weight)


class UeStep(_Step):
    """``g``: conv 5x5 of state plus injection, then three dilated modules."""

    def __init__(self) -> None:
        super().__init__(narrow_modules(_UE_WIDTH))
        self.mix = ConvBn(2, 2, 5, prelu(2))

    def forward(self, state: Tensor, injection: Tensor) -> Tensor:
        """The next state, ``[batch, 2, Na, Nt]``."""
        change = self.dilated(self.mix(state + injection))
        following: Tensor = self.activation(injection + self.norm(state + change))
        return following


class BsStep(_Step):
    """``g``: three dilated modules of 80 channels on the state, beside a branch that only the injection feeds."""

    def __init__(self) -> None:
        super().__init__(wide_modules(_BS_WIDTH, _BS_GROUPS))

    def forward(self, state: Tensor, injection: Tensor, branch: Tensor) -> Tensor:
        """The next state, ``[batch, 2, Na, Nt]``."""
        following: Tensor = self.activation(injection + self.norm(state + self.dilated(state) + branch))
        return following


class EquilibriumBlock(nn.Module):
    """An equilibrium that starts from what it is injected.

    Attributes:
        equilibrium: the iteration.
    """

    equilibrium: Equilibrium

    @property
    def activation(self) -> nn.Module:
        """What ends each step."""
        return self.equilibrium.step.get_submodule("activation")

    def injected(self, image: Tensor) -> tuple[Tensor, ...]:
        """What each step is given beside its state; the first is also the state that the iteration starts from."""
        return (image,)

    def forward(self, image: Tensor) -> Tensor:
        """``[batch, 2, Na, Nt]``, same shape out."""
        start, *others = self.injected(image)
        reached: Tensor = self.equilibrium(start, start, *others)
        return reached

    @torch.no_grad()
    def residuals(self, image: Tensor, iterations: int | None = None) -> Tensor:
        """Convergence, ``[batch, iterations]``; see ``Equilibrium.residuals``."""
        start, *others = self.injected(image)
        return self.equilibrium.residuals(start, start, *others, iterations=iterations)

    def silence(self) -> None:
        """Makes the fixed point the activated injection."""
        nn.init.zeros_(self.equilibrium.step.get_parameter("norm.weight"))


class UeEquilibrium(EquilibriumBlock):
    """The block at the UE."""

    def __init__(self, iterations: int) -> None:
        super().__init__()
        self.equilibrium = Equilibrium(UeStep(), iterations)


class BsEquilibrium(EquilibriumBlock):
    """The block at the BS: four convolutions on the injection, once a pass.

    Attributes:
        scale: what images are multiplied by first, 1 until it is set, not learnt by gradient. Logits are small: where
            images come in their scale, steps of the layer before are far too long for its weights.
    """

    scale: Tensor

    def __init__(self, iterations: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))
        self.equilibrium = Equilibrium(BsStep(), iterations)
        first, second, third, last = _BS_KERNELS
        self.branch = nn.Sequential(
            ConvBn(2, _BS_WIDTH, first, prelu(_BS_WIDTH)),
            ConvBn(_BS_WIDTH, _BS_WIDTH, second, prelu(_BS_WIDTH), groups=_BS_GROUPS),
            ConvBn(_BS_WIDTH, _BS_WIDTH, third, prelu(_BS_WIDTH), groups=_BS_GROUPS),
            ConvBn(_BS_WIDTH, 2, last),
        )

    @property
    def narrow(self) -> ConvBn:
        """Last layer of the branch."""
        return self._branch[-1]

    @property
    def hinge_path(self) -> HingePath:
        """The branch before its last layer."""
        *spread, hinge, _ = self._branch
        return HingePath(tuple(spread), hinge, first=0)

    @property
    def _branch(self) -> list[ConvBn]:
        return [layer for layer in self.branch if isinstance(layer, ConvBn)]

    def injected(self, image: Tensor) -> tuple[Tensor, ...]:
        """The scaled image, and the branch's."""
        scaled = image * self.scale
        return scaled, self.branch(scaled)
