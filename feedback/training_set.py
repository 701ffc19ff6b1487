"""Training channels as compressors see them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from feedback.principal_axes import has_all_axes, principal_axes, second_moment

# Normalised channels ``start`` to ``stop - 1`` of an endless training split, ``[stop - start, Na, Nt]``, complex64.
ChannelStream = Callable[[int, int], Tensor]


class PrincipalAxes:
    """Axes of one set of training channels, found once for each number of them."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Tensor, Tensor]] = {}
        self._all: tuple[Tensor, Tensor] | None = None

    def of(self, csi: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Eigenvalues and eigenvectors of ``feedback.principal_axes``.

        Args:
            csi: the channels, the same at every call, ``[n, Na, Nt]``, complex64.
            count: how many.
        """
        if count not in self._found:
            self._found[count] = self.find(csi, count)
        return self._found[count]

    def find(self, csi: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """What ``of`` remembers; others may look for it on a disk first.

        Where one decomposition has all axes, it is made once, whatever the counts.
        """
        if not has_all_axes(csi):
            return principal_axes(csi, count)
        if self._all is None:
            self._all = principal_axes(csi, csi[0].numel())
        values, vectors = self._all
        return values[:count], vectors[:, :count].contiguous()


@dataclass(frozen=True)
class TrainingSet:
    """Normalised angular-delay matrices to learn from, and those to select on.

    For a network that learns over time each is a sequence of ``T`` matrices, ``[n, T, Na, Nt]``, what a UE would report
    one after the other, the oldest first.

    Attributes:
        train: ``[n_train, Na, Nt]``, complex64.
        validation: ``[n_validation, Na, Nt]``, complex64, disjoint from ``train`` and from every test channel.
        stream: makes fresh channels for every epoch, the first of which are ``train``; ``None`` where every epoch
            sees ``train`` again.
        axes: remembers principal axes.
    """

    train: Tensor
    validation: Tensor
    stream: ChannelStream | None = None
    axes: PrincipalAxes = field(default_factory=PrincipalAxes, compare=False)

    @property
    def is_fresh(self) -> bool:
        """Whether every epoch has channels of its own."""
        return self.stream is not None

    def epoch(self, number: int) -> Tensor:
        """Channels of an epoch, from 0, ``[n_train, Na, Nt]``, complex64; only these are in memory."""
        count = len(self.train)
        if self.stream is None or number == 0:
            return self.train
        return self.stream(number * count, (number + 1) * count)

    def principal_axes(self, count: int) -> tuple[Tensor, Tensor]:
        """``principal_axes`` of ``train``, found once for each count by all that share ``axes``.

        Returns:
            Eigenvalues ``[count]``, float64, and eigenvectors as columns ``[Na Nt, count]``, complex64.
        """
        return self.axes.of(self.train, count)

    @cached_property
    def second_moment(self) -> Tensor:
        r""":math:`R = E[x x^H / \lVert x \rVert^2]`, ``x = vec(H_a)``, ``[Na Nt, Na Nt]``, complex128."""
        return second_moment(self.train)
