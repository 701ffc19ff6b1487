"""CQI of the UE, MCS of the BS, and what a transmission with it carries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from linksim.link_adaptation.block_errors import waterfall
from linksim.link_adaptation.coding_schemes import TABLES, Scheme
from linksim.link_adaptation.effective_sinr import beta, effective_sinr
from linksim.link_adaptation.parameters import LinkAdaptationParameters
from linksim.link_adaptation.transport_block import COUNTED_SYMBOLS, SLOT_SYMBOLS, transport_block

MOST_LAYERS = 4
# Effective SINRs below this are as good as none.
_LEAST_SINR = 1e-12
# Thresholds within this of each other are the same.
_THRESHOLD_TIE_DB = 1e-9


@dataclass(frozen=True)
class Transmission:
    """A block's fate, as expectations over the noise.

    Attributes:
        mcs: MCS index, ``[batch]``, int64.
        bler: block error rate of the first transmission, ``[batch]``, float64.
        throughput: bits that arrive per resource element of the slot, those of pilots included, ``[batch]``, float64.
    """

    mcs: Tensor
    bler: Tensor
    throughput: Tensor


@dataclass(frozen=True)
class LinkAdaptation:
    """Modulation and coding of a slot that takes the whole band.

    Attributes:
        parameters: tables, target and retransmissions.
        n_subcarriers: of the band.
        data_share: share of the slot's resource elements that pilots leave for data.
    """

    parameters: LinkAdaptationParameters
    n_subcarriers: int
    data_share: float

    def cqi(self, sinr: Tensor, sent: Tensor) -> Tensor:
        """CQI index of the most efficient scheme that keeps the target on SINRs that the UE expects.

        Args:
            sinr: of each subcarrier and layer, ``[batch, Nc, n_layers]``, linear.
            sent: which layers are, ``[batch, n_layers]``, bool.

        Returns:
            ``[batch]``, int64; 0 where none keeps it.
        """
        expected = sinr.to(torch.float64) * 10 ** (-self.parameters.backoff_db / 10)
        schemes = TABLES[self.parameters.mcs_table].cqi
        best = torch.zeros(len(sinr), dtype=torch.int64, device=sinr.device)
        for index, scheme in enumerate(schemes, start=1):
            curves = self._curves((scheme,), sinr.device)
            bler = curves.block_error_rate(expected, sent, torch.zeros_like(best))
            best[bler <= self.parameters.target_bler] = index
        return best

    def mcs(self, cqi: Tensor, sent: Tensor, offset_db: Tensor | None = None) -> Tensor:
        """MCS indices that the BS takes for CQI indices: as efficient as the CQI at most, or the lowest.

        With an offset, the most efficient that keeps the target at the SINR of the CQI's own threshold, shifted.

        Args:
            cqi: CQI index, ``[batch]``, int64.
            sent: which layers are, ``[batch, n_layers]``, bool.
            offset_db: of the outer loop, ``[batch]``, float64, dB; ``None`` without one.
        """
        tables = TABLES[self.parameters.mcs_table]
        if offset_db is None:
            return torch.tensor(tables.mcs_of_cqi, device=cqi.device)[cqi]
        of_mcs = self._mcs_curves(cqi.device)
        target = self.parameters.target_bler
        promised = self._threshold_db(cqi, sent)
        needed = of_mcs.thresholds_db(target)[_layers(sent) - 1]
        kept = needed <= (promised + offset_db)[:, None] + _THRESHOLD_TIE_DB
        efficiencies = torch.tensor([scheme.efficiency for scheme in tables.mcs], device=cqi.device)
        return torch.where(cqi > 0, (kept * efficiencies).argmax(1), 0)

    def promised_sinr(self, cqi: Tensor, sent: Tensor) -> Tensor:
        """SINR over AWGN that CQI indices ``[batch]`` stand for, ``[batch]``, float64, linear.

        That at which the scheme of an index keeps the target; half of that of index 1 for index 0, out of range.
        """
        threshold_db = self._threshold_db(cqi, sent)
        return 10 ** (threshold_db / 10) * torch.where(cqi > 0, 1.0, 0.5)

    def _threshold_db(self, cqi: Tensor, sent: Tensor) -> Tensor:
        """SINR at which the scheme of an index keeps the target, of index 1 for index 0, ``[batch]``, float64, dB."""
        curves = self._curves(TABLES[self.parameters.mcs_table].cqi, cqi.device)
        return curves.of(curves.thresholds_db(self.parameters.target_bler), sent, (cqi - 1).clamp(min=0))

    def block_error_rate(self, sinr: Tensor, sent: Tensor, mcs: Tensor) -> Tensor:
        """Error rate of a block's first transmission, ``[batch]``, float64; arguments as of ``transmission``."""
        return self._mcs_curves(sinr.device).block_error_rate(sinr.to(torch.float64), sent, mcs)

    def transmission(self, sinr: Tensor, sent: Tensor, mcs: Tensor, later: Sequence[Tensor] = ()) -> Transmission:
        r"""What comes of a block, and of its retransmissions.

        With :math:`p_m` the error rate of ``m`` transmissions that are combined, whose SINRs add up, and ``B`` bits in
        a block, up to ``M`` transmissions carry

        .. math:: \frac{B (1 - p_M)}{1 + p_1 + \dots + p_{M-1}}

        bits each: a renewal's reward over its expected length.

        Args:
            sinr: of each subcarrier and layer, ``[batch, Nc, n_layers]``, linear.
            sent: which layers are, ``[batch, n_layers]``, bool.
            mcs: MCS index, ``[batch]``, int64.
            later: SINRs at each retransmission, of the same shape; without them that of the first.
        """
        curves = self._mcs_curves(sinr.device)
        first = sinr.to(torch.float64)
        combined = [first * count for count in range(1, self.parameters.retransmissions + 2)]
        if later:
            combined = [first + sum(later[:count], torch.zeros_like(first)) for count in range(len(combined))]
        rates = [curves.block_error_rate(total, sent, mcs) for total in combined]
        length = torch.stack([torch.ones_like(rates[0]), *rates[:-1]]).sum(0)
        bits = curves.of(curves.bits, sent, mcs) * (1 - rates[-1]) / length
        return Transmission(mcs, rates[0], bits / (self.n_subcarriers * SLOT_SYMBOLS))

    def _mcs_curves(self, device: torch.device) -> "_Curves":
        return self._curves(TABLES[self.parameters.mcs_table].mcs, device)

    def _curves(self, schemes: tuple[Scheme, ...], device: torch.device) -> "_Curves":
        return _curves(schemes, self._resource_elements, self.n_subcarriers * COUNTED_SYMBOLS).to(device)

    @property
    def _resource_elements(self) -> int:
        return math.floor(self.n_subcarriers * SLOT_SYMBOLS * self.data_share + 1e-9)


