"""Compiled decoding of LDPC codes against Sionna's."""

import pytest
import torch
from torch import Tensor

from feedback.links.uci import belief_propagation
from feedback.links.uci.channel_code import ReportCode
from feedback.links.uci.code_plan import code_plan


def received(code: ReportCode, snr_db: float, n: int) -> tuple[Tensor, Tensor]:
    """Bits of reports, and LLRs of the coded bits over QPSK in white noise."""
    generator = torch.Generator().manual_seed(code.plan.payload)
    bits, variance = torch.randint(0, 2, (n, code.plan.payload), generator=generator), 10 ** (-snr_db / 10)
    amplitudes = 2 * code.encode(bits) - 1
    return bits, 2 * (amplitudes + variance**0.5 * torch.randn(amplitudes.shape, generator=generator)) / variance


# Both base graphs, filled up or not, repeated, in two blocks; some reports take 8 iterations, some 20, and some fail.
@pytest.mark.parametrize(
    ("payload", "rate", "snr_db", "n"),
    [
        (64, 0.5, 1.0, 20),
        (300, 0.8, 4.9, 16),
        (40, 0.1, -7.0, 16),
        pytest.param(8500, 0.6, 2.42, 8, marks=pytest.mark.validate),
    ],
)
def test_decisions_are_those_of_sionna(
    payload: int, rate: float, snr_db: float, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = ReportCode(code_plan(payload, rate, 2, "data"), 2, "cpu")
    bits, llr = received(code, snr_db, n)
    decoded, passed = code.decode(llr)
    with monkeypatch.context() as context:
        context.setattr(belief_propagation, "compiled", lambda *_: None)
        expected, expected_passed = code.decode(llr)
    assert torch.equal(decoded, expected)
    assert torch.equal(passed, expected_passed)
    assert decoded.dtype == expected.dtype
    assert torch.equal(passed, (decoded == bits).all(dim=1))
    monkeypatch.setattr(belief_propagation, "ITERATIONS", (8, 8))
    after_few = code.decode(llr)[1]
    assert int(after_few.sum()) < int(passed.sum()) < n


def test_decoded_bits_depend_on_no_batch() -> None:
    code = ReportCode(code_plan(64, 0.5, 2, "data"), 2, "cpu")
    _, llr = received(code, 1.0, 19)
    decoded, passed = code.decode(llr)
    one_by_one = [code.decode(row) for row in llr.split(1)]
    assert torch.equal(decoded, torch.cat([bits for bits, _ in one_by_one]))
    assert torch.equal(passed, torch.cat([right for _, right in one_by_one]))
