"""Reports as bits: fields of any width, many reports at once, each of its own length."""

import torch
from torch import Tensor


class BitWriter:
    """Collects the fields of a batch of reports in the order in which they are sent, most significant bit first."""

    def __init__(self) -> None:
        self._bits: list[Tensor] = []
        self._present: list[Tensor] = []

    def write(self, values: Tensor, width: Tensor | int) -> None:
        """Appends fields ``[batch]`` or ``[batch, n]``, integers from 0, of ``width`` bits (broadcast); 0: not sent."""
        values = values if values.dim() == 2 else values[:, None]
        widths = torch.as_tensor(width, device=values.device).expand_as(values)
        longest = int(widths.max()) if widths.numel() else 0
        place = torch.arange(longest, device=values.device)
        shift = (widths[..., None] - 1 - place).clamp(min=0)
        self._bits.append(((values[..., None].to(torch.int64) >> shift) & 1).flatten(1))
        self._present.append((place < widths[..., None]).flatten(1))

    def finish(self) -> tuple[Tensor, Tensor]:
        """Bits ``[batch, longest]``, uint8, zeros behind each report's end; and lengths ``[batch]``, int64."""
        bits, present = torch.cat(self._bits, dim=1), torch.cat(self._present, dim=1)
        lengths = present.sum(1)
        order = (~present).to(torch.uint8).argsort(dim=1, stable=True)
        packed = torch.where(present, bits, 0).gather(1, order)
        return packed[:, : int(lengths.max()) if len(lengths) else 0].to(torch.uint8), lengths


class BitReader:
    """Reads fields in the order in which they were written. What lies behind a report's end reads as 0.

    Args:
        bits: ``[batch, longest]``, 0 and 1.

    Attributes:
        position: bits read of each report, ``[batch]``, int64.
    """

    def __init__(self, bits: Tensor) -> None:
        self._bits = bits.to(torch.int64)
        self.position = torch.zeros(len(bits), dtype=torch.int64, device=bits.device)

    def read(self, count: int, width: Tensor | int) -> Tensor:
        """The next ``count`` fields, ``[batch, count]``, int64; ``width`` as in ``BitWriter.write``."""
        batch = len(self._bits)
        widths = torch.as_tensor(width, device=self._bits.device)
        widths = widths.expand(batch, count)
        longest = int(widths.max()) if widths.numel() else 0
        begin = self.position[:, None] + widths.cumsum(1) - widths
        place = torch.arange(longest, device=self._bits.device)
        index = begin[..., None] + place
        there = (place < widths[..., None]) & (index < self._bits.shape[1])
        padded = torch.cat([self._bits, self._bits.new_zeros(batch, 1)], dim=1)
        index = torch.where(there, index, self._bits.shape[1])
        bits = padded.gather(1, index.flatten(1)).view(batch, count, longest)
        shift = (widths[..., None] - 1 - place).clamp(min=0)
        self.position = self.position + widths.sum(1)
        return (bits << shift).sum(-1)

    def read_one(self, width: Tensor | int) -> Tensor:
        """The next field of each report, ``[batch]``, int64; ``width`` is a number or ``[batch]``."""
        widths = width[:, None] if isinstance(width, Tensor) and width.dim() == 1 else width
        return self.read(1, widths)[:, 0]
