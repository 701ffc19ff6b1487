"""Throughput of one layer by definition: loops over one block at a time."""

import math

import numpy as np
from scipy.stats import norm

from linksim.link_adaptation.block_errors import waterfall
from linksim.link_adaptation.coding_schemes import TABLES, Scheme
from linksim.link_adaptation.effective_sinr import beta
from linksim.link_adaptation.transport_block import transport_block


def direct_transmission(sinr: np.ndarray, data_share: float, cqi: int | None) -> tuple[float, float, int]:
    """Throughput, block error rate and MCS index with 256-QAM's tables, a target of 10 %, and no retransmission.

    Args:
        sinr: of each subcarrier, linear.
        data_share: share of resource elements for data.
        cqi: that the BS holds; ``None`` for the best.
    """
    tables, elements = TABLES["qam256"], math.floor(14 * len(sinr) * data_share)

    def error_rate(scheme: Scheme) -> float:
        block = transport_block(scheme, 1, elements)
        effective = -beta(scheme) * math.log(np.exp(-sinr.astype(float) / beta(scheme)).mean())
        middle, width = waterfall(scheme.order, block.code_rate, block.code_block_size)
        return 1 - (1 - norm.sf((10 * math.log10(effective) - middle) / width)) ** block.n_code_blocks

    if cqi is None:
        cqi = max((i for i, scheme in enumerate(tables.cqi, 1) if error_rate(scheme) <= 0.1), default=0)
    mcs = tables.mcs_of_cqi[cqi]
    lost = error_rate(tables.mcs[mcs])
    return transport_block(tables.mcs[mcs], 1, elements).size * (1 - lost) / (14 * len(sinr)), lost, mcs
