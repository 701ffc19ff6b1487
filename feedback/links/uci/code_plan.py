"""Sizes of a coded report: blocks, check bits, coded bits and resource elements (TS 38.212)."""

import math
from dataclasses import dataclass
from typing import Literal

# Payload range of polar-coded uplink control information; fewer bits are filled up with zeros.
MIN_POLAR_PAYLOAD = 12
MAX_POLAR_PAYLOAD = 1706

BaseGraph = Literal["bg1", "bg2"]
_LARGEST_BLOCK: dict[BaseGraph, int] = {"bg1": 8448, "bg2": 3840}
_BLOCK_CRC = 24


@dataclass(frozen=True)
class CodePlan:
    """How the bits of one report are coded.

    Attributes:
        payload: bits of the report.
        graph: base graph of the LDPC code, ``None`` for the polar code.
        n_blocks: code blocks, all of one size.
        report_crc: bits of the CRC over the whole report, 0 where each block has the only one.
        block_size: bits of a block before its own CRC; zeros fill up what the report leaves.
        block_crc: bits of each block's own CRC, 0 where the report's is the only one.
        coded_bits: coded bits of a block.
        resource_elements: symbols of the whole report.
    """

    payload: int
    graph: BaseGraph | None
    n_blocks: int
    report_crc: int
    block_size: int
    block_crc: int
    coded_bits: int
    resource_elements: int


def code_plan(payload: int, code_rate: float, bits_per_symbol: int) -> CodePlan:
    r"""Sizes for a payload of ``A`` bits at rate ``r``, with ``Q`` bits per symbol.

    Up to 1706 bits the polar code of clauses 6.3.1.2 to 6.3.1.4: one CRC of ``L`` bits (6 up to 19 bits of payload,
    else 11) a block, and two blocks from 1013 bits on, or from 360 bits on if 1088 or more coded bits are sent;

    .. math:: N_\mathrm{RE} = \lceil (A + L) / (r Q) \rceil

    which counts the CRC once, as clause 6.3.2.4.1 does. Above, the LDPC code of clauses 5.2.2 and 6.2: a CRC over
    the report (16 bits up to 3824 bits of payload, else 24) and, if it takes ``C > 1`` blocks, one of 24 bits a block;
    every block of ``K`` bits, CRC included, takes :math:`\lceil K / (r Q) \rceil` resource elements.
    """
    if payload > MAX_POLAR_PAYLOAD:
        return _ldpc_plan(payload, code_rate, bits_per_symbol)
    filled = max(payload, MIN_POLAR_PAYLOAD)
    crc = 6 if filled <= 19 else 11
    resource_elements = _symbols(filled + crc, code_rate, bits_per_symbol)
    coded_bits = resource_elements * bits_per_symbol
    n_blocks = 2 if filled >= 1013 or (filled >= 360 and coded_bits >= 1088) else 1
    return CodePlan(payload, None, n_blocks, 0, -(-filled // n_blocks), crc, coded_bits // n_blocks, resource_elements)


def _ldpc_plan(payload: int, code_rate: float, bits_per_symbol: int) -> CodePlan:
    graph: BaseGraph = "bg2" if code_rate <= 0.25 or (payload <= 3824 and code_rate <= 0.67) else "bg1"
    report_crc = 16 if payload <= 3824 else 24
    total, largest = payload + report_crc, _LARGEST_BLOCK[graph]
    n_blocks = 1 if total <= largest else -(-total // (largest - _BLOCK_CRC))
    block_crc = _BLOCK_CRC if n_blocks > 1 else 0
    block_size = -(-total // n_blocks)
    symbols = _symbols(block_size + block_crc, code_rate, bits_per_symbol)
    coded_bits = symbols * bits_per_symbol
    return CodePlan(payload, graph, n_blocks, report_crc, block_size, block_crc, coded_bits, symbols * n_blocks)


def _symbols(bits: int, code_rate: float, bits_per_symbol: int) -> int:
    # A quotient such as 480 / (0.6 x 2) is meant to be whole.
    return math.ceil(bits / (code_rate * bits_per_symbol) - 1e-9)
