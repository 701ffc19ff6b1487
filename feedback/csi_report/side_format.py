"""How side information becomes bits, for links that carry nothing else.

Every format is bounded: whatever bits arrive, they mean one of the values that a report may have, or none. A float32
number has no format, as one wrong bit would change it by any factor.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import comb

import torch
from torch import Tensor

from feedback.errors import FeedbackInputError


@dataclass(frozen=True)
class SideFormat(ABC):
    """Side information of one kind as bits, most significant first."""

    @property
    @abstractmethod
    def bits(self) -> int:
        """Bits per report."""

    @abstractmethod
    def pack(self, side: Tensor) -> Tensor:
        """At the UE: side information ``[batch, ...]`` to bits 0 and 1, ``[batch, bits]``, int64."""

    @abstractmethod
    def unpack(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """At the BS: bits ``[batch, bits]``, int64, to side information, and which rows mean any, ``[batch]``, bool."""


@dataclass(frozen=True)
class LevelFormat(SideFormat):
    """A level number ``0 .. 2^width - 1`` per report, ``[batch]``, int64, in natural binary."""

    width: int

    @property
    def bits(self) -> int:
        """The width."""
        return self.width

    def pack(self, side: Tensor) -> Tensor:
        """Bits of the level numbers."""
        return to_bits(side, self.width)

    def unpack(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """Level numbers; every row means one."""
        return from_bits(bits), torch.ones(len(bits), dtype=torch.bool, device=bits.device)


@dataclass(frozen=True)
class SubsetFormat(SideFormat):
    r"""A set of ``size`` out of ``n`` positions per report, ``[batch, size]``, int64, ascending.

    Sent is its number among all such sets in the combinatorial number system,

    .. math:: \sum_{i=1}^{k} \binom{p_i}{i}, \qquad 0 \le p_1 < \dots < p_k < n

    which takes :math:`\lceil \log_2 \binom{n}{k} \rceil` bits.
    """

    n: int
    size: int

    @property
    def bits(self) -> int:
        """Bits of the largest number."""
        return (comb(self.n, self.size) - 1).bit_length()

    def pack(self, side: Tensor) -> Tensor:
        """Bits of the sets' numbers.

        Raises:
            FeedbackInputError: if a row is no such set in ascending order.
        """
        inside = (side >= 0).all() and (side < self.n).all()
        if side.shape[1:] != (self.size,) or not inside or not (side.diff(dim=1) > 0).all():
            raise FeedbackInputError(
                f"positions: got something else than {self.size} ascending positions below {self.n}, expected those"
            )
        numbers = [format(self._number(row), f"0{self.bits}b")[: self.bits] for row in side.tolist()]
        rows = [[int(bit) for bit in number] for number in numbers]
        return torch.tensor(rows, dtype=torch.int64, device=side.device).view(len(side), self.bits)

    def unpack(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """Sets; a number that no set has means nothing, and is given as the first set."""
        numbers = [int("".join(map(str, row)) or "0", 2) for row in bits.tolist()]
        n_sets = comb(self.n, self.size)
        usable = [number < n_sets for number in numbers]
        sets = [self._set(number if known else 0) for number, known in zip(numbers, usable, strict=True)]
        positions = torch.tensor(sets, dtype=torch.int64, device=bits.device).view(len(bits), self.size)
        return positions, torch.tensor(usable, dtype=torch.bool, device=bits.device)

    def _number(self, positions: list[int]) -> int:
        chosen, number = set(positions), 0
        # Binomial of the current position over the chosen ones that are left, kept up by one small product a step.
        left, binomial = self.size, comb(self.n - 1, self.size)
        for position in range(self.n - 1, 0, -1):
            if position in chosen:
                number += binomial
                binomial, left = binomial * left // position, left - 1
            else:
                binomial = binomial * (position - left) // position
        return number

    def _set(self, number: int) -> list[int]:
        positions: list[int] = []
        left, binomial = self.size, comb(self.n - 1, self.size)
        for position in range(self.n - 1, 0, -1):
            if left and number >= binomial:
                number -= binomial
                positions.append(position)
                binomial, left = binomial * left // position, left - 1
            else:
                binomial = binomial * (position - left) // position
        if left:
            positions.append(0)
        return positions[::-1]


def to_bits(levels: Tensor, width: int) -> Tensor:
    """Whole numbers ``[...]`` to their ``width`` lowest bits, most significant first, ``[..., width]``, int64."""
    shifts = torch.arange(width - 1, -1, -1, device=levels.device)
    return levels.to(torch.int64)[..., None] >> shifts & 1


def from_bits(bits: Tensor) -> Tensor:
    """Bits ``[..., width]``, int64, most significant first, to numbers ``[...]``, int64."""
    shifts = torch.arange(bits.shape[-1] - 1, -1, -1, device=bits.device)
    return (bits << shifts).sum(dim=-1)