@dataclass(frozen=True)
class _Curves:
    """Blocks of several schemes by layers and scheme, ``[MOST_LAYERS, n_schemes]`` each, float64; and ``[n_schemes]``.

    Attributes:
        bits: of a transport block.
        n_code_blocks: of a transport block.
        middle_db: of the error rate of a code block.
        width_db: likewise.
        betas: of the effective SINR, ``[n_schemes]``.
    """

    bits: Tensor
    n_code_blocks: Tensor
    middle_db: Tensor
    width_db: Tensor
    betas: Tensor

    def to(self, device: torch.device) -> "_Curves":
        """The same on another device."""
        return _Curves(**{name: value.to(device) for name, value in vars(self).items()})

    def of(self, table: Tensor, sent: Tensor, scheme: Tensor) -> Tensor:
        """Entries of a table for the layers that are sent, ``[batch]``."""
        return table[_layers(sent) - 1, scheme]

    def thresholds_db(self, target_bler: float) -> Tensor:
        """SINRs over AWGN at which a transport block's error rate is the target, ``[MOST_LAYERS, n_schemes]``."""
        of_a_code_block = -torch.expm1(math.log1p(-target_bler) / self.n_code_blocks)
        return self.middle_db - self.width_db * torch.special.ndtri(of_a_code_block)

    def block_error_rate(self, sinr: Tensor, sent: Tensor, scheme: Tensor) -> Tensor:
        r"""Error rate of a transport block, :math:`1 - (1 - p)^C` of ``C`` code blocks, ``[batch]``, float64."""
        decibels = 10 * torch.log10(effective_sinr(sinr, sent, self.betas[scheme]).clamp(min=_LEAST_SINR))
        middle, width = self.of(self.middle_db, sent, scheme), self.of(self.width_db, sent, scheme)
        arrives = torch.special.log_ndtr((decibels - middle) / width)
        return -torch.expm1(self.of(self.n_code_blocks, sent, scheme) * arrives)


def _layers(sent: Tensor) -> Tensor:
    """Layers of each sample as far as there are curves, at least one, ``[batch]``."""
    return sent.sum(-1).clamp(1, MOST_LAYERS)


@cache
def _curves(schemes: tuple[Scheme, ...], n_resource_elements: int, counted: int) -> _Curves:
    blocks = [
        [transport_block(scheme, layers, n_resource_elements, counted) for scheme in schemes]
        for layers in range(1, MOST_LAYERS + 1)
    ]
    falls = [
        [
            waterfall(scheme.order, block.code_rate, block.code_block_size)
            for scheme, block in zip(schemes, row, strict=True)
        ]
        for row in blocks
    ]

    def table(rows: list[list[float]]) -> Tensor:
        return torch.tensor(rows, dtype=torch.float64)

    return _Curves(
        table([[block.size for block in row] for row in blocks]),
        table([[block.n_code_blocks for block in row] for row in blocks]),
        table([[fall.middle_db for fall in row] for row in falls]),
        table([[fall.width_db for fall in row] for row in falls]),
        torch.tensor([beta(scheme) for scheme in schemes], dtype=torch.float64),
    )
