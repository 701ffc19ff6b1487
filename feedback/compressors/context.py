"""The context codec as a compressor: angular-delay matrices as bitstreams of an integer context model."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.bitstream_compressor import STEP_REPORTS, ScaledBitstreamCompressor
from feedback.compressor import COMPRESSORS, NO_MEMORY, Complexity, Compressor, CompressorParameters, Memory
from feedback.compressors.context_eigenvectors import ContextOfEigenvectors
from feedback.compressors.parameters.context import ContextParameters
from feedback.context_codec.codec import ContextCodec
from feedback.context_codec.operations import operations
from feedback.context_codec.remembered_reports import NUMBER_BITS
from feedback.context_codec.sequence import Reference, SequenceCodec
from feedback.context_codec.side_information import STEP_BITS
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.enhancement.refiner import FilterRefiner
from feedback.observation import CsiDimensions
from feedback.training_set import TrainingSet


@COMPRESSORS.register("context")
class Context(ScaledBitstreamCompressor):
    r"""Quantises the angular-delay matrix itself, and codes it under a model of what lies around each entry.

    A report holds the scale of the matrix, one of 8 rotations of its angle axis, where it has its own the step, and the
    levels of a uniform quantiser in an arithmetic code. The probability of a level comes from integers alone: a small
    network of the activities of entries already sent, and a prediction from their levels. Levels are chosen by rate and
    distortion,

    .. math:: \min_q \; (x / \Delta - q)^2 + \lambda \, b(q), \qquad \lambda = 0.095

    with :math:`b(q)` the bits that ``q`` costs where it stands. The BS puts each level at the mean that such levels had
    in training. Tables ship with the package; nothing but the range of the scale, and the step of ``target_bits``, is
    learnt from a scenario's channels. Every array will do: polarisations and UE antennas are layers, vertical beams
    tilts, horizontal ones columns.

    With ``enhancer: filters`` the BS estimates each value from the levels around it, with learnt filters over delay and
    angle that no UE knows of: the bits are the same.
    """

    Parameters = ContextParameters
    settings: ContextParameters

    def __init__(self, parameters: ContextParameters, shape: CsiDimensions | tuple[int, int]) -> None:
        super().__init__(parameters, shape)
        known = CsiDimensions.of(shape)
        self.told_of_losses = bool(parameters.memory) and parameters.told_of_losses
        parameters.check(known)
        self.level_shape = parameters.level_shape(known)
        self.tables = parameters.read_tables()
        weights = parameters.read_enhancer_weights()
        self.refiner = None if weights is None else FilterRefiner.of(weights)

    @classmethod
    def chosen_by(cls, parameters: CompressorParameters) -> type[Compressor]:
        """The class itself, or that of eigenvectors."""
        assert isinstance(parameters, ContextParameters)
        return cls if parameters.csi == "matrix" else ContextOfEigenvectors

    @classmethod
    def build(cls, parameters: Any, dimensions: CsiDimensions) -> Self:
        """The compressor of an array's layers, tilts and columns."""
        return cls(parameters, dimensions)

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Takes the range of the scale, and where lengths vary the step and the bits to reserve; draws nothing.

        Step and bits come from validation channels, where there are some.
        """
        csi = training.train if len(training.validation) == 0 else training.validation
        self.learn_scale(training.train)
        if self.settings.payload_bits is not None:
            return
        some = self._axes_of(csi[:STEP_REPORTS])

        def lengths(step: float, count: int) -> NDArray[np.int64]:
            return self._codec_of(step).encode(some[:count])[1]

        more_bits = (1 + NUMBER_BITS) * self.settings.memory
        self.learn_step(lengths, len(some), lambda step: self._codec_of(step).fewest_bits, more_bits)

    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """Bits 0 and 1 as float32, ``[batch, longest]``, zeros behind the ``value_bits`` of each report.

        Raises:
            FeedbackInputError: if an entry is NaN or infinite.
        """
        matrices, kept = self._axes_of(csi), NO_MEMORY
        if self.settings.memory:
            reference = self._reference(memory, len(csi))
            if lost is not None:
                reference = reference.forgotten(lost.cpu().numpy())
            bits, lengths, after = self._sequence.encode(matrices, reference)
            kept = after.to_memory(csi.device)
        else:
            bits, lengths = self.codec.encode(matrices)
        return self.codeword(bits, lengths, csi.device), kept

    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """The matrices; lost are those of erased reports, and of bits that are no report."""
        values = received.values
        n = len(values)
        # Nothing of an erased report is looked at: no report is of no bits.
        (bits, arrived), kept = received.arrived(), NO_MEMORY
        if self.settings.memory:
            reference = self._reference(memory, n)
            matrices, erased, after = self._sequence.decode(bits, arrived, reference)
            kept = after.to_memory(values.device)
        else:
            matrices, erased = self.codec.decode(bits, arrived)
        channel = torch.from_numpy(matrices.reshape(n, *self.shape)).to(values.device)
        return Reconstruction(channel=channel, erased=torch.from_numpy(erased).to(values.device)), kept

    def complexity(self) -> Complexity:
        """Integer multiply-adds of the context model, real ones of rotations and filters, and the tables' bytes."""
        several = 2 if self.settings.memory else 1
        passes = STEP_BITS + 1 if self.settings.payload_bits is not None else several
        cost = operations(self.level_shape, self.tables, passes)
        refiner = self.refiner
        return Complexity(
            ue_macs=cost.ue,
            bs_macs=cost.bs + (0 if refiner is None else refiner.macs(self.level_shape)),
            ue_parameters=self.tables.ue_numbers,
            bs_parameters=self.tables.ue_numbers
            + self.tables.centroid.size
            + (0 if refiner is None else refiner.parameters),
            ue_bytes=self.tables.ue_bytes,
        )

    @property
    def codec(self) -> ContextCodec:
        """The codec of reports that stand alone."""
        return self._codec_of(*self.learnt_mode)

    @property
    def _sequence(self) -> SequenceCodec:
        return SequenceCodec(self.codec, self.settings.alone_every)

    def _reference(self, memory: Memory, n: int) -> Reference:
        if not memory:
            return Reference.nothing(n, self.level_shape)
        return Reference.of_memory(memory)

    def _codec_of(self, step: float | None, max_bits: int | None = None) -> ContextCodec:
        shape, payload_bits = self.level_shape, self.settings.payload_bits
        return ContextCodec(shape, step, payload_bits, max_bits, self.scale, self.tables, self.refiner)

    def _axes_of(self, csi: Tensor) -> NDArray[np.complex64]:
        axes: NDArray[np.complex64] = csi.detach().cpu().numpy().reshape(len(csi), *self.level_shape)
        return axes
