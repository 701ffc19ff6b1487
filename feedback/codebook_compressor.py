"""Compressors that are codebooks of TS 38.214: integers of a report chosen at the UE, a precoder of them at the BS."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from feedback.codebook_parameters import CodebookParameters
from feedback.codebooks.layout import PortLayout
from feedback.compressor import NO_MEMORY, Memory, ReportCompressor
from feedback.csi_dimensions import CsiDimensions
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction
from feedback.errors import FeedbackInputError

__all__ = ["CodebookCompressor", "CodebookParameters", "targets_of"]


class CodebookCompressor(ReportCompressor):
    """A report is the PMI of one UE: part 1 holds what says how long part 2 is, if anything; part 2 the rest.

    The rank is fixed, so that no rank indicator is sent. The BS rebuilds the precoder from the bits alone; a report
    whose bits the standard does not know is taken for lost.

    Raises:
        FeedbackInputError: if the BS's array is not dual-polarised, or the standard has no codebook for it.
    """

    Parameters = CodebookParameters

    def __init__(self, settings: Any, dimensions: CsiDimensions) -> None:
        super().__init__(settings, dimensions)
        self.n_layers = settings.rank
        if dimensions.n_polarizations != 2:
            raise FeedbackInputError(
                f"{settings.name}: got a BS array of one polarisation, expected two, as TS 38.214 has codebooks for "
                "(`channel.polarization: dual` of the source sionna)"
            )
        self.layout = PortLayout(dimensions.n_columns, dimensions.n_rows)
        # Columns are the standard's first dimension, whose second one is the faster among ports.
        ports = torch.arange(dimensions.n_tx).view(2, dimensions.n_rows, dimensions.n_columns)
        self.register_buffer("_ports", ports.transpose(1, 2).flatten(), persistent=False)

    @abstractmethod
    def select(self, csi: Tensor) -> tuple[Tensor, Tensor]:
        """At the UE: the reports of channels whose ports are in the standard's order.

        Returns:
            Bits ``[batch, longest]``, 0 and 1, zeros behind each report's end; and lengths ``[batch]``.
        """

    @abstractmethod
    def precoder(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """At the BS: the precoders of reports ``[batch, longest]``, int64, zeros behind their ends.

        Returns:
            ``[batch, subbands, P, rank]``, complex128, ports in the standard's order; one subband for a wideband
            report. And which reports are valid, ``[batch]``, bool; the others' precoders mean nothing.
        """

    @torch.no_grad()
    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """The PMI of each channel."""
        in_order = torch.view_as_complex(torch.view_as_real(csi[..., self._ports]).nan_to_num())
        bits, lengths = self.select(in_order)
        values = bits.to(torch.float32)
        if self.sends == "levels":
            return Codeword(values, value_bits=self.length, level_bits=1), NO_MEMORY
        return Codeword(values, value_bits=lengths, max_bits=self.length), NO_MEMORY

    @torch.no_grad()
    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """The precoder of each PMI."""
        bits = received.values.to(torch.int64)
        columns, valid = self.precoder(torch.nn.functional.pad(bits, (0, max(self.length - bits.shape[1], 0))))
        shape = (len(bits), self.dimensions.n_subbands, self.dimensions.n_tx, self.n_layers)
        vectors = torch.empty(shape, dtype=torch.complex128, device=bits.device)
        vectors[:, :, self._ports] = columns.expand(shape)
        erased = ~valid if received.erased is None else received.erased | ~valid
        return Reconstruction(precoder=_unit_vectors(vectors.permute(0, 3, 1, 2)), erased=erased), NO_MEMORY


def targets_of(eigenvectors: Tensor) -> Tensor:
    """Eigenvectors ``[batch, n_layers, n_subbands, P]`` as codebooks approximate them: ``[batch, units, P, rank]``.

    Of unit norm in double precision; where there is none, the first port stands for it.
    """
    vectors = eigenvectors.to(torch.complex128)
    norm = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    vectors = vectors / torch.where(norm > 0, norm, 1)
    vectors[..., 0] += (norm[..., 0] == 0).to(vectors.dtype)
    return vectors.permute(0, 2, 3, 1)


def _unit_vectors(vectors: Tensor) -> Tensor:
    """Vectors along the last axis to unit norm, complex64; the first port where all coefficients cancel."""
    norm = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    usable = (norm > 0) & norm.isfinite()
    first = torch.zeros_like(vectors)
    first[..., 0] = 1
    return torch.where(usable, vectors / torch.where(usable, norm, 1), first).to(torch.complex64)
