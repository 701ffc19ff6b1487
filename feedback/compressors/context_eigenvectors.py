"""The context codec on eigenvectors: precoders as bitstreams of an integer context model."""

import math
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feedback.aligned_beams import unit_vectors
from feedback.beam_delay import ALIGNMENTS, BeamDelay
from feedback.bitstream_compressor import STEP_REPORTS, BitstreamCompressor
from feedback.compressor import NO_MEMORY, Complexity, Memory
from feedback.compressors.parameters.context import ContextParameters
from feedback.context_codec.layer_codec import LayerCodec
from feedback.context_codec.operations import layer_operations
from feedback.context_codec.side_information import STEP_BITS
from feedback.csi_dimensions import CsiDimensions, CsiForm
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.errors import FeedbackInputError
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
    """

    Parameters = ContextParameters
    settings: ContextParameters
    takes: ClassVar[CsiForm] = "eigenvectors"
    gives: ClassVar[Reconstructed] = "precoder"

    def __init__(self, parameters: ContextParameters, dimensions: CsiDimensions) -> None:
        super().__init__(parameters, dimensions)
        parameters.check(dimensions)
        self.n_layers = parameters.rank
        self.form = BeamDelay.of(dimensions)
        self.tables = parameters.read_tables()

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
        coefficients, rotation = self._coefficients(csi[:STEP_REPORTS])

        def lengths(step: float, count: int) -> NDArray[np.int64]:
            return self._codec_of(step).encode(coefficients[:count], rotation[:count])[1]

        self.learn_step(lengths, len(coefficients), lambda step: self._codec_of(step).fewest_bits)

    @torch.no_grad()
    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """Bits 0 and 1 as float32, ``[batch, longest]``, zeros behind the ``value_bits`` of each report.

        Raises:
            FeedbackInputError: if an entry is NaN or infinite.
        """
        return self.codeword(*self.codec.encode(*self._coefficients(csi)), csi.device), NO_MEMORY

    @torch.no_grad()
    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """The precoders; lost are those of erased reports, and of bits that are no report."""
        matrices, rotation, erased = self.codec.decode(*received.arrived())
        vectors = self.form.vectors(torch.from_numpy(matrices), torch.from_numpy(rotation))
        precoder = orthogonal_layers(vectors).to(received.values.device, torch.complex64)
        return Reconstruction(precoder=precoder, erased=torch.from_numpy(erased).to(precoder.device)), NO_MEMORY

    def complexity(self) -> Complexity:
        """Integer multiply-adds of the context model, real ones of beams and delays, and the tables' bytes.

        The eigenvectors, which it takes, are not counted.
        """
        passes = STEP_BITS + 1 if self.settings.payload_bits is not None else 1
        shape = self.settings.level_shape(self.dimensions)
        cost = layer_operations(shape, self.tables, self.n_layers, passes, ALIGNMENTS)
        return Complexity(
            ue_macs=cost.ue,
            bs_macs=cost.bs,
            ue_parameters=self.tables.ue_numbers,
            bs_parameters=self.tables.ue_numbers + self.tables.centroid.size,
            ue_bytes=self.tables.ue_bytes,
        )

    @property
    def codec(self) -> LayerCodec:
        """The codec of coefficients."""
        return self._codec_of(*self.learnt_mode)

    def _codec_of(self, step: float | None, max_bits: int | None = None) -> LayerCodec:
        shape, rotations = self.settings.level_shape(self.dimensions), self.form.n_rotations
        payload = self.settings.payload_bits
        return LayerCodec(shape, self.n_layers, rotations, step, payload, max_bits, self.tables)

    def _coefficients(self, csi: Tensor) -> tuple[NDArray[np.complex128], NDArray[np.int64]]:
        """Coefficients of unit mean square ``[batch, n_layers, *shape]``, and rotations ``[batch, n_layers]``.

        In double precision of what complex64 holds, so that a report does not depend on the precision of the channel.
        """
        exact = csi.detach().cpu().to(torch.complex64).to(torch.complex128)
        if not torch.view_as_real(exact).isfinite().all():
            raise FeedbackInputError("context: got NaN or infinity among the eigenvectors, expected finite ones")
        # By parts, as the moduli of all rotations take more memory than the vectors.
        parts = [self.form.compact(part) for part in exact.split(250)]
        coefficients = torch.cat([part[0] for part in parts]) * math.sqrt(exact.shape[-1])
        return coefficients.numpy(), torch.cat([part[1] for part in parts]).numpy()


def orthogonal_layers(vectors: Tensor) -> Tensor:
    """Vectors ``[batch, n_layers, n_subbands, n_tx]`` to unit norm, each orthogonal to those of the layers before.

    Where nothing is left, or nothing was there, the first port stands for a vector, orthogonal or not.
    """
    layers: list[Tensor] = []
    for vector in vectors.unbind(1):
        left = unit_vectors(vector)
        for before in layers:
            left = left - before * (before.conj() * left).sum(-1, keepdim=True)
        # Rounding of what was parallel is no direction.
        norm = torch.linalg.vector_norm(left, dim=-1, keepdim=True)
        layers.append(unit_vectors(torch.where(norm > 1e-6, left, 0)))
    return torch.stack(layers, dim=1)
