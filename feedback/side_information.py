"""The scale that normalisation takes off a channel, as side information of its report."""

import torch
from torch import Tensor

from feedback.errors import FeedbackInputError
from feedback.side_format import FloatFormat, LevelFormat, SideFormat

# Range of the uniform quantiser; mean channel power is 1 per entry, so a scale near 0 dB is usual.
SCALE_RANGE_DB = (-60.0, 60.0)
EXACT_BITS = 32
MAX_UNIFORM_BITS = 16


class ScaleQuantiser:
    r"""Quantises the scale of each report to a given number of bits.

    - 32 bits: the float32 number itself.
    - 1 to 16 bits: uniform in :math:`20 \log_{10} s` over -60 to +60 dB, mid-rise; a scale outside clips.
    - 0 bits: nothing is fed back, the BS takes 1.

    Args:
        bits: bits per report.

    Raises:
        FeedbackInputError: if ``bits`` is none of these.
    """

    def __init__(self, bits: int) -> None:
        if bits != EXACT_BITS and not 0 <= bits <= MAX_UNIFORM_BITS:
            raise FeedbackInputError(
                f"scale bits: got {bits}, expected 0, 1 to {MAX_UNIFORM_BITS}, or {EXACT_BITS} for the exact float"
            )
        self.bits = bits
        self._low_db = SCALE_RANGE_DB[0]
        self._step_db = (SCALE_RANGE_DB[1] - SCALE_RANGE_DB[0]) / 2**bits

    @property
    def format(self) -> SideFormat:
        """How what is sent is written in bits."""
        return FloatFormat() if self.bits == EXACT_BITS else LevelFormat(self.bits)

    def encode(self, scale: Tensor) -> Tensor:
        """At the UE: scales ``[batch]``, linear amplitude, float32, to what is sent, ``[batch]``.

        Returns:
            Level numbers, int64; the scale itself, float32, for 32 bits.

        Raises:
            FeedbackInputError: if a scale is negative or not finite.
        """
        if not (scale.isfinite() & (scale >= 0)).all():
            raise FeedbackInputError("scale: got a negative number, NaN or infinity, expected a finite amplitude")
        if self.bits == EXACT_BITS:
            return scale.to(torch.float32)
        if self.bits == 0:
            return torch.zeros(scale.shape, dtype=torch.int64, device=scale.device)
        decibel = 20 * scale.to(torch.float64).log10()
        return ((decibel - self._low_db) / self._step_db).floor().clamp(0, 2**self.bits - 1).to(torch.int64)

    def decode(self, levels: Tensor) -> Tensor:
        """At the BS: what was sent to scales ``[batch]``, linear amplitude, float32."""
        if self.bits == EXACT_BITS:
            return levels
        if self.bits == 0:
            return torch.ones(levels.shape, dtype=torch.float32, device=levels.device)
        decibel = self._low_db + (levels.to(torch.float64) + 0.5) * self._step_db
        return (10 ** (decibel / 20)).to(torch.float32)
