"""Fields of a CSI report beside the PMI: RI, CQI and LI (TS 38.212, clauses 6.3.1.1.2 and 6.3.2.1.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from feedback.codebooks.bit_fields import BitWriter
from feedback.codebooks.choices import first_largest
from feedback.codebooks.cqi_report import CqiReport
from feedback.codebooks.layout import bits_for
from feedback.codebooks.link_quality import layer_rates

_CQI_BITS, _SUBBAND_CQI_BITS = 4, 2
# (bits per symbol, 1024 x code rate) of CQI 1 to 15 with 256QAM, TS 38.214 Table 5.2.2.1-3.
_CQI_TABLE = (
    *((2, rate) for rate in (78, 193, 449)),
    *((4, rate) for rate in (378, 490, 616)),
    *((6, rate) for rate in (466, 567, 666, 772, 873)),
    *((8, rate) for rate in (711, 797, 885, 948)),
)
CQI_EFFICIENCIES = tuple(bits * rate / 1024 for bits, rate in _CQI_TABLE)


@dataclass(frozen=True)
class ReportFields:
    """Which fields a report has, and their widths. UE and BS both know it.

    Attributes:
        ranks: ranks that may be reported, ascending; field RI holds a rank's place among them.
        cqi: none, one for the band, or also one for each subband relative to it.
        layer_indicator: whether LI is sent.
        n_units: frequency units with a precoder each.
        units_per_subband: how many of them make a subband of the CQI.
    """

    ranks: Sequence[int]
    cqi: CqiReport
    layer_indicator: bool
    n_units: int
    units_per_subband: int = 1

    @property
    def n_cqi_subbands(self) -> int:
        """Subbands of the CQI; the last may have fewer units than the others."""
        return -(-self.n_units // self.units_per_subband)

    @property
    def rank_bits(self) -> int:
        """Bits of RI, which opens part 1; the limits of TS 38.212 are those of a codebook's ranks."""
        return bits_for(len(self.ranks))

    @property
    def cqi_bits(self) -> int:
        """Bits of all CQIs, which follow RI."""
        wideband = 0 if self.cqi == "none" else _CQI_BITS
        return wideband + (_SUBBAND_CQI_BITS * self.n_cqi_subbands if self.cqi == "subband" else 0)

    def layer_bits(self, rank: int) -> int:
        """Bits of LI, which opens part 2."""
        return bits_for(rank) if self.layer_indicator else 0

    def write_part1(self, writer: BitWriter, rank: int, sinr: Tensor | None, like: Tensor) -> None:
        """RI and CQI of reports of one rank.

        Args:
            writer: takes the fields.
            rank: of all of them.
            sinr: of each layer in each unit, ``[batch, units, rank]``; not needed without CQI.
            like: an integer of each report, ``[batch]``, int64.
        """
        writer.write(torch.full_like(like, list(self.ranks).index(rank)), self.rank_bits)
        if self.cqi == "none":
            return
        assert sinr is not None
        efficiency = layer_rates(sinr).mean(-1)
        wideband = cqi_of(efficiency.mean(-1))
        writer.write(wideband, _CQI_BITS)
        if self.cqi == "subband":
            parts = [part.mean(-1) for part in efficiency.split(self.units_per_subband, dim=-1)]
            offset = cqi_of(torch.stack(parts, dim=-1)) - wideband[:, None]
            # Table 5.2.2.1-1: 0, 1, at least 2, at most -1.
            writer.write(torch.where(offset < 0, 3, offset.clamp(max=2)), _SUBBAND_CQI_BITS)

    def write_layer_indicator(self, writer: BitWriter, sinr: Tensor | None) -> None:
        """LI: the layer of the largest rate over the units, the first of equals."""
        if not self.layer_indicator:
            return
        assert sinr is not None
        rates = layer_rates(sinr).mean(1)
        writer.write(first_largest(rates), self.layer_bits(sinr.shape[-1]))


def cqi_of(efficiency: Tensor) -> Tensor:
    """The largest CQI whose efficiency is not above ``efficiency``, ``[...]``, bit/s/Hz and layer; 0 where none is.

    That the channel's capacity for the code rate is what a block survives is a bound: a UE of TS 38.214 takes the
    largest CQI at which a tenth of the blocks are lost.
    """
    table = torch.tensor(CQI_EFFICIENCIES, dtype=torch.float64, device=efficiency.device)
    return (efficiency[..., None] >= table).sum(-1)
