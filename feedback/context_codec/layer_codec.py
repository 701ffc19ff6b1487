"""Layers of eigenvectors as bitstreams of a context model, and back.

A layer is a matrix of beams and delays whose energy both sides know, so that no scale is sent. Its values are coded as
those of a channel matrix are, layer after layer, each in a stream of its own.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import side_information
from feedback.context_codec.codec import BLOCK, MAX_ENTRIES, RATE_WEIGHT, values_of
from feedback.context_codec.finest_step import finest_fit, shortened
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.layer_streams import decode_layers, encode_layers
from feedback.context_codec.received_bits import check_bits
from feedback.context_codec.report_bits import Reports, check_mode, check_room, joined
from feedback.context_codec.side_information import STEP_BITS
from feedback.context_codec.tables import ContextTables, shipped_eigenvector_tables
from feedback.errors import FeedbackInputError


@dataclass(frozen=True)
class LayerCodec:
    """Reports of matrices ``[n, n_layers, *shape]``, complex, of unit mean square, and of a number for each.

    The number is that of a rotation which the matrix has been through. Exactly one of ``step`` and ``payload_bits`` is
    given; both mean what they do in ``ContextCodec``.

    Attributes:
        shape: delays, polarisations, rows and columns of a matrix.
        n_layers: matrices of a report.
        n_rotations: rotations, a power of two.
        step: quantiser step relative to the root mean square of the entries.
        payload_bits: bits of every report.
        max_bits: bits that no report of a step may exceed; one that would has levels dropped until it fits.
        tables: of the context model.

    Raises:
        FeedbackInputError: if a key is missing, or a value is out of its range.

    Example:
        >>> codec = LayerCodec(LevelShape(3, 1, 1, 4), step=0.5)
        >>> bits, lengths = codec.encode(np.ones((2, 1, 3, 1, 1, 4)), np.zeros((2, 1), np.int64))
        >>> matrices, rotation, erased = codec.decode(bits, lengths)
        >>> matrices.shape, bool(erased.any())
        ((2, 1, 3, 1, 1, 4), False)
    """

    shape: LevelShape
    n_layers: int = 1
    n_rotations: int = 1
    step: float | None = None
    payload_bits: int | None = None
    max_bits: int | None = None
    tables: ContextTables = field(default_factory=shipped_eigenvector_tables)

    def __post_init__(self) -> None:
        if min(*self.shape, self.n_layers) < 1 or self.n_layers * self.shape.entries > MAX_ENTRIES:
            raise FeedbackInputError(
                f"context codec: got {self.n_layers} matrices of {tuple(self.shape)}, expected 1 to {MAX_ENTRIES} "
                "entries"
            )
        if self.n_rotations < 1 or self.n_rotations & (self.n_rotations - 1):
            raise FeedbackInputError(f"context codec: got {self.n_rotations} rotations, expected a power of two")
        check_mode(self.step, self.payload_bits, "context codec")
        check_room(self.payload_bits, self.max_bits, lambda: self.fewest_bits)

    @property
    def rotation_bits(self) -> int:
        """Bits of a layer's rotation."""
        return (self.n_rotations - 1).bit_length()

    @property
    def side_bits(self) -> int:
        """Bits ahead of the levels: step where each report has its own, and rotations."""
        own_step = STEP_BITS if self.payload_bits is not None else 0
        return own_step + self.n_layers * self.rotation_bits

    @property
    def fewest_bits(self) -> int:
        """Bits of a report of nothing but zeros, at the coarsest step where a report chooses it."""
        number = side_information.context_steps(np.array([2**STEP_BITS - 1]))
        if self.step is not None:
            number = np.full(1, side_information.step_number(self.step), np.int32)
        zeros = np.zeros((1, self.n_layers, self.shape.entries, 2), np.int32)
        return self.side_bits + int(self._streams(zeros, number, RATE_WEIGHT)[1][0])

    def encode(self, matrices: NDArray[np.complexfloating], rotation: NDArray[np.int64]) -> Reports:
        """At the UE: matrices ``[n, n_layers, *shape]`` and rotations ``[n, n_layers]`` to bits.

        Returns:
            Bits 0 and 1, ``[n, longest]``, zeros behind the end of each report, and their lengths, ``[n]``.

        Raises:
            FeedbackInputError: if the shape differs, or an entry is NaN or infinite.
        """
        exact, starts = self.checked(matrices), range(0, len(matrices), BLOCK)
        return joined([self._encode(exact[start : start + BLOCK], rotation[start : start + BLOCK]) for start in starts])

    def decode(
        self, bits: NDArray[np.uint8], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.complex128], NDArray[np.int64], NDArray[np.bool_]]:
        """At the BS: bits to matrices.

        Args:
            bits: ``[n, width]``, 0 and 1.
            lengths: bits that arrived of each report, ``[n]``, at most ``width``; zeros may follow a report.

        Returns:
            Matrices ``[n, n_layers, *shape]``, zeros where erased; rotations ``[n, n_layers]``; and which are erased,
            ``[n]``: those whose bits are no report.

        Raises:
            FeedbackInputError: if there is something else than bits, or a length beyond the width.
        """
        check_bits(bits, lengths)
        n, ahead = len(bits), self.side_bits
        bits = np.pad(bits, ((0, 0), (0, max(ahead - bits.shape[1], 0))))
        steps, number, at = self._told_steps(bits)
        width = self.rotation_bits
        fields = bits[:, at:ahead].reshape(n * self.n_layers, width)
        rotation = side_information.from_bits(fields).reshape(n, self.n_layers)
        stream, left = bits[:, ahead:], np.maximum(lengths - ahead, 0)
        values, erased = decode_layers(self.tables, self.shape, self.n_layers, stream, left, number)
        erased |= lengths < (self.payload_bits or ahead)
        matrices = self.matrices(values, steps)
        matrices[erased] = 0
        return matrices, rotation, erased

    def checked(self, matrices: NDArray[np.complexfloating]) -> NDArray[np.complex128]:
        """Matrices ``[n, n_layers, *shape]`` in double precision.

        Raises:
            FeedbackInputError: if the shape differs, or an entry is NaN or infinite.
        """
        expected = [self.n_layers, *self.shape]
        if list(matrices.shape[1:]) != expected:
            raise FeedbackInputError(f"context codec: got matrices of {list(matrices.shape[1:])}, expected {expected}")
        if not np.isfinite(matrices).all():
            raise FeedbackInputError("context codec: got NaN or infinity among the entries, expected finite ones")
        return matrices.astype(np.complex128)

    def matrices(self, values: NDArray[np.int32], steps: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Values ``[n, n_layers, entries, 2]`` in 1/256 of the steps ``[n]`` as matrices."""
        entries = values.astype(np.float64).view(np.complex128)[..., 0] * (steps / 256)[:, None, None]
        return entries.reshape(len(values), self.n_layers, *self.shape)

    def _told_steps(self, bits: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int32], int]:
        """Steps and their context numbers, and how many bits told them."""
        n = len(bits)
        if self.step is not None:
            return np.full(n, self.step), np.full(n, side_information.step_number(self.step), np.int32), 0
        numbers = side_information.from_bits(bits[:, :STEP_BITS])
        return side_information.steps(numbers), side_information.context_steps(numbers), STEP_BITS

    def _encode(self, matrices: NDArray[np.complex128], rotation: NDArray[np.int64]) -> Reports:
        n = len(matrices)

        def coded(
            step: NDArray[np.float64], number: NDArray[np.int32], most: int | None
        ) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
            values = values_of(matrices, step).reshape(n, self.n_layers, -1, 2)

            def again(long: NDArray[np.bool_], rate_weight: int) -> Reports:
                fewer = values[long] if rate_weight else 0 * values[long]
                return self._streams(fewer, number[long], rate_weight)

            return np.zeros(n, np.int64), *shortened(
                *self._streams(values, number, RATE_WEIGHT), most, again, RATE_WEIGHT
            )

        if self.step is not None:
            number = np.full(n, side_information.step_number(self.step), np.int32)
            most = None if self.max_bits is None else self.max_bits - self.side_bits
            _, stream, lengths = coded(np.full(n, self.step), number, most)
            step_bits = np.zeros((n, 0), np.uint8)
        else:
            assert self.payload_bits is not None
            room = self.payload_bits - self.side_bits
            step_numbers, _, stream, lengths = finest_fit(n, room, coded)
            step_bits = side_information.to_bits(step_numbers, STEP_BITS)
            stream = np.pad(stream, ((0, 0), (0, room - stream.shape[1])))
            lengths = np.full(n, room, np.int64)
        rotation_bits = side_information.to_bits(rotation.ravel(), self.rotation_bits).reshape(n, -1)
        return np.concatenate([step_bits, rotation_bits, stream], axis=1), lengths + self.side_bits

    def _streams(self, values: NDArray[np.int32], number: NDArray[np.int32], rate_weight: int) -> Reports:
        return encode_layers(self.tables, self.shape, values, number, rate_weight)
