"""The context codec on eigenvectors: precoders as bitstreams of an integer context model."""

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.aligned_beams import orthogonal_layers
from feedback.beam_delay import ALIGNMENTS, BeamDelay
from feedback.bitstream_compressor import STEP_REPORTS, BitstreamCompressor
from feedback.compressor import NO_MEMORY, Complexity, Memory
from feedback.compressors.parameters.context import ContextParameters
from feedback.context_codec.layer_codec import LayerCodec
from feedback.context_codec.layer_sequence import LayerReference, LayerSequenceCodec
from feedback.context_codec.operations import following_operations, layer_operations
from feedback.context_codec.remembered_reports import NUMBER_BITS
from feedback.context_codec.side_information import STEP_BITS
from feedback.csi_dimensions import CsiDimensions, CsiForm
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.eigenvector_sequence import EigenvectorSequence, compact_coefficients, exact_vectors
from feedback.signals import Reconstructed
from feedback.training_set import TrainingSet


class ContextOfEigenvectors(BitstreamCompressor):
    r"""Quantises the beams and delays of eigenvectors (``BeamDelay``), and codes them as ``Context`` codes matrices.

    The phase of a subband's eigenvector is chosen for few strong coefficients, as no precoder depends on it. A report
    holds for each layer one of up to 64 rotations of the beams, 8 along each axis of the panel, where it has its own
    the step, and the levels. No scale is sent: a layer's mean square is 1, and what is left of it is an input of the
    context model. Layers are coded apart, the strongest first. The BS makes vectors of unit norm, and those of a layer
    orthogonal to the ones before,

    .. math:: \hat v_l \propto \bigl(I - \sum_{k < l} \hat v_k \hat v_k^H\bigr) \, \tilde v_l

    as eigenvectors are. Tables ship with the package; nothing but the step of ``target_bits`` and the bits to reserve
    is learnt.

    With ``memory: 1`` a report may code what has changed since the one before (``EigenvectorSequence``), where that is
    better for its bits: in each subband the UE takes the phase of what both sides remember, and the context model sees
    where that is large.
    """

    Parameters = ContextParameters
    settings: ContextParameters
    takes: ClassVar[CsiForm] = "eigenvectors"
    gives: ClassVar[Reconstructed] = "precoder"

    def __init__(self, parameters: ContextParameters, dimensions: CsiDimensions) -> None:
        super().__init__(parameters, dimensions)
        parameters.check(dimensions)
        self.n_layers = parameters.rank
        self.told_of_losses = bool(parameters.memory) and parameters.told_of_losses
        self.form = BeamDelay.of(dimensions)
        self.level_shape = parameters.level_shape(dimensions)
        self.tables = parameters.read_tables()
        self.memory_tables = parameters.read_memory_tables() if parameters.memory else None

    @classmethod
    def build(cls, parameters: Any, dimensions: CsiDimensions) -> Self:
        """The compressor of an array's polarisations, rows and columns."""
        return cls(parameters, dimensions)

    def fit(self, training: TrainingSet, generator: torch.Generator) -> None:
        """Finds, where lengths vary, the step and the bits to reserve; draws nothing.

        Both come from validation channels, where there are some.
        """
        if self.settings.payload_bits is not None:
            return
        csi = training.train if len(training.validation) == 0 else training.validation
        coefficients, rotation = compact_coefficients(self.form, exact_vectors(csi[:STEP_REPORTS]))

        def lengths(step: float, count: int) -> NDArray[np.int64]:
            return self._codec_of(step).encode(coefficients[:count], rotation[:count])[1]

        more_bits = (1 + NUMBER_BITS) * self.settings.memory
        self.learn_step(lengths, len(coefficients), lambda step: self._codec_of(step).fewest_bits, more_bits)

    @torch.no_grad()
    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """Bits 0 and 1 as float32, ``[batch, longest]``, zeros behind the ``value_bits`` of each report.

        Raises:
            FeedbackInputError: if an entry is NaN or infinite.
        """
        vectors = exact_vectors(csi)
        if not self.settings.memory:
            reports = self.codec.encode(*compact_coefficients(self.form, vectors))
            return self.codeword(*reports, csi.device), NO_MEMORY
        reference = self._reference(memory, len(csi))
        if lost is not None:
            reference = reference.forgotten(lost.cpu().numpy())
        bits, lengths, after = self._sequence.encode(vectors, reference)
        return self.codeword(bits, lengths, csi.device), after.to_memory(csi.device)

    @torch.no_grad()
    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """The precoders; lost are those of erased reports, and of bits that are no report."""
        (bits, arrived), kept = received.arrived(), NO_MEMORY
        if self.settings.memory:
            reference = self._reference(memory, len(bits))
            matrices, rotation, erased, after = self._sequence.codec.decode(bits, arrived, reference)
            kept = after.to_memory(received.values.device)
        else:
            matrices, rotation, erased = self.codec.decode(bits, arrived)
        vectors = self.form.vectors(torch.from_numpy(matrices), torch.from_numpy(rotation))
        precoder = orthogonal_layers(vectors).to(received.values.device, torch.complex64)
        return Reconstruction(precoder=precoder, erased=torch.from_numpy(erased).to(precoder.device)), kept

    def complexity(self) -> Complexity:
        """Integer multiply-adds of the context model, real ones of beams and delays, and the tables' bytes.

        The eigenvectors, which it takes, are not counted.
        """
        passes = STEP_BITS + 1 if self.settings.payload_bits is not None else 1
        cost = layer_operations(self.level_shape, self.tables, self.n_layers, passes, ALIGNMENTS)
        following, tables, at_bs = 0, [self.tables], cost.bs
        if self.memory_tables is not None:
            following = following_operations(self.level_shape, self.memory_tables, self.n_layers)
            tables.append(self.memory_tables)
            at_bs = max(at_bs, layer_operations(self.level_shape, self.memory_tables, self.n_layers, 1, 0).bs)
        numbers = sum(each.ue_numbers for each in tables)
        return Complexity(
            ue_macs=cost.ue + following,
            bs_macs=at_bs,
            ue_parameters=numbers,
            bs_parameters=numbers + sum(each.centroid.size for each in tables),
            ue_bytes=sum(each.ue_bytes for each in tables),
        )

    @property
    def codec(self) -> LayerCodec:
        """The codec of coefficients."""
        return self._codec_of(*self.learnt_mode)

    def _codec_of(self, step: float | None, max_bits: int | None = None) -> LayerCodec:
        rotations, payload = self.form.n_rotations, self.settings.payload_bits
        return LayerCodec(self.level_shape, self.n_layers, rotations, step, payload, max_bits, self.tables)

    @property
    def _sequence(self) -> EigenvectorSequence:
        assert self.memory_tables is not None
        codec = LayerSequenceCodec(self.codec, self.settings.alone_every, self.memory_tables)
        return EigenvectorSequence(self.form, codec)

    def _reference(self, memory: Memory, n: int) -> LayerReference:
        if not memory:
            return LayerReference.nothing(n, self.n_layers, self.level_shape)
        return LayerReference.of_memory(memory)
