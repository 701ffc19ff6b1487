"""What crosses the feedback link."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Codeword:
    """One report per sample: real values that a link may disturb, and integers that it protects.

    Attributes:
        values: ``[batch, length]``, float32.
        side: side information by name (positions, scales), ``[batch, ...]``; protected, so it crosses error-free.
        side_bits: bits that the side information costs per report.
        value_bits: bits that the values cost per report once they are quantised; ``None`` while they are analogue.
    """

    values: Tensor
    side: Mapping[str, Tensor] = field(default_factory=dict)
    side_bits: int = 0
    value_bits: int | None = None

    @property
    def bits(self) -> int | None:
        """Bits per report, side information included; ``None`` for an analogue report, which has no bit count."""
        return None if self.value_bits is None else self.value_bits + self.side_bits
