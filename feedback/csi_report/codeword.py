"""What crosses the feedback link."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from feedback.csi_report.side_format import SideFormat
from feedback.signals import Signal

__all__ = ["Codeword", "Signal"]


@dataclass(frozen=True)
class Codeword:
    """One report per sample: real values that a link may disturb, and integers that it protects.

    Attributes:
        values: ``[batch, length]``, float32.
        side: side information by name (positions, scales), ``[batch, ...]``; protected, so it crosses error-free, or
            with the rest of the report.
        side_bits: bits that the side information costs per report.
        value_bits: bits that the values cost per report once they are quantised, or ``[batch]``, int64, where each
            report has its own; ``None`` while they are analogue.
        level_bits: bits of each value on the link where all are level numbers ``0 .. 2^level_bits - 1`` in natural
            binary, 1 for plain bits; ``None`` for analogue values, and for bitstreams of variable length, whose values
            are bits, zeros behind each report's end.
        erased: which reports the link failed to deliver, ``[batch]``, bool; the BS knows that, and nothing else of
            them. ``None`` where all arrived.
        side_formats: how each side information is written in bits, for links that carry nothing else.
        max_bits: bits to reserve for the values of each report of a bitstream, which both sides know; ``None`` where
            nothing bounds them.
    """

    values: Tensor
    side: Mapping[str, Tensor] = field(default_factory=dict)
    side_bits: int = 0
    value_bits: int | Tensor | None = None
    level_bits: int | None = None
    erased: Tensor | None = None
    side_formats: Mapping[str, SideFormat] = field(default_factory=dict)
    max_bits: int | None = None

    @property
    def bits(self) -> int | Tensor | None:
        """Bits per report, side information included; ``None`` for an analogue report, which has no bit count."""
        return None if self.value_bits is None else self.value_bits + self.side_bits

    def arrived(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Of bitstreams at the BS: bits 0 and 1, ``[batch, width]``, and how many arrived of each report, ``[batch]``.

        None of an erased report did; where lengths are not told, all that there is.
        """
        values, lengths = self.values, self.value_bits
        n, width = values.shape
        bits = (values.detach().cpu().numpy() > 0.5).astype(np.uint8)
        told = (
            lengths.cpu().numpy() if isinstance(lengths, Tensor) else np.full(n, width if lengths is None else lengths)
        )
        gone = np.zeros(n, np.bool_) if self.erased is None else self.erased.cpu().numpy()
        return bits, np.where(gone, 0, np.clip(told, 0, width)).astype(np.int64)
