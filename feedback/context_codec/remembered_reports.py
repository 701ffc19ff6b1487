"""What UE and BS remember of the last report of each UE, and how reports that build on it are told from others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec.codec import MOST_VALUE

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# A report's number modulo 4.
NUMBER_BITS = 2
# Which share of the predecessor's values is taken off.
SHARE_BITS = 2
_NONE = -1


@dataclass(frozen=True)
class RememberedReports:
    """What a side remembers of the last report of each UE.

    Attributes:
        number: of the report modulo 4, ``[n]``; -1 where there is none.
        age: reports since the last that stands alone, ``[n]``.
        values: as rebuilt, in 1/256 step, ``[n, ..., entries, 2]``.
        rotation: of the angle axis, ``[n]``, or of each layer, ``[n, n_layers]``.
    """

    number: NDArray[np.int64]
    age: NDArray[np.int64]
    values: NDArray[np.int32]
    rotation: NDArray[np.int64]

    @classmethod
    def of_memory(cls, memory: Mapping[str, Tensor]) -> Self:
        """What ``to_memory`` made, on any device."""
        return cls(**{field.name: memory[field.name].cpu().numpy() for field in fields(cls)})

    def to_memory(self, device: torch.device) -> dict[str, Tensor]:
        """Every attribute as a tensor, by name."""
        import torch

        return {field.name: torch.from_numpy(getattr(self, field.name)).to(device) for field in fields(self)}

    @property
    def known(self) -> NDArray[np.bool_]:
        """Of which UEs there is a report, ``[n]``."""
        return self.number != _NONE

    @property
    def next_number(self) -> NDArray[np.int64]:
        """Number of the next report of each UE, ``[n]``; 0 for the first."""
        return np.where(self.known, (self.number + 1) % 4, 0)

    def may_be_followed(self, alone_every: int) -> NDArray[np.bool_]:
        """Whether the next report may build on this one, ``[n]``."""
        return self.known & (self.age + 1 < alone_every)

    def precede(self, number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether reports of these numbers are the next ones, ``[n]``."""
        return self.known & (number == self.next_number)

    def forgotten(self, lost: NDArray[np.bool_]) -> Self:
        """The same without the reports that were lost, ``[n]``."""
        return replace(self, number=np.where(lost, _NONE, self.number))


def no_reports(n: int) -> NDArray[np.int64]:
    """Numbers of UEs that have not reported, ``[n]``."""
    return np.full(n, _NONE, np.int64)


def bounded(values: NDArray[np.signedinteger]) -> NDArray[np.int32]:
    """Values of reports, bounded whatever arrives."""
    found: NDArray[np.int32] = np.clip(values, -2 * MOST_VALUE, 2 * MOST_VALUE).astype(np.int32)
    return found


def written(
    follows: NDArray[np.bool_],
    alone: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    following: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    lengths: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Reports in the form that was chosen for each.

    Args:
        follows: whether a report builds on another, ``[n]``.
        alone: what is ahead of the levels, and the levels, of reports that stand alone, ``[n, width]`` each, 0 and 1.
        following: the same of those that build on another.
        lengths: of the reports, ``[n]``.

    Returns:
        ``[n, longest]``, zeros behind the end of each report.
    """
    bits = np.zeros((len(follows), int(lengths.max(initial=0))), np.uint8)
    for row, length in enumerate(lengths):
        parts = following if follows[row] else alone
        bits[row, :length] = np.concatenate([part[row] for part in parts])[:length]
    return bits
