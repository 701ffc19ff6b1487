"""Reports of layers of eigenvectors that build on the one before, in integers on both sides.

A report says whether it stands alone, and its number modulo 4. One that does not has the rotations of its predecessor,
and codes for each layer what is left once a share of the predecessor's values is taken off, under tables of its own:
they know where those values are large. The BS takes it for lost if the predecessor is not the last report that it has.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import side_information
from feedback.context_codec.codec import MOST_VALUE, RATE_WEIGHT, values_of
from feedback.context_codec.finest_step import shortened
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.layer_codec import LayerCodec
from feedback.context_codec.layer_streams import decode_layers, encode_layers
from feedback.context_codec.received_bits import check_bits
from feedback.context_codec.remembered_reports import (
    NUMBER_BITS,
    SHARE_BITS,
    RememberedReports,
    bounded,
    no_reports,
    written,
)
from feedback.context_codec.report_bits import Reports, check_sequence
from feedback.context_codec.tables import ContextTables, shipped_following_tables

# Shares of the predecessor's values that may be taken off, in sixteenths.
SHARES = np.array([16, 15, 13, 10])


class LayerReference(RememberedReports):
    """What a side remembers of each UE: values ``[n, n_layers, entries, 2]``, a rotation of each layer."""

    @classmethod
    def nothing(cls, n: int, n_layers: int, shape: LevelShape) -> "LayerReference":
        """That of UEs that have not reported."""
        values = np.zeros((n, n_layers, shape.entries, 2), np.int32)
        return cls(no_reports(n), np.zeros(n, np.int64), values, np.zeros((n, n_layers), np.int64))


@dataclass(frozen=True)
class LayerSequenceCodec:
    """Reports of matrices ``[n, n_layers, *shape]`` that follow each other in time.

    Attributes:
        codec: of reports that stand alone, with a step, which all reports share.
        alone_every: reports from one that stands alone to the next, at most; 1: all stand alone.
        tables: of the reports that build on another.

    Raises:
        FeedbackInputError: if the codec has no step, ``alone_every`` is below 1, or no report has room in ``max_bits``.
    """

    codec: LayerCodec
    alone_every: int = 8
    tables: ContextTables = field(default_factory=shipped_following_tables)

    def __post_init__(self) -> None:
        codec = self.codec
        check_sequence(
            codec.step, self.alone_every, codec.max_bits, lambda: codec.fewest_bits + self.alone_bits - codec.side_bits
        )

    @property
    def following_bits(self) -> int:
        """Bits ahead of the levels of a report that builds on another."""
        return 1 + NUMBER_BITS + SHARE_BITS * self.codec.n_layers

    @property
    def alone_bits(self) -> int:
        """Bits ahead of the levels of a report that stands alone."""
        return 1 + NUMBER_BITS + self.codec.side_bits

    def rebuilt(self, reference: LayerReference) -> NDArray[np.complex128]:
        """The matrices that a side remembers, which the next are to be in phase with."""
        return self.codec.matrices(reference.values, self._steps(len(reference.values))[0])

    def encode(
        self,
        alone: NDArray[np.complexfloating],
        rotation: NDArray[np.int64],
        following: NDArray[np.complexfloating],
        reference: LayerReference,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], LayerReference]:
        """At the UE: the next report of each, and what it remembers of it.

        Of both forms a report takes that of least squared error in steps and worth of bits.

        Args:
            alone: matrices to stand alone, ``[n, n_layers, *shape]``.
            rotation: theirs, ``[n, n_layers]``.
            following: the matrices under the rotation of the reports before, in phase with ``rebuilt``.
            reference: of the reports before.

        Returns:
            Bits 0 and 1, ``[n, longest]``, zeros behind the end of each report; their lengths, ``[n]``; the reference
            of the next reports, which is that of a BS that has got these.
        """
        codec, n = self.codec, len(alone)
        number = reference.next_number
        wanted = self._values(codec.checked(alone))
        stream, lengths, found = self._alone(wanted)
        wanted_following = self._values(codec.checked(following))
        share = self._best_share(wanted_following, reference)
        bases = self._bases(reference, share)
        more, more_lengths, found_following = self._following(_left(wanted_following, bases), bases)
        total = more_lengths + self.following_bits
        follows = reference.may_be_followed(self.alone_every)
        if codec.max_bits is not None:
            follows &= total <= codec.max_bits
        cost = _cost(wanted_following, found_following, total)
        follows &= cost < _cost(wanted, found, lengths + self.alone_bits)
        told = side_information.to_bits(number, NUMBER_BITS)
        ahead_following = np.concatenate([np.ones((n, 1), np.uint8), told, _bits_of(share, SHARE_BITS)], axis=1)
        ahead_alone = np.concatenate(
            [np.zeros((n, 1), np.uint8), told, _bits_of(rotation, codec.rotation_bits)], axis=1
        )
        sent_lengths = np.where(follows, total, lengths + self.alone_bits)
        bits = written(follows, (ahead_alone, stream), (ahead_following, more), sent_lengths)
        kept = LayerReference(
            number,
            np.where(follows, reference.age + 1, 0),
            np.where(follows[:, None, None, None], found_following, found),
            np.where(follows[:, None], reference.rotation, rotation),
        )
        return bits, sent_lengths, kept

    def decode(
        self, bits: NDArray[np.uint8], lengths: NDArray[np.int64], reference: LayerReference
    ) -> tuple[NDArray[np.complex128], NDArray[np.int64], NDArray[np.bool_], LayerReference]:
        """At the BS: matrices, their rotations, which of them are lost, and what it remembers.

        Args:
            bits: ``[n, width]``, 0 and 1.
            lengths: bits that arrived of each report, ``[n]``; zeros may follow a report.
            reference: of the reports before.
        """
        check_bits(bits, lengths)
        codec, n = self.codec, len(bits)
        bits = np.pad(bits, ((0, 0), (0, max(self.alone_bits, self.following_bits))))
        follows = bits[:, 0] == 1
        number, at = side_information.from_bits(bits[:, 1 : 1 + NUMBER_BITS]), 1 + NUMBER_BITS
        share = _numbers_of(bits[:, at : self.following_bits], codec.n_layers, SHARE_BITS)
        rotation = _numbers_of(bits[:, at : self.alone_bits], codec.n_layers, codec.rotation_bits)
        rotation = np.where(follows[:, None], reference.rotation, rotation)
        erased = follows & ~reference.precede(number)
        values = np.zeros((n, codec.n_layers, codec.shape.entries, 2), np.int32)
        for form, tables, ahead in ((0, codec.tables, self.alone_bits), (1, self.tables, self.following_bits)):
            rows = (follows == form) & ~erased
            stream, arrived = bits[rows, ahead:], np.maximum(lengths[rows] - ahead, 0)
            bases = self._bases(reference, share)[rows] if form else None
            context_step = self._steps(len(stream))[1]
            found, wrong = decode_layers(tables, codec.shape, codec.n_layers, stream, arrived, context_step, bases)
            values[rows] = bounded(found if bases is None else bases + found)
            erased[rows] = wrong | (lengths[rows] < ahead)
        matrices = codec.matrices(values, self._steps(n)[0])
        matrices[erased] = 0
        kept = LayerReference(
            np.where(erased, reference.number, number),
            np.zeros(n, np.int64),
            np.where(erased[:, None, None, None], reference.values, values),
            np.where(erased[:, None], reference.rotation, rotation),
        )
        return matrices, rotation, erased, kept

    def differences(
        self, following: NDArray[np.complexfloating], reference: LayerReference
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """What is taken off the matrices of ``encode``, and what is left, ``[n, n_layers, entries, 2]``, 1/256 step."""
        values = self._values(self.codec.checked(following))
        bases = self._bases(reference, self._best_share(values, reference))
        return bases, _left(values, bases)

    def _best_share(self, values: NDArray[np.int32], reference: LayerReference) -> NDArray[np.int64]:
        """Numbers of the shares of each layer, ``[n, n_layers]``."""
        error = [np.square((values - _share_of(reference.values, share)) / 256.0) for share in SHARES]
        worth = np.stack([np.log2(1 + squares.sum(axis=-1)).sum(axis=-1) for squares in error], axis=-1)
        return worth.argmin(axis=-1)

    def _alone(self, values: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32]]:
        """Bits, lengths and what the BS makes of them, of values that stand alone."""
        codec, context_step = self.codec, self._steps(len(values))[1]

        def again(long: NDArray[np.bool_], rate_weight: int) -> Reports:
            fewer = values[long] if rate_weight else 0 * values[long]
            return encode_layers(codec.tables, codec.shape, fewer, context_step[long], rate_weight)

        most = None if codec.max_bits is None else codec.max_bits - self.alone_bits
        coded = encode_layers(codec.tables, codec.shape, values, context_step, RATE_WEIGHT)
        bits, lengths = shortened(*coded, most, again, RATE_WEIGHT)
        found, _ = decode_layers(codec.tables, codec.shape, codec.n_layers, bits, lengths, context_step)
        return bits, lengths, bounded(found)

    def _following(
        self, left: NDArray[np.int32], bases: NDArray[np.int32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32]]:
        """Bits, lengths and what the BS makes of them, of what is left of values."""
        codec, context_step = self.codec, self._steps(len(left))[1]
        bits, lengths = encode_layers(self.tables, codec.shape, left, context_step, RATE_WEIGHT, bases)
        found, _ = decode_layers(self.tables, codec.shape, codec.n_layers, bits, lengths, context_step, bases)
        return bits, lengths, bounded(bases + found)

    def _bases(self, reference: LayerReference, share: NDArray[np.int64]) -> NDArray[np.int32]:
        return _share_of(reference.values, SHARES[share][:, :, None, None])

    def _values(self, matrices: NDArray[np.complex128]) -> NDArray[np.int32]:
        n, codec = len(matrices), self.codec
        return values_of(matrices, self._steps(n)[0]).reshape(n, codec.n_layers, -1, 2)

    def _steps(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        assert self.codec.step is not None
        return np.full(n, self.codec.step), np.full(n, side_information.step_number(self.codec.step), np.int32)


def _share_of(values: NDArray[np.int32], share: NDArray[np.int64] | np.int64) -> NDArray[np.int32]:
    found: NDArray[np.int32] = (values * share >> 4).astype(np.int32)
    return found


def _left(values: NDArray[np.int32], bases: NDArray[np.int32]) -> NDArray[np.int32]:
    found: NDArray[np.int32] = np.clip(values - bases, -MOST_VALUE, MOST_VALUE).astype(np.int32)
    return found


def _cost(wanted: NDArray[np.int32], found: NDArray[np.int32], bits: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared error in steps, and what the bits are worth: see ``RATE_WEIGHT``, ``[n]``."""
    error = np.square((wanted.astype(np.float64) - found) / 256).sum(axis=(1, 2, 3))
    cost: NDArray[np.float64] = error + RATE_WEIGHT / 4096 * bits
    return cost


def _bits_of(numbers: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Numbers ``[n, n_layers]``, one behind the other."""
    return side_information.to_bits(numbers.ravel(), width).reshape(len(numbers), numbers.shape[1] * width)


def _numbers_of(bits: NDArray[np.uint8], n_layers: int, width: int) -> NDArray[np.int64]:
    return side_information.from_bits(bits.reshape(len(bits) * n_layers, width)).reshape(len(bits), n_layers)
