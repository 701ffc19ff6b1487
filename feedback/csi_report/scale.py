"""The scale that normalisation takes off a channel, as side information of its report."""

import torch
from torch import Tensor

from feedback.csi_report.side_format import LevelFormat
from feedback.errors import FeedbackInputError

EXACT_BITS = 32
MAX_UNIFORM_BITS = 16
# What the range of training channels is widened by below and above: a share of it, and at least so much. In dB,
# amplitudes have a longer tail towards 0, where a wrong scale also costs no more than a lost report does.
_GUARD_SHARES = (1.0, 0.25)
_MIN_GUARDS_DB = (6.0, 3.0)

# Lowest and highest scale that can be sent, dB.
ScaleRange = tuple[float, float]


class ScaleQuantiser:
    r"""Quantises the scale of each report to a given number of bits.

    - 1 bit or more with a range: uniform in :math:`20 \log_{10} s` over the range, mid-rise; a scale outside saturates.
      Whatever levels arrive, the BS so takes no scale outside the range.
    - 32 bits without a range: the float32 number itself, for links that protect it.
    - 0 bits: nothing is fed back, the BS takes 1.

    Args:
        bits: bits per report.
        range_db: of ``learnt_range``, which UE and BS both know; ``None`` with 0 bits, and for the exact number.

    Raises:
        FeedbackInputError: if ``bits`` is none of these, or the range is missing, empty or not finite.
    """

    def __init__(self, bits: int, range_db: ScaleRange | None = None) -> None:
        if bits != EXACT_BITS and not 0 <= bits <= MAX_UNIFORM_BITS:
            raise FeedbackInputError(
                f"scale bits: got {bits}, expected 0, 1 to {MAX_UNIFORM_BITS}, or {EXACT_BITS} for the exact float"
            )
        if needs_range(bits, over_bits=False) and range_db is None:
            raise FeedbackInputError(f"scale range: got none for {bits} bits, expected that of training channels")
        if range_db is not None and not -float("inf") < range_db[0] < range_db[1] < float("inf"):
            raise FeedbackInputError(
                f"scale range: got {range_db[0]:g} to {range_db[1]:g} dB, expected rising finite numbers"
            )
        self.bits = bits
        self.range_db = range_db if bits else None

    @property
    def format(self) -> LevelFormat | None:
        """How what is sent is written in bits; ``None`` for the exact number, which no link of bits carries."""
        return None if self.bits and self.range_db is None else LevelFormat(self.bits)

    def outside(self, scale: Tensor) -> Tensor | None:
        """Which of the scales ``[batch]`` the range does not hold, bool; ``None`` where there is no range."""
        if self.range_db is None:
            return None
        decibel = 20 * scale.to(torch.float64).log10()
        return (decibel < self.range_db[0]) | (decibel > self.range_db[1])

    def encode(self, scale: Tensor) -> Tensor:
        """At the UE: scales ``[batch]``, linear amplitude, float32, to what is sent, ``[batch]``.

        Returns:
            Level numbers, int64; the scale itself, float32, for the exact number.

        Raises:
            FeedbackInputError: if a scale is negative or not finite.
        """
        if not (scale.isfinite() & (scale >= 0)).all():
            raise FeedbackInputError("scale: got a negative number, NaN or infinity, expected a finite amplitude")
        if self.bits == 0:
            return torch.zeros(scale.shape, dtype=torch.int64, device=scale.device)
        if self.range_db is None:
            return scale.to(torch.float32)
        decibel, (low, step) = 20 * scale.to(torch.float64).log10(), self._cells(self.range_db)
        return ((decibel - low) / step).floor().clamp(0, 2**self.bits - 1).to(torch.int64)

    def decode(self, levels: Tensor) -> Tensor:
        """At the BS: what was sent to scales ``[batch]``, linear amplitude, float32."""
        if self.bits == 0:
            return torch.ones(levels.shape, dtype=torch.float32, device=levels.device)
        if self.range_db is None:
            return levels
        low, step = self._cells(self.range_db)
        decibel = low + (levels.to(torch.float64) + 0.5) * step
        return (10 ** (decibel / 20)).to(torch.float32)

    def _cells(self, range_db: ScaleRange) -> tuple[float, float]:
        """Lower end of the first cell and width of each, dB."""
        return range_db[0], (range_db[1] - range_db[0]) / 2**self.bits


def needs_range(bits: int, over_bits: bool) -> bool:
    """Whether a scale of so many bits is sent within a learnt range.

    Args:
        bits: bits of the scale.
        over_bits: whether the link carries nothing but bits that may be received wrong; a raw float32 would let one
            wrong bit change it by any factor.
    """
    return bits > 0 and (over_bits or bits != EXACT_BITS)


def learnt_range(scales: Tensor) -> ScaleRange:
    """The range of training scales ``[n]``, linear amplitude, widened by itself below and by a quarter of it above.

    It is widened by 6 dB below and 3 dB above at least. Scales of 0 say nothing.

    Raises:
        FeedbackInputError: if there is no positive finite scale, or one that is not finite.
    """
    positive = scales[scales != 0].to(torch.float64)
    if len(positive) == 0 or not (positive.isfinite() & (positive > 0)).all():
        raise FeedbackInputError(
            f"scale range: got {len(positive)} training channels other than zero, or scales that are not positive "
            "finite numbers, expected some"
        )
    low, high = (20 * float(end.log10()) for end in (positive.min(), positive.max()))
    below, above = (
        max(share * (high - low), least) for share, least in zip(_GUARD_SHARES, _MIN_GUARDS_DB, strict=True)
    )
    return low - below, high + above
