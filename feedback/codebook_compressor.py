"""Compressors that are codebooks of TS 38.214: integers of a report chosen at the UE, a precoder of them at the BS."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from feedback.codebook_parameters import CodebookParameters
from feedback.codebooks.bit_fields import BitReader, BitWriter
from feedback.codebooks.choices import first_largest
from feedback.codebooks.codebook import Codebook, SeenChannel, rows_of
from feedback.codebooks.layout import PortLayout
from feedback.codebooks.link_quality import layer_rates, layer_sinr
from feedback.codebooks.report_fields import ReportFields
from feedback.codebooks.targets import covariances
from feedback.compressor import NO_MEMORY, Compressor, CompressorParameters, Memory, ReportCompressor
from feedback.csi_dimensions import CsiDimensions
from feedback.csi_report.codeword import Codeword
from feedback.csi_report.reconstruction import Reconstruction

__all__ = ["CodebookCompressor", "CodebookParameters", "targets_of"]

# Rates within this share of the best one's are equal but for rounding: the lowest rank of them is taken.
_TIE = 1e-9


class CodebookCompressor(ReportCompressor):
    r"""A report is the CSI of one UE as bits.

    Part 1 holds the rank where the UE chooses it, CQIs where they are asked for, and what says how long part 2 is;
    part 2 the layer indicator, if any, and the PMI. The BS rebuilds the precoder from the bits alone; a report whose
    bits the standard does not know is taken for lost.

    A UE that chooses the rank selects a report of each that is allowed, and takes the one of the largest :math:`\sum_t
    \sum_l \log_2(1 + \mathrm{SINR}_{l,t})` by its own estimate and the downlink's SNR, behind an MMSE receiver.

    Raises:
        FeedbackInputError: if the BS's array is not dual-polarised, or the standard has no codebook for it.
    """

    Parameters = CodebookParameters

    def __init__(self, settings: Any, dimensions: CsiDimensions) -> None:
        super().__init__(settings, dimensions)
        self.layout: PortLayout = settings.layout(dimensions)
        ranks = settings.ranks(self.layout, dimensions.n_rx)
        self.n_layers = max(ranks)
        self.chooses_rank = len(ranks) > 1
        self.codebooks: dict[int, Codebook] = {rank: self.codebook(rank, max(ranks)) for rank in ranks}
        self.fields = ReportFields(
            ranks,
            settings.cqi,
            settings.layer_indicator,
            dimensions.n_subbands,
            self.units_per_cqi_subband(),
        )
        self._measures = settings.rank == "auto" or settings.cqi != "none" or settings.layer_indicator
        if self._measures:
            # What its class takes knows of no noise.
            self.takes = "whitened"  # type: ignore[misc]
        pmi = max(self.fields.layer_bits(rank) + each.longest for rank, each in self.codebooks.items())
        self.length = self._part1_bits + pmi
        # Columns are the standard's first dimension, whose second one is the faster among ports.
        # On a device of its own, as PyTorch imports half of its compiler to count on `meta`.
        ports = torch.arange(dimensions.n_tx, device="cpu").view(2, dimensions.n_rows, dimensions.n_columns)
        self.register_buffer("_ports", ports.transpose(1, 2).flatten(), persistent=False)

    @classmethod
    def chosen_by(cls, parameters: CompressorParameters) -> type[Compressor]:
        """The class itself, or that of the same reports with a network at the BS."""
        if getattr(parameters, "enhancer", None) is None:
            return cls
        from feedback.enhanced_codebook import enhanced

        return enhanced(cls)

    @abstractmethod
    def codebook(self, rank: int, largest_rank: int) -> Codebook:
        """The codebook at one rank.

        Args:
            rank: layers.
            largest_rank: the largest rank that may be reported.
        """

    def seen_by_ue(self, csi: Tensor) -> Tensor:
        """Channels or eigenvectors ``[..., P]`` at the CSI-RS ports, which by default are those of the array."""
        return csi

    def seen(self, csi: Tensor, memory: Memory) -> tuple[SeenChannel, Memory]:
        """What the UE selects a report from, and what it remembers for the next; nothing by default.

        Args:
            csi: in the form that it takes, ports in the standard's order.
            memory: what it remembers of the reports before.
        """
        if self.takes == "eigenvectors":
            return SeenChannel(targets_of(csi)), NO_MEMORY
        known = covariances(csi.transpose(1, 2), self.dimensions.slices)
        return SeenChannel(covariance=known, n_layers=self.n_layers, noisy=self.takes == "whitened"), NO_MEMORY

    def sent_by_bs(self, columns: Tensor) -> Tensor:
        """Precoders ``[batch, units, P, rank]`` of the CSI-RS ports as those of the array."""
        return columns

    def units_per_cqi_subband(self) -> int:
        """Frequency units with a precoder in each subband of the CQI."""
        return 1

    @torch.no_grad()
    def report(self, csi: Tensor, memory: Memory, lost: Tensor | None = None) -> tuple[Codeword, Memory]:
        """The CSI of each channel."""
        in_order = torch.view_as_complex(torch.view_as_real(csi[..., self._ports]).nan_to_num())
        seen, remembered = self.seen(self.seen_by_ue(in_order), memory)
        bits, lengths = self._select(seen)
        values = bits.to(torch.float32)
        if self.sends == "levels":
            return Codeword(values, value_bits=self.length, level_bits=1), remembered
        return Codeword(values, value_bits=lengths, max_bits=self.length), remembered

    @torch.no_grad()
    def rebuild(self, received: Codeword, memory: Memory) -> tuple[Reconstruction, Memory]:
        """The precoder of each report; zero in layers beyond its rank."""
        bits = received.values.to(torch.int64)
        bits = torch.nn.functional.pad(bits, (0, max(self.length - bits.shape[1], 0)))
        shape = (len(bits), self.dimensions.n_subbands, self.dimensions.n_tx, self.n_layers)
        vectors = torch.zeros(shape, dtype=torch.complex128, device=bits.device)
        valid = torch.zeros(len(bits), dtype=torch.bool, device=bits.device)
        for rank, rows, report, readable in self._read(bits):
            columns = self.sent_by_bs(self.codebooks[rank].precoder(report))
            filled = torch.zeros((len(rows), *shape[1:]), dtype=vectors.dtype, device=bits.device)
            filled[:, :, self._ports, :rank] = _unit_columns(columns).expand(-1, shape[1], -1, -1)
            vectors[rows], valid[rows] = filled, readable
        erased = ~valid if received.erased is None else received.erased | ~valid
        return Reconstruction(precoder=vectors.permute(0, 3, 1, 2).to(torch.complex64), erased=erased), NO_MEMORY

    @property
    def _part1_bits(self) -> int:
        some = self.codebooks[self.n_layers]
        return self.fields.rank_bits + self.fields.cqi_bits + some.n_indicators * some.indicator_bits

    def _select(self, seen: SeenChannel) -> tuple[Tensor, Tensor]:
        """Bits ``[batch, longest]``, uint8, and lengths ``[batch]``."""
        reports = {rank: each.select(seen) for rank, each in self.codebooks.items()}
        sinr: dict[int, Tensor] = {}
        if self._measures:
            sinr = {
                rank: layer_sinr(seen.covariance, self.codebooks[rank].precoder(report))
                for rank, report in reports.items()
            }
        if not self.chooses_rank:
            return self._write(self.n_layers, reports[self.n_layers], sinr.get(self.n_layers))
        rates = torch.stack([layer_rates(sinr[rank]).sum((1, 2)) for rank in reports], dim=1)
        choice = first_largest(rates, _TIE)
        lengths = torch.zeros_like(choice)
        bits = torch.zeros(len(choice), self.length, dtype=torch.uint8, device=choice.device)
        for place, (rank, report) in enumerate(reports.items()):
            rows = (choice == place).nonzero()[:, 0]
            if len(rows):
                written, lengths[rows] = self._write(rank, rows_of(report, rows), sinr[rank][rows])
                bits[rows] = torch.nn.functional.pad(written, (0, self.length - written.shape[1]))
        return bits[:, : int(lengths.max())], lengths

    def _write(self, rank: int, report: Any, sinr: Tensor | None) -> tuple[Tensor, Tensor]:
        codebook, writer = self.codebooks[rank], BitWriter()
        pmi, lengths = codebook.write(report)
        self.fields.write_part1(writer, rank, sinr, lengths)
        writer.write(codebook.indicators(report), codebook.indicator_bits)
        self.fields.write_layer_indicator(writer, sinr)
        writer.write(pmi, (torch.arange(pmi.shape[1], device=pmi.device) < lengths[:, None]).to(torch.int64))
        return writer.finish()

    def _read(self, bits: Tensor) -> list[tuple[int, Tensor, Any, Tensor]]:
        """Reports by rank: rank, rows of the batch, report, and which are valid, ``[rows]``, bool."""
        reader = BitReader(bits)
        rank_index = reader.read_one(self.fields.rank_bits)
        reader.read(self.fields.cqi_bits, 1)
        some, found = self.codebooks[self.n_layers], []
        indicators = reader.read(some.n_indicators, some.indicator_bits)
        for place, (rank, codebook) in enumerate(self.codebooks.items()):
            rows = (rank_index == place).nonzero()[:, 0]
            if not len(rows):
                continue
            layer_bits = self.fields.layer_bits(rank)
            part2 = BitReader(bits[rows, self._part1_bits :])
            known_layer = part2.read_one(layer_bits) < rank
            report, valid = codebook.read(indicators[rows], bits[rows, self._part1_bits + layer_bits :])
            found.append((rank, rows, report, valid & known_layer))
        return found


def targets_of(eigenvectors: Tensor) -> Tensor:
    """Eigenvectors ``[batch, n_layers, n_subbands, P]`` as codebooks approximate them: ``[batch, units, P, rank]``.

    Of unit norm in double precision; where there is none, the first port stands for it.
    """
    vectors = eigenvectors.to(torch.complex128)
    norm = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    vectors = vectors / torch.where(norm > 0, norm, 1)
    vectors[..., 0] += (norm[..., 0] == 0).to(vectors.dtype)
    return vectors.permute(0, 2, 3, 1)


def _unit_columns(columns: Tensor) -> Tensor:
    """Columns ``[batch, units, P, rank]`` of unit norm; the first port where all coefficients cancel."""
    norm = torch.linalg.vector_norm(columns, dim=2, keepdim=True)
    usable = (norm > 0) & norm.isfinite()
    first = torch.zeros_like(columns)
    first[:, :, 0] = 1
    return torch.where(usable, columns / torch.where(usable, norm, 1), first)
