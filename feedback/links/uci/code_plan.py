"""Sizes of a coded report: code, blocks, check bits, coded bits and resource elements (TS 38.212)."""

import math
from dataclasses import dataclass
from typing import Literal

from feedback.errors import FeedbackInputError

# Payloads of uplink control information: up to the first a small block code, from one more on the polar code.
MAX_SMALL_BLOCK_PAYLOAD = 11
MAX_CONTROL_PAYLOAD = 1706
# Coded bits from which on no two payloads of 1 to 11 bits share a codeword.
MIN_SMALL_BLOCK_CODED_BITS = (1, 2, 3, 5, 6, 11, 11, 11, 11, 11, 17)
# A polar code of these payloads has parity-check bits beside its CRC.
MAX_PARITY_CHECK_PAYLOAD = 19
N_PARITY_CHECKS = 3
# Clause 5.4.1.3: what the interleaver of coded bits takes.
MAX_POLAR_CODED_BITS = 8192

Carrier = Literal["control", "data"]
BaseGraph = Literal["bg1", "bg2"]
_LARGEST_BLOCK: dict[BaseGraph, int] = {"bg1": 8448, "bg2": 3840}
_BLOCK_CRC = 24


@dataclass(frozen=True)
class CodePlan:
    """How the bits of one report are coded.

    Attributes:
        payload: bits of the report.
        code: the code of its blocks.
        graph: base graph of the LDPC code, ``None`` for other codes.
        n_blocks: code blocks, all of one size.
        report_crc: bits of the CRC over the whole report, 0 where each block has the only one, or there is none.
        block_size: bits of a block before its own CRC; zeros fill up what the report leaves.
        block_crc: bits of each block's own CRC, 0 where the report's is the only one, or there is none.
        coded_bits: coded bits of a block.
        resource_elements: symbols of the whole report.
    """

    payload: int
    code: Literal["small_block", "polar", "ldpc"]
    graph: BaseGraph | None
    n_blocks: int
    report_crc: int
    block_size: int
    block_crc: int
    coded_bits: int
    resource_elements: int


def code_plan(payload: int, code_rate: float, bits_per_symbol: int, carrier: Carrier = "control") -> CodePlan:
    r"""Sizes for a payload of ``A`` bits at rate ``r``, with ``Q`` bits per symbol.

    As control information the small block codes of clause 5.3.3 up to 11 bits, without CRC, then the polar code of
    clauses 6.3.1.2 to 6.3.1.4 up to 1706: a CRC of ``L`` bits (6 up to 19 bits of payload, else 11) a block, three
    parity-check bits up to 19, two blocks from 1013 bits on, or from 360 bits on if 1088 or more coded bits are sent;

    .. math:: N_\mathrm{RE} = \lceil (A + L) / (r Q) \rceil

    which counts the CRC once, as clause 6.3.2.4.1 does. As data, and where control information ends, the LDPC code of
    clauses 5.2.2 and 6.2: a CRC over the report (16 bits up to 3824 bits of payload, else 24) and, if it takes
    ``C > 1`` blocks, one of 24 bits a block; every block of ``K`` bits, CRC included, takes
    :math:`\lceil K / (r Q) \rceil` resource elements.

    Raises:
        FeedbackInputError: if a polar block has more coded bits than clause 5.4.1.3 interleaves.
    """
    if carrier == "data" or payload > MAX_CONTROL_PAYLOAD:
        return _ldpc_plan(payload, code_rate, bits_per_symbol)
    if payload <= MAX_SMALL_BLOCK_PAYLOAD:
        fewest = -(-MIN_SMALL_BLOCK_CODED_BITS[payload - 1] // bits_per_symbol)
        symbols = max(_symbols(payload, code_rate, bits_per_symbol), fewest)
        return CodePlan(payload, "small_block", None, 1, 0, payload, 0, symbols * bits_per_symbol, symbols)
    return _polar_plan(payload, code_rate, bits_per_symbol)


def _polar_plan(payload: int, code_rate: float, bits_per_symbol: int) -> CodePlan:
    checked = payload <= MAX_PARITY_CHECK_PAYLOAD
    crc = 6 if checked else 11
    symbols = _symbols(payload + crc, code_rate, bits_per_symbol)
    if checked:
        # No code has fewer bits than what it encodes (clause 5.3.1).
        symbols = max(symbols, -(-(payload + crc + N_PARITY_CHECKS) // bits_per_symbol))
    n_blocks = 2 if payload >= 1013 or (payload >= 360 and symbols * bits_per_symbol >= 1088) else 1
    coded_bits = symbols * bits_per_symbol // n_blocks
    if coded_bits > MAX_POLAR_CODED_BITS:
        raise FeedbackInputError(
            f"link uci: got reports of {payload} bits at code_rate {code_rate:g}, {coded_bits} coded bits a block, "
            f"expected {MAX_POLAR_CODED_BITS} at most (TS 38.212, clause 5.4.1.3): a higher code_rate, or carried_by "
            "data"
        )
    return CodePlan(payload, "polar", None, n_blocks, 0, -(-payload // n_blocks), crc, coded_bits, symbols)


def _ldpc_plan(payload: int, code_rate: float, bits_per_symbol: int) -> CodePlan:
    small = payload <= 292 or code_rate <= 0.25 or (payload <= 3824 and code_rate <= 0.67)
    graph: BaseGraph = "bg2" if small else "bg1"
    report_crc = 16 if payload <= 3824 else 24
    total, largest = payload + report_crc, _LARGEST_BLOCK[graph]
    n_blocks = 1 if total <= largest else -(-total // (largest - _BLOCK_CRC))
    block_crc = _BLOCK_CRC if n_blocks > 1 else 0
    block_size = -(-total // n_blocks)
    symbols = _symbols(block_size + block_crc, code_rate, bits_per_symbol)
    coded_bits = symbols * bits_per_symbol
    return CodePlan(payload, "ldpc", graph, n_blocks, report_crc, block_size, block_crc, coded_bits, symbols * n_blocks)


def _symbols(bits: int, code_rate: float, bits_per_symbol: int) -> int:
    # A quotient such as 480 / (0.6 x 2) is meant to be whole.
    return math.ceil(bits / (code_rate * bits_per_symbol) - 1e-9)
