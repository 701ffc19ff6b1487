"""Decoding of reports at the BS against Sionna's own decoders at full effort."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.comparison import Comparison, core_rates
from feedback.links.uci.channel_code import ReportCode
from feedback.links.uci.code_plan import CodePlan, code_plan

RATE = 0.5
# Bits of a report, and SNR of a symbol: at which few reports fail, and at which a fifth do.
CONTROL = ((64, 3.0), (512, 3.0), (256, 1.0))
DATA = ((2000, 3.0), (8000, 1.2))
LIST_SIZE = 8
ITERATIONS = 20

_Decode = Callable[[Tensor], object]


def comparisons() -> list[Comparison]:
    """One for each length of report: control information with its polar code, data with its LDPC code."""
    control = [_comparison("uci", code_plan(payload, RATE, 2), snr_db, 48) for payload, snr_db in CONTROL]
    return control + [_comparison("ldpc", code_plan(payload, RATE, 2, "data"), snr_db, 16) for payload, snr_db in DATA]


def _comparison(key: str, plan: CodePlan, snr_db: float, n: int) -> Comparison:
    code = ReportCode(plan, 2, "cpu")
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (n, plan.payload), generator=generator).float()
    encode, decode, peer = _sionnas_polar(plan) if plan.code == "polar" else _sionnas_ldpc(plan)
    llr, theirs = (_received(coded, snr_db, generator) for coded in (code.encode(bits), encode(bits)))
    rates = core_rates({"ours": lambda: code.decode(llr), peer: lambda: decode(theirs)}, n, 3)
    what = f"{key.upper()} of {plan.payload} bits, rate {RATE:g}, QPSK at {snr_db:g} dB, decoded"
    return Comparison(f"{key}_{plan.payload}_bits", what, rates["ours"], rates[peer], peer, "reports/s")


def _sionnas_polar(plan: CodePlan) -> tuple[Callable[[Tensor], Tensor], _Decode, str]:
    """One block of all bits: Sionna's decoder knows no segmentation."""
    from sionna.phy.fec.polar import Polar5GDecoder, Polar5GEncoder

    encoder = Polar5GEncoder(plan.payload, plan.coded_bits * plan.n_blocks, device="cpu")
    decoder = Polar5GDecoder(encoder, "SCL", list_size=LIST_SIZE, device="cpu")
    return encoder, decoder, f"Sionna's polar decoder, list of {LIST_SIZE}"


def _sionnas_ldpc(plan: CodePlan) -> tuple[Callable[[Tensor], Tensor], _Decode, str]:
    """As many bits as report and CRC together are."""
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder

    encoder = LDPC5GEncoder(plan.block_size, plan.coded_bits, num_bits_per_symbol=2, bg=plan.graph, device="cpu")
    decoder = LDPC5GDecoder(encoder, num_iter=ITERATIONS, device="cpu")
    filled = plan.block_size - plan.payload
    return (
        lambda bits: encoder(torch.nn.functional.pad(bits, (0, filled))),
        decoder,
        f"Sionna's LDPC decoder, {ITERATIONS} iterations",
    )


def _received(coded: Tensor, snr_db: float, generator: torch.Generator) -> Tensor:
    """LLRs of the probability of 1 over that of 0, of bits of half a symbol's energy each."""
    variance = 10 ** (-snr_db / 10)
    amplitude = 2 * coded - 1 + variance**0.5 * torch.randn(coded.shape, generator=generator)
    return 2 * amplitude / variance
