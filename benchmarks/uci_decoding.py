"""Decoding of reports at the BS against Sionna's own decoder at full effort."""

import torch

from benchmarks.comparison import Comparison, core_rates
from feedback.links.uci.channel_code import ReportCode
from feedback.links.uci.code_plan import code_plan

BATCH = 50
# Bits of a report, code rate, and SNR of a symbol at which few reports fail.
CASES = ((64, 0.5, 3.0), (512, 0.5, 3.0))
LIST_SIZE = 8


def comparisons() -> list[Comparison]:
    """One for each length of report."""
    return [_comparison(*case) for case in CASES]


def _comparison(payload: int, rate: float, snr_db: float) -> Comparison:
    from sionna.phy.fec.polar import Polar5GDecoder, Polar5GEncoder

    plan = code_plan(payload, rate, 2)
    code = ReportCode(plan, 2, "cpu")
    generator = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (BATCH, payload), generator=generator)
    llr = _received(code.encode(bits), snr_db, generator)
    # One block of all bits: Sionna's decoder knows no segmentation.
    encoder = Polar5GEncoder(payload, plan.coded_bits * plan.n_blocks, device="cpu")
    decoder = Polar5GDecoder(encoder, "SCL", list_size=LIST_SIZE, device="cpu")
    theirs = _received(encoder(bits.float()), snr_db, generator)
    peer = f"Sionna's polar decoder, list of {LIST_SIZE}"
    rates = core_rates({"ours": lambda: code.decode(llr), peer: lambda: decoder(theirs)}, BATCH, 3)
    what = f"UCI of {payload} bits, rate {rate:g}, QPSK at {snr_db:g} dB, decoded"
    return Comparison(f"uci_{payload}_bits", what, rates["ours"], rates[peer], peer, "reports/s")


def _received(coded: torch.Tensor, snr_db: float, generator: torch.Generator) -> torch.Tensor:
    """LLRs of the probability of 1 over that of 0, of bits of half a symbol's energy each."""
    variance = 10 ** (-snr_db / 10)
    amplitude = 2 * coded - 1 + variance**0.5 * torch.randn(coded.shape, generator=generator)
    return 2 * amplitude / variance
