"""Complex matrices as bitstreams of a context model, and back.

The UE scales a matrix by a scale that it reports, rotates its angle axis, and codes the levels of a uniform quantiser;
the BS needs the same tables and nothing else.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from feedback.context_codec import kernel, rotation, side_information
from feedback.context_codec.finest_step import finest_fit, shortened
from feedback.context_codec.kernel import LevelShape
from feedback.context_codec.received_bits import check_bits, no_stream
from feedback.context_codec.report_bits import Reports, check_mode, check_room, joined
from feedback.context_codec.side_information import STEP_BITS, ScaleGrid
from feedback.context_codec.tables import ContextTables, shipped_tables
from feedback.errors import FeedbackInputError

# A bit is worth 0.095 squared steps of error: the slope of the rate-distortion curve where levels are few.
RATE_WEIGHT = 389
MOST_VALUE = 8000 * 256
MAX_ENTRIES = 2**20
# Reports that are coded at once, so that memory stays bounded.
BLOCK = 128


class Refiner(Protocol):
    """What a BS makes of decoded values; no UE knows of it."""

    def refine(self, values: NDArray[np.int32], steps: NDArray[np.float64], shape: LevelShape) -> NDArray[np.float64]:
        """Values as decoded to values as estimated, ``[n, entries, 2]``, both in 1/256 of the steps ``[n]``."""
        ...


@dataclass(frozen=True)
class ContextCodec:
    """Reports of matrices ``[n, *shape]``, complex, as bits.

    Exactly one of ``step`` and ``payload_bits`` is given. With ``step`` every report has the quality of that step,
    and a length of its own; no report begins with another, so they may follow each other without their lengths. With
    ``payload_bits`` every report has exactly so many bits: each chooses the finest step that fits, tells it, and fills
    up with zeros.

    Attributes:
        shape: delays, layers, tilts and columns of a matrix.
        step: quantiser step relative to the scale, that is to the root mean square of the entries.
        payload_bits: bits of every report.
        max_bits: bits that no report of a step may exceed; one that would has levels dropped until it fits.
        scale: scales that can be told.
        tables: of the context model.
        refiner: what the BS makes of the values of a report before it undoes rotation and scale; nothing by default.

    Raises:
        FeedbackInputError: if a key is missing, or a value is out of its range.

    Example:
        >>> codec = ContextCodec(LevelShape(8, 1, 1, 4), step=0.5)
        >>> bits, lengths = codec.encode(np.ones((2, 8, 1, 1, 4), np.complex64))
        >>> matrices, erased = codec.decode(bits, lengths)
        >>> matrices.shape, bool(erased.any())
        ((2, 8, 1, 1, 4), False)
    """

    shape: LevelShape
    step: float | None = None
    payload_bits: int | None = None
    max_bits: int | None = None
    scale: ScaleGrid = field(default_factory=ScaleGrid)
    tables: ContextTables = field(default_factory=shipped_tables)
    refiner: Refiner | None = None

    def __post_init__(self) -> None:
        if min(self.shape) < 1 or self.shape.entries > MAX_ENTRIES:
            raise FeedbackInputError(
                f"context codec: got a matrix of {tuple(self.shape)}, expected 1 to {MAX_ENTRIES} entries"
            )
        check_mode(self.step, self.payload_bits, "context codec")
        check_room(self.payload_bits, self.max_bits, lambda: self.fewest_bits)

    @property
    def side_bits(self) -> int:
        """Bits ahead of the levels: scale, rotation, and step where each report has its own."""
        own_step = STEP_BITS if self.payload_bits is not None else 0
        return self.scale.bits + rotation.rotation_bits(self.shape.columns) + own_step

    def encode(self, matrices: NDArray[np.complexfloating]) -> Reports:
        """At the UE: matrices ``[n, *shape]`` to bits.

        Returns:
            Bits 0 and 1, ``[n, longest]``, zeros behind the end of each report, and their lengths, ``[n]``.

        Raises:
            FeedbackInputError: if the shape differs, or an entry is NaN or infinite.
        """
        exact = self.checked(matrices)
        return joined([self._encode(exact[start : start + BLOCK]) for start in range(0, len(exact), BLOCK)])

    def decode(
        self, bits: NDArray[np.uint8], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.complex64], NDArray[np.bool_]]:
        """At the BS: bits to matrices.

        Args:
            bits: ``[n, width]``, 0 and 1.
            lengths: bits that arrived of each report, ``[n]``, at most ``width``; zeros may follow a report.

        Returns:
            Matrices ``[n, *shape]``, zeros where erased; and which are erased, ``[n]``: those whose bits are no
            report. Other bits than were sent may be a report too, and then give another matrix.

        Raises:
            FeedbackInputError: if there is something else than bits, or a length beyond the width.
        """
        check_bits(bits, lengths)
        matrices = np.zeros((len(bits), *self.shape), np.complex64)
        erased = np.ones(len(bits), np.bool_)
        for start in range(0, len(bits), BLOCK):
            rows = slice(start, start + BLOCK)
            matrices[rows], erased[rows] = self._decode(bits[rows], lengths[rows])
        return matrices, erased

    def checked(self, matrices: NDArray[np.complexfloating]) -> NDArray[np.complex128]:
        """Matrices ``[n, *shape]`` without what is finer than complex64, so that either precision has the same report.

        Raises:
            FeedbackInputError: if the shape differs, or an entry is NaN or infinite.
        """
        if matrices.shape[1:] != tuple(self.shape):
            raise FeedbackInputError(
                f"context codec: got matrices of {list(matrices.shape[1:])}, expected {list(self.shape)}"
            )
        with np.errstate(over="ignore"):
            exact = matrices.astype(np.complex64).astype(np.complex128)
        if not np.isfinite(exact).all():
            raise FeedbackInputError("context codec: got NaN or infinity among the entries, expected finite ones")
        return exact

    def matrices(
        self,
        values: NDArray[np.int32] | NDArray[np.float64],
        step: NDArray[np.float64],
        turned: NDArray[np.int64],
        scale_numbers: NDArray[np.int64],
    ) -> NDArray[np.complex128]:
        """What values ``[n, entries, 2]`` in 1/256 step stand for, ``[n, *shape]``: rotated back, and scaled."""
        entries = values.astype(np.float64).view(np.complex128)[..., 0] * (step / 256)[:, None]
        rotated = rotation.rotate(entries.reshape(len(values), *self.shape), turned, back=True)
        return rotated * self.scale.scales(scale_numbers)[:, None, None, None, None]

    def _encode(self, matrices: NDArray[np.complex128]) -> Reports:
        scale_numbers = self.scale.numbers(amplitude(matrices))
        matrices = matrices / self.scale.scales(scale_numbers)[:, None, None, None, None]
        report = Report(self.tables, self.shape, rotation.all_rotations(matrices))
        n = len(matrices)
        if self.step is not None:
            number = np.full(n, side_information.step_number(self.step), np.int32)
            most = None if self.max_bits is None else self.max_bits - self.side_bits
            turned, stream, lengths = report.coded(np.full(n, self.step), number, most)
            step_bits = np.zeros((n, 0), np.uint8)
        else:
            assert self.payload_bits is not None
            room = self.payload_bits - self.side_bits
            step_numbers, turned, stream, lengths = report.fitted(room)
            step_bits = side_information.to_bits(step_numbers, STEP_BITS)
            stream = np.pad(stream, ((0, 0), (0, room - stream.shape[1])))
            lengths = np.full(n, room, np.int64)
        turned_bits = side_information.to_bits(turned, rotation.rotation_bits(self.shape.columns))
        side = [side_information.to_bits(scale_numbers, self.scale.bits), turned_bits, step_bits]
        return np.concatenate([*side, stream], axis=1), lengths + self.side_bits

    def _decode(
        self, bits: NDArray[np.uint8], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.complex64], NDArray[np.bool_]]:
        n, ahead = len(bits), self.side_bits
        if bits.shape[1] < ahead:
            bits = np.pad(bits, ((0, 0), (0, ahead - bits.shape[1])))
        ends = np.cumsum([self.scale.bits, rotation.rotation_bits(self.shape.columns)])
        scale_bits, turned_bits, step_bits, stream = np.split(bits, [*ends, ahead], axis=1)
        if self.step is not None:
            step, number = np.full(n, self.step), np.full(n, side_information.step_number(self.step), np.int32)
        else:
            numbers = side_information.from_bits(step_bits)
            step, number = side_information.steps(numbers), side_information.context_steps(numbers)
        arrived = np.maximum(lengths - ahead, 0)
        values, used = kernel.decode_values(self.tables, self.shape, stream, arrived, number)
        erased = no_stream(stream, arrived, used) | (lengths < (self.payload_bits or ahead))
        turned, scale_numbers = side_information.from_bits(turned_bits), side_information.from_bits(scale_bits)
        refined = values if self.refiner is None else self.refiner.refine(values, step, self.shape)
        matrices = self.matrices(refined, step, turned, scale_numbers)
        matrices[erased] = 0
        return matrices.astype(np.complex64), erased

    @property
    def fewest_bits(self) -> int:
        """Bits of a report of nothing but zeros, at the coarsest step where a report chooses it."""
        zeros = np.zeros((1, self.shape.entries, 2), np.int32)
        number = side_information.context_steps(np.array([2**STEP_BITS - 1]))
        if self.step is not None:
            number = np.full(1, side_information.step_number(self.step), np.int32)
        _, lengths = kernel.encode_values(self.tables, self.shape, zeros, number, RATE_WEIGHT)
        return self.side_bits + int(lengths[0])


@dataclass(frozen=True)
class Report:
    """Matrices on their way to bits, every rotation of them at hand: ``[n, rotations, *shape]``."""

    tables: ContextTables
    shape: LevelShape
    rotated: NDArray[np.complex128]

    def coded(
        self, step: NDArray[np.float64], step_number: NDArray[np.int32], most: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
        """Rotations, bits and lengths at the given steps ``[n]``; none longer than ``most``."""
        turned = rotation.best_rotation(self._power, step)
        values = values_of(self.rotated[np.arange(len(step)), turned], step)
        bits, lengths = kernel.encode_values(self.tables, self.shape, values, step_number, RATE_WEIGHT)

        def again(long: NDArray[np.bool_], rate_weight: int) -> Reports:
            fewer = values[long] if rate_weight else 0 * values[long]
            return kernel.encode_values(self.tables, self.shape, fewer, step_number[long], rate_weight)

        return turned, *shortened(bits, lengths, most, again, RATE_WEIGHT)

    def fitted(self, room: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
        """Step numbers, rotations, bits and lengths of the finest steps whose bits fit into ``room``."""
        return finest_fit(len(self.rotated), room, self.coded)

    @cached_property
    def _power(self) -> NDArray[np.float64]:
        flat = self.rotated.reshape(*self.rotated.shape[:2], -1)
        return np.square(flat.real) + np.square(flat.imag)


def amplitude(matrices: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Root mean square of the entries of each matrix, ``[n]``: what the scale tells."""
    flat = matrices.reshape(len(matrices), -1)
    found: NDArray[np.float64] = np.sqrt((np.square(flat.real) + np.square(flat.imag)).mean(axis=1))
    return found


def values_of(matrices: NDArray[np.complex128], step: NDArray[np.float64]) -> NDArray[np.int32]:
    """Real and imaginary parts of matrices ``[n, ...]`` in 1/256 of the steps ``[n]``, ``[n, entries, 2]``."""
    entries = matrices.reshape(len(matrices), -1) * (256 / step)[:, None]
    parts = np.stack([entries.real, entries.imag], axis=-1)
    values: NDArray[np.int32] = np.clip(np.rint(parts), -MOST_VALUE, MOST_VALUE).astype(np.int32)
    return values
