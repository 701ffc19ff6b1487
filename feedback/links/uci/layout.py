"""A whole report as one sequence of bits: side information first, then the codeword's values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.csi_report.side_format import SideFormat, from_bits, to_bits
from feedback.errors import FeedbackInputError


@dataclass(frozen=True)
class ReportLayout:
    """Where each part of a report lies among its bits. UE and BS both know it; it says nothing of any report.

    Attributes:
        formats: how each side information is written, in the order in which they are sent.
        side_bits: bits of all of them.
        n_values: values that follow; for bitstreams the bits that are reserved for them.
        level_bits: bits of each value, ``None`` for bitstreams.
        n_bits: bits of the whole; what lies behind the values is filled with zeros.
    """

    formats: Mapping[str, SideFormat]
    side_bits: int
    n_values: int
    level_bits: int | None
    n_bits: int

    @classmethod
    def of(cls, codeword: Codeword, payload_bits: int | None) -> Self:
        """The layout of quantised reports like these.

        Args:
            codeword: reports with their formats; only its shapes and widths are looked at.
            payload_bits: bits reserved for a report, ``None`` for as many as level numbers need, or as bitstreams have
                at most.

        Raises:
            FeedbackInputError: if values are analogue, side information has no format or another length than its
                format's, or a report of fixed length does not fit in ``payload_bits``.
        """
        if codeword.value_bits is None:
            raise FeedbackInputError("link uci: got analogue values, expected those of a quantiser")
        unknown = sorted(set(codeword.side) - set(codeword.side_formats))
        if unknown:
            raise FeedbackInputError(
                f"link uci: got side information {unknown[0]!r} without a format, expected one in side_formats"
            )
        formats = {name: codeword.side_formats[name] for name in codeword.side}
        side_bits = sum(form.bits for form in formats.values())
        if side_bits != codeword.side_bits:
            raise FeedbackInputError(
                f"link uci: got {codeword.side_bits} bits of side information, expected the {side_bits} of its formats"
            )
        if codeword.level_bits is None:
            if payload_bits is None and codeword.max_bits is not None:
                payload_bits = side_bits + codeword.max_bits
            if payload_bits is None or payload_bits <= side_bits:
                raise FeedbackInputError(
                    f"link uci: got payload_bits {payload_bits} for bitstreams of variable length with {side_bits} "
                    f"bits of side information, expected more than {side_bits}"
                )
            return cls(formats, side_bits, payload_bits - side_bits, None, payload_bits)
        n_values = codeword.values.shape[1]
        needed = side_bits + n_values * codeword.level_bits
        if payload_bits is not None and payload_bits < needed:
            raise FeedbackInputError(
                f"link uci: got payload_bits {payload_bits} for reports of {needed} bits, expected {needed} or more"
            )
        return cls(formats, side_bits, n_values, codeword.level_bits, payload_bits or needed)

    def pack(self, codeword: Codeword) -> tuple[Tensor, Tensor]:
        """At the UE: reports to bits 0 and 1, ``[batch, n_bits]``, int64, and which of them fit, ``[batch]``, bool.

        Bits of a stream that is too long are left out.
        """
        values = codeword.values
        fits = torch.ones(len(values), dtype=torch.bool, device=values.device)
        parts = [form.pack(codeword.side[name]) for name, form in self.formats.items()]
        if self.level_bits is None:
            parts.append(values[:, : self.n_values].to(torch.int64))
            if isinstance(codeword.value_bits, Tensor):
                fits = codeword.value_bits.to(values.device) <= self.n_values
        else:
            parts.append(to_bits(values, self.level_bits).flatten(1))
        bits = torch.cat(parts, dim=1)
        return torch.nn.functional.pad(bits, (0, self.n_bits - bits.shape[1])), fits

    def unpack(self, bits: Tensor, arrived: Tensor) -> Codeword:
        """At the BS: bits ``[batch, n_bits]`` to reports, all zeros where one did not arrive or is none.

        None is one whose side information no report has, or with a bit among those that fill the payload up.

        Args:
            bits: what was decoded.
            arrived: reports that the BS takes for right, ``[batch]``, bool.
        """
        bits = bits.to(torch.int64) * arrived[:, None]
        side, at = {}, 0
        for name, form in self.formats.items():
            side[name], usable = form.unpack(bits[:, at : at + form.bits])
            arrived, at = arrived & usable, at + form.bits
        value_bits: int | Tensor
        if self.level_bits is None:
            values = bits[:, at:]
            value_bits = torch.full((len(bits),), self.n_values, device=bits.device)
        else:
            value_bits = self.n_values * self.level_bits
            values = from_bits(bits[:, at : at + value_bits].unflatten(1, (self.n_values, self.level_bits)))
            arrived = arrived & ~(bits[:, at + value_bits :] != 0).any(dim=1)
        return Codeword(
            (values * arrived[:, None]).to(torch.float32),
            side,
            self.side_bits,
            value_bits,
            self.level_bits,
            ~arrived,
            self.formats,
        )
