"""CQI of the UE, MCS of the BS, and what a transmission with it carries."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from linksim.link_adaptation.block_errors import waterfall
from linksim.link_adaptation.coding_schemes import TABLES, Scheme
from linksim.link_adaptation.effective_sinr import beta, effective_sinr
from linksim.link_adaptation.parameters import LinkAdaptationParameters
from linksim.link_adaptation.transport_block import SLOT_SYMBOLS, transport_block

MOST_LAYERS = 4
# Effective SINRs below this are as good as none.
_LEAST_SINR = 1e-12


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
            curves = _curves((scheme,), self._resource_elements).to(sinr.device)
            bler = curves.block_error_rate(expected, sent, torch.zeros_like(best))
            best[bler <= self.parameters.target_bler] = index
        return best

    def mcs(self, cqi: Tensor) -> Tensor:
        """MCS indices that the BS takes for CQI indices ``[batch]``: as efficient as the CQI at most, or the lowest."""
        return torch.tensor(TABLES[self.parameters.mcs_table].mcs_of_cqi, device=cqi.device)[cqi]

    def transmission(self, sinr: Tensor, sent: Tensor, mcs: Tensor) -> Transmission:
        r"""What comes of a block, and of its retransmissions over the same channel.

        With :math:`p_m` the error rate of ``m`` transmissions that are combined, whose SINRs add up, and ``B`` bits in
        a block, up to ``M`` transmissions carry

        .. math:: \frac{B (1 - p_M)}{1 + p_1 + \dots + p_{M-1}}

        bits each: a renewal's reward over its expected length.

        Args:
            sinr: of each subcarrier and layer, ``[batch, Nc, n_layers]``, linear.
            sent: which layers are, ``[batch, n_layers]``, bool.
            mcs: MCS index, ``[batch]``, int64.
        """
        curves = _curves(TABLES[self.parameters.mcs_table].mcs, self._resource_elements).to(sinr.device)
        rates = [
            curves.block_error_rate(sinr.to(torch.float64) * count, sent, mcs)
            for count in range(1, self.parameters.retransmissions + 2)
        ]
        length = torch.stack([torch.ones_like(rates[0]), *rates[:-1]]).sum(0)
        bits = curves.of(curves.bits, sent, mcs) * (1 - rates[-1]) / length
        return Transmission(mcs, rates[0], bits / (self.n_subcarriers * SLOT_SYMBOLS))

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
        return table[sent.sum(-1).clamp(1, MOST_LAYERS) - 1, scheme]

    def block_error_rate(self, sinr: Tensor, sent: Tensor, scheme: Tensor) -> Tensor:
        r"""Error rate of a transport block, :math:`1 - (1 - p)^C` of ``C`` code blocks, ``[batch]``, float64."""
        decibels = 10 * torch.log10(effective_sinr(sinr, sent, self.betas[scheme]).clamp(min=_LEAST_SINR))
        middle, width = self.of(self.middle_db, sent, scheme), self.of(self.width_db, sent, scheme)
        arrives = torch.special.log_ndtr((decibels - middle) / width)
        return -torch.expm1(self.of(self.n_code_blocks, sent, scheme) * arrives)


@cache
def _curves(schemes: tuple[Scheme, ...], n_resource_elements: int) -> _Curves:
    blocks = [
        [transport_block(scheme, layers, n_resource_elements) for scheme in schemes]
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
