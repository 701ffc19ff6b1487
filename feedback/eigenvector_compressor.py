"""Compressors of matrices as compressors of eigenvectors: the same maps between other forms of the channel."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from feedback.aligned_beams import AlignedBeams
from feedback.compressor import Compressor, CompressorParameters
from feedback.csi_dimensions import CsiDimensions, CsiForm
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.side_format import LevelFormat
from feedback.signals import Reconstructed
from feedback.training_set import TrainingSet

_ALIGNMENT = "alignment"


class OfEigenvectors(Compressor):
    r"""A compressor of matrices, of which one is made of the eigenvectors of all subbands (``AlignedBeams``).

    The report says beside the matrix which beams are strongest. The BS makes vectors of unit norm of the matrix.
    """

    takes: ClassVar[CsiForm] = "eigenvectors"
    gives: ClassVar[Reconstructed] = "precoder"

    def __init__(self, parameters: Any, dimensions: CsiDimensions) -> None:
        beams = AlignedBeams.of(dimensions, parameters.rank, parameters.align)
        super().__init__(parameters, beams.shape)
        self.dimensions = dimensions
        self.n_layers = parameters.rank
        self.beams = beams


class EigenvectorCompressor(OfEigenvectors):
    """One that sends values: which beams are strongest is side information of the codeword."""

    def encode(self, csi: Tensor) -> Codeword:
        """Codewords of eigenvectors ``[batch, n_layers, n_subbands, n_tx]``, complex64."""
        matrices, alignment = self.beams.matrices(csi)
        codeword = super().encode(matrices)  # type: ignore[safe-super]
        if not self.beams.align:
            return codeword
        bits = self.beams.bits
        return replace(
            codeword,
            side={**codeword.side, _ALIGNMENT: alignment},
            side_bits=codeword.side_bits + bits,
            side_formats={**codeword.side_formats, _ALIGNMENT: LevelFormat(bits)},
        )

    def decode(self, received: Codeword) -> Tensor:
        """Unit vectors ``[batch, n_layers, n_subbands, n_tx]``, complex64, of received codewords."""
        values = received.values
        none = torch.zeros(len(values), dtype=torch.int64, device=values.device)
        matrices = super().decode(received)  # type: ignore[safe-super]
        return self.beams.vectors(matrices, received.side.get(_ALIGNMENT, none))


@dataclass(frozen=True)
class AlignedSet(TrainingSet):
    """Matrices of eigenvectors to learn from."""


def aligned_set(training: TrainingSet, beams: AlignedBeams) -> AlignedSet:
    """Training eigenvectors ``[n, n_layers, n_subbands, n_tx]`` as matrices; what is so already stays."""
    if isinstance(training, AlignedSet):
        return training

    def matrices(vectors: Tensor) -> Tensor:
        # By parts, as the beams of a whole set take sixteen times its memory.
        parts = [beams.matrices(part)[0] for part in vectors.split(1000) if len(part)]
        return torch.cat(parts) if parts else vectors.new_zeros(0, *beams.shape)

    stream = training.stream
    made = None if stream is None else lambda start, stop: matrices(stream(start, stop))
    return AlignedSet(matrices(training.train), matrices(training.validation), made)


def _fit(self: OfEigenvectors, training: TrainingSet, generator: torch.Generator) -> None:
    """Learns from the matrices of training eigenvectors."""
    super(OfEigenvectors, self).fit(aligned_set(training, self.beams), generator)


class MatrixCompressor(Compressor):
    """A compressor of any complex matrix: the channel's, or with ``csi: eigenvectors`` that of its eigenvectors."""

    @classmethod
    def chosen_by(cls, parameters: CompressorParameters) -> type[Compressor]:
        """The class itself, or that of the same maps on eigenvectors."""
        return on_eigenvectors(cls) if getattr(parameters, "csi", "matrix") == "eigenvectors" else cls


@cache
def on_eigenvectors(kind: type[Compressor], form: type[OfEigenvectors] = EigenvectorCompressor) -> type[Compressor]:
    """A class of compressors of matrices as one of eigenvectors.

    Args:
        kind: the class.
        form: how a report says which beams are strongest.
    """
    # What learns nothing must go on saying so.
    own: dict[str, Callable[..., Any]] = {} if kind.fit is Compressor.fit else {"fit": _fit}
    name = f"{kind.__name__}OfEigenvectors"
    return type(name, (form, kind), {**own, "__module__": kind.__module__, "__doc__": kind.__doc__})
