"""Reports that build on the one before: the difference from what the BS has rebuilt, in integers on both sides.

A report says whether it stands alone, and its number modulo 4. One that does not stand alone has the scale and the
rotation of its predecessor, and codes what is left once a share of the predecessor's values is taken off. The BS takes
it for lost if the predecessor is not the last report that it has.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import kernel, rotation, side_information
from feedback.context_codec.codec import MOST_VALUE, RATE_WEIGHT, ContextCodec, Report, amplitude, values_of
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.received_bits import check_bits, no_stream
from feedback.context_codec.remembered_reports import (
    NUMBER_BITS,
    SHARE_BITS,
    RememberedReports,
    bounded,
    no_reports,
    written,
)
from feedback.context_codec.report_bits import check_sequence

# Shares of the predecessor's values that may be taken off, in sixteenths.
_SHARES = np.array([16, 14, 12, 8])


@dataclass(frozen=True)
class Reference(RememberedReports):
    """What a side remembers of the last report of each UE: values ``[n, entries, 2]``, one rotation.

    Attributes:
        scale: number of the scale, ``[n]``.
    """

    scale: NDArray[np.int64]

    @classmethod
    def nothing(cls, n: int, shape: LevelShape) -> "Reference":
        """That of UEs that have not reported."""
        zeros = np.zeros(n, np.int64)
        return cls(no_reports(n), zeros, np.zeros((n, shape.entries, 2), np.int32), zeros, zeros)


@dataclass(frozen=True)
class SequenceCodec:
    """Reports of matrices that follow each other in time.

    Attributes:
        codec: of reports that stand alone, with a step, which all reports share.
        alone_every: reports from one that stands alone to the next, at most; 1: all stand alone.

    Raises:
        FeedbackInputError: if the codec has no step, ``alone_every`` is below 1, or no report has room in ``max_bits``.
    """

    codec: ContextCodec
    alone_every: int = 8

    def __post_init__(self) -> None:
        codec = self.codec
        check_sequence(
            codec.step, self.alone_every, codec.max_bits, lambda: codec.fewest_bits + self.alone_bits - codec.side_bits
        )

    @property
    def following_bits(self) -> int:
        """Bits ahead of the levels of a report that builds on another."""
        return 1 + NUMBER_BITS + SHARE_BITS

    @property
    def alone_bits(self) -> int:
        """Bits ahead of the levels of a report that stands alone."""
        return 1 + NUMBER_BITS + self.codec.side_bits

    def encode(
        self, matrices: NDArray[np.complexfloating], reference: Reference
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], Reference]:
        """At the UE: the next report of each, and what it remembers of it.

        Args:
            matrices: ``[n, *shape]``.
            reference: of the reports before.

        Returns:
            Bits 0 and 1, ``[n, longest]``, zeros behind the end of each report; their lengths, ``[n]``; the reference
            of the next reports, which is that of a BS that has got these.
        """
        codec, exact = self.codec, self.codec.checked(matrices)
        n = len(exact)
        step, context_step = self._steps(n)
        number = reference.next_number
        scale = codec.scale.numbers(amplitude(exact))
        most = None if codec.max_bits is None else codec.max_bits - self.alone_bits
        report = Report(codec.tables, codec.shape, rotation.all_rotations(exact / _column(codec.scale.scales(scale))))
        turned, alone, alone_lengths = report.coded(step, context_step, most)
        share, base, following, following_lengths = self._following(exact, reference)
        total = following_lengths + self.following_bits
        follows = reference.may_be_followed(self.alone_every)
        follows &= total < alone_lengths + self.alone_bits
        side_alone = np.concatenate(
            [
                np.zeros((n, 1), np.uint8),
                side_information.to_bits(number, NUMBER_BITS),
                side_information.to_bits(scale, codec.scale.bits),
                side_information.to_bits(turned, rotation.rotation_bits(codec.shape.columns)),
            ],
            axis=1,
        )
        side_following = np.concatenate(
            [
                np.ones((n, 1), np.uint8),
                side_information.to_bits(number, NUMBER_BITS),
                side_information.to_bits(share, SHARE_BITS),
            ],
            axis=1,
        )
        lengths = np.where(follows, total, alone_lengths + self.alone_bits)
        bits = written(follows, (side_alone, alone), (side_following, following), lengths)
        levels = np.where(follows[:, None], _padded(following, alone), _padded(alone, following))
        left, _ = kernel.decode_values(
            codec.tables, codec.shape, levels, np.where(follows, following_lengths, alone_lengths), context_step
        )
        kept = Reference(
            number,
            np.where(follows, reference.age + 1, 0),
            _sum(base, left, follows),
            np.where(follows, reference.rotation, turned),
            np.where(follows, reference.scale, scale),
        )
        return bits, lengths, kept

    def decode(
        self, bits: NDArray[np.uint8], lengths: NDArray[np.int64], reference: Reference
    ) -> tuple[NDArray[np.complex64], NDArray[np.bool_], Reference]:
        """At the BS: matrices, which of them are lost, and what it remembers.

        Args:
            bits: ``[n, width]``, 0 and 1.
            lengths: bits that arrived of each report, ``[n]``; zeros may follow a report.
            reference: of the reports before.
        """
        check_bits(bits, lengths)
        codec, n = self.codec, len(bits)
        step, context_step = self._steps(n)
        ahead = max(self.alone_bits, self.following_bits)
        bits = np.pad(bits, ((0, 0), (0, ahead)))
        follows = bits[:, 0] == 1
        number = side_information.from_bits(bits[:, 1 : 1 + NUMBER_BITS])
        at = 1 + NUMBER_BITS
        share = side_information.from_bits(bits[:, at : at + SHARE_BITS])
        scale = side_information.from_bits(bits[:, at : at + codec.scale.bits])
        at += codec.scale.bits
        turned = side_information.from_bits(bits[:, at : at + rotation.rotation_bits(codec.shape.columns)])
        start = np.where(follows, self.following_bits, self.alone_bits)
        place = start[:, None] + np.arange(bits.shape[1] - ahead)
        stream = np.take_along_axis(bits, place, axis=1)
        arrived = np.maximum(lengths - start, 0)
        left, used = kernel.decode_values(codec.tables, codec.shape, stream, arrived, context_step)
        erased = no_stream(stream, arrived, used) | (lengths < start)
        erased |= follows & ~reference.precede(number)
        values = _sum(reference.values * _SHARES[share][:, None, None] >> 4, left, follows)
        turned, scale = np.where(follows, reference.rotation, turned), np.where(follows, reference.scale, scale)
        matrices = codec.matrices(values, step, turned, scale).astype(np.complex64)
        matrices[erased] = 0
        kept = Reference(
            np.where(erased, reference.number, number),
            np.zeros(n, np.int64),
            np.where(erased[:, None, None], reference.values, values),
            np.where(erased, reference.rotation, turned),
            np.where(erased, reference.scale, scale),
        )
        return matrices, erased, kept

    def _following(
        self, exact: NDArray[np.complex128], reference: Reference
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8], NDArray[np.int64]]:
        """Numbers of the shares, what they are of the predecessors, and bits and lengths of what is left."""
        codec, n = self.codec, len(exact)
        step, context_step = self._steps(n)
        scaled = exact / _column(codec.scale.scales(reference.scale))
        values = values_of(rotation.rotate(scaled, reference.rotation), step)
        bases = reference.values[:, None] * _SHARES[:, None, None] >> 4
        error = np.square((values[:, None] - bases) / 256.0).sum(axis=-1)
        share = np.log2(1 + error).sum(axis=-1).argmin(axis=1)
        base = bases[np.arange(n), share].astype(np.int32)
        left = np.clip(values - base, -MOST_VALUE, MOST_VALUE).astype(np.int32)
        # Those without predecessor have no scale that would suit them.
        left[~reference.known] = 0
        bits, lengths = kernel.encode_values(codec.tables, codec.shape, left, context_step, RATE_WEIGHT)
        return share, base, bits, lengths

    def _steps(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        assert self.codec.step is not None
        return np.full(n, self.codec.step), np.full(n, side_information.step_number(self.codec.step), np.int32)


def _sum(base: NDArray[np.signedinteger], left: NDArray[np.int32], follows: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Values of reports, bounded whatever arrives."""
    return bounded(np.where(follows[:, None, None], base, 0) + left)


def _padded(bits: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bits as wide as the wider of both."""
    return np.pad(bits, ((0, 0), (0, max(other.shape[1] - bits.shape[1], 0))))


def _column(scales: NDArray[np.float64]) -> NDArray[np.float64]:
    return scales[:, None, None, None, None]
