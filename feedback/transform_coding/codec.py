"""Complex matrices as bitstreams of transform coding, and back."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.context_codec import side_information
from feedback.context_codec.codec import amplitude
from feedback.context_codec.finest_step import finest_fit, shortened
from feedback.context_codec.received_bits import check_bits, no_stream
from feedback.context_codec.report_bits import Reports, check_mode, check_room, joined
from feedback.context_codec.side_information import STEP_BITS, ScaleGrid
from feedback.errors import FeedbackInputError
from feedback.transform_coding import kernel, sizes
from feedback.transform_coding.axes import Axes
from feedback.transform_coding.kernel import CodedLevels, LevelCode

# A bit is worth 2 ln 2 / 12 = 0.1155 squared steps of error: the slope of a uniform quantiser's rate-distortion curve.
RATE_WEIGHT = 473
# Coefficients that are in memory at once.
_MAX_COEFFICIENTS = 2**21


@dataclass(frozen=True)
class TransformCodec:
    """Reports of matrices ``[n, Na, Nt]``, complex, as bits: scale, step where each has its own, component, levels.

    Exactly one of ``step`` and ``payload_bits`` is given. With ``step`` every report has a length of its own; no report
    begins with another. With ``payload_bits`` each chooses the finest step that fits, and fills up with zeros.

    Attributes:
        axes: transforms of the components.
        code: of component and levels.
        centroid: mean of the values of a level of a size, less that size, in steps, ``[CLASSES, SEEN, CENTROIDS + 1]``.
        step: quantiser step relative to the scale, that is to the root mean square of the entries.
        payload_bits: bits of every report.
        max_bits: bits that no report of a step may exceed; one that would has levels dropped until it fits.
        scale: scales that can be told.
        other_bits: bits of each report that are not made here, of ``payload_bits`` and ``max_bits``.

    Raises:
        FeedbackInputError: if a key is out of its range.
    """

    axes: Axes
    code: LevelCode
    centroid: NDArray[np.float32]
    step: float | None = None
    payload_bits: int | None = None
    max_bits: int | None = None
    scale: ScaleGrid = field(default_factory=ScaleGrid)
    other_bits: int = 0

    def __post_init__(self) -> None:
        check_mode(self.step, self.payload_bits, "transform coding")
        check_room(self.payload_bits, self.max_bits, lambda: self.fewest_bits)

    @property
    def side_bits(self) -> int:
        """Bits ahead of component and levels: scale, and step where each report has its own."""
        return self.scale.bits + (STEP_BITS if self.payload_bits is not None else 0)

    @property
    def fewest_bits(self) -> int:
        """Bits of a whole report of nothing but zeros, at the coarsest step where a report chooses it."""
        step = side_information.steps(np.array([2**STEP_BITS - 1])) if self.step is None else np.array([self.step])
        nothing = Projected(np.zeros((1, 1, self.code.entries, 2)), np.zeros(1, np.int64))
        return self.other_bits + self.side_bits + int(nothing.coded(self.code, step).lengths[0])

    def projected(self, matrices: Tensor) -> "Projected":
        """Coefficients of matrices ``[n, Na, Nt]`` and the numbers of their scales.

        Raises:
            FeedbackInputError: if an entry is NaN or infinite.
        """
        # Without what is finer than complex64, so that either precision has the same report.
        exact = matrices.detach().cpu().to(torch.complex64).to(torch.complex128)
        if not torch.view_as_real(exact).isfinite().all():
            raise FeedbackInputError("transform coding: got NaN or infinity among the entries, expected finite ones")
        numbers = self.scale.numbers(amplitude(exact.numpy()))
        scaled = exact / torch.from_numpy(self.scale.scales(numbers))[:, None, None]
        return Projected(torch.view_as_real(self.axes.coefficients(scaled)).numpy(), numbers)

    def encode(self, matrices: Tensor) -> Reports:
        """At the UE: matrices ``[n, Na, Nt]`` to bits.

        Returns:
            Bits 0 and 1, ``[n, longest]``, zeros behind the end of each report, and their lengths, ``[n]``.

        Raises:
            FeedbackInputError: if an entry is NaN or infinite.
        """
        return joined([self.encode_projected(self.projected(part)) for part in matrices.split(self.block)])

    @property
    def block(self) -> int:
        """Matrices that are projected at once, so that memory stays bounded."""
        return max(1, _MAX_COEFFICIENTS // (self.axes.sets * self.code.entries))

    def encode_projected(self, projected: "Projected") -> Reports:
        """As ``encode``, from coefficients."""
        n = len(projected.scale_numbers)
        side = [side_information.to_bits(projected.scale_numbers, self.scale.bits)]
        if self.step is not None:
            most = None if self.max_bits is None else self.max_bits - self.other_bits - self.side_bits
            coded = projected.coded(self.code, np.full(n, self.step), most)
            stream, lengths = coded.bits, coded.lengths
        else:
            assert self.payload_bits is not None
            room = self.payload_bits - self.other_bits - self.side_bits
            numbers, stream = projected.fitted(self.code, room)
            lengths = np.full(n, room, np.int64)
            side.append(side_information.to_bits(numbers, STEP_BITS))
        return np.concatenate([*side, stream], axis=1), lengths + self.side_bits

    def decode(
        self, bits: NDArray[np.uint8], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.complex64], NDArray[np.bool_]]:
        """At the BS: bits to matrices.

        Args:
            bits: ``[n, width]``, 0 and 1.
            lengths: bits that arrived of each report, ``[n]``, at most ``width``; zeros may follow a report.

        Returns:
            Matrices ``[n, Na, Nt]``, zeros where erased; and which are erased, ``[n]``: those whose bits are no report.

        Raises:
            FeedbackInputError: if there is something else than bits, or a length beyond the width.
        """
        check_bits(bits, lengths)
        n, ahead = len(bits), self.side_bits
        bits = np.pad(bits, ((0, 0), (0, max(0, ahead - bits.shape[1]))))
        scale_bits, step_bits, stream = np.split(bits, [self.scale.bits, ahead], axis=1)
        step = np.full(n, self.step or 0.0)
        if self.step is None:
            step = side_information.steps(side_information.from_bits(step_bits))
        step_numbers = _step_numbers(step)
        arrived = np.maximum(lengths - ahead, 0)
        labels, levels, used = kernel.decode_levels(self.code, stream, arrived, step_numbers)
        least = ahead if self.payload_bits is None else self.payload_bits - self.other_bits
        erased = no_stream(stream, arrived, used) | (lengths < least)
        classes, seen = kernel.classes_of(self.code.spread[labels], step_numbers), kernel.seen_of(levels)
        size = np.abs(levels)
        moved = self.centroid[classes[..., None], seen, np.minimum(size, sizes.CENTROIDS)]
        values = np.sign(levels) * (size + np.where(size <= sizes.CENTROIDS, moved, 0.0)) * step[:, None, None]
        coefficients = torch.view_as_complex(torch.from_numpy(values.astype(np.float64)))
        scales = self.scale.scales(side_information.from_bits(scale_bits))
        matrices = self.axes.matrices(coefficients, torch.from_numpy(labels).long()).numpy() * scales[:, None, None]
        matrices[erased] = 0
        return matrices.astype(np.complex64), erased


@dataclass(frozen=True)
class Projected:
    """Matrices on their way to bits.

    Attributes:
        values: coefficients, ``[n, sets, entries, 2]``, float64.
        scale_numbers: ``[n]``.
    """

    values: NDArray[np.float64]
    scale_numbers: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Several as one."""
        return cls(np.concatenate([p.values for p in parts]), np.concatenate([p.scale_numbers for p in parts]))

    def first(self, count: int) -> "Projected":
        """The first so many."""
        return Projected(self.values[:count], self.scale_numbers[:count])

    def coded(self, code: LevelCode, step: NDArray[np.float64], most: int | None = None) -> CodedLevels:
        """Components, levels, and bits at the given steps ``[n]``; none longer than ``most``."""
        coded = kernel.encode_levels(code, self.values, step, _step_numbers(step), RATE_WEIGHT)

        def again(long: NDArray[np.bool_], rate_weight: int) -> Reports:
            coarse = step[long] if rate_weight else np.full(int(long.sum()), np.inf)
            numbers = _step_numbers(step[long])
            fewer = kernel.encode_levels(code, self.values[long], coarse, numbers, rate_weight or RATE_WEIGHT)
            return fewer.bits, fewer.lengths

        bits, lengths = shortened(coded.bits, coded.lengths, most, again, RATE_WEIGHT)
        return CodedLevels(bits, lengths, coded.labels, coded.levels)

    def fitted(self, code: LevelCode, room: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Step numbers and bits ``[n, room]`` of the finest steps that fit; levels are dropped where none does."""

        def coded(
            step: NDArray[np.float64], number: NDArray[np.int32], most: int | None
        ) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]:
            found = self.coded(code, step, most)
            return np.zeros(len(step), np.int64), found.bits, found.lengths

        numbers, _, stream, _ = finest_fit(len(self.values), room, coded)
        return numbers, stream


def _step_numbers(step: NDArray[np.float64]) -> NDArray[np.int32]:
    """``round(16 log2(step))`` of steps ``[n]``, by integers alone."""
    known = {value: side_information.step_number(value) for value in np.unique(step).tolist()}
    return np.array([known[value] for value in step.tolist()], np.int32)
