"""Symbols of the uplink and LLRs of their bits, against the standard, sums over all symbols, and Sionna."""

import math

import numpy as np
import pytest
import torch
from sionna.phy.mapping import Demapper, Mapper

from feedback.links.parameters.uci import BITS_PER_SYMBOL
from feedback.links.uci.uplink import Uplink
from tests.feedback.test_uplink import draw, parameters, random_bits


def levels_of(bits_per_axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Amplitudes and bits of one axis as TS 38.211, clauses 5.1.3 to 5.1.6, has them, of unit power in both axes."""
    labels = np.array([[number >> n & 1 for n in range(bits_per_axis)] for number in range(2**bits_per_axis)])
    amplitude = np.ones(len(labels))
    for n in range(bits_per_axis - 1, 0, -1):
        amplitude = 2.0 ** (bits_per_axis - n) - (1 - 2 * labels[:, n]) * amplitude
    amplitude *= 1 - 2 * labels[:, 0]
    return amplitude / math.sqrt(2 * np.mean(amplitude**2)), labels


@pytest.mark.parametrize("modulation", BITS_PER_SYMBOL)
def test_symbols_are_those_of_the_standard(modulation: str) -> None:
    n = BITS_PER_SYMBOL[modulation]  # type: ignore[index]
    amplitudes, labels = levels_of(n // 2)
    numbers = {tuple(label): value for label, value in zip(labels.tolist(), amplitudes, strict=True)}
    bits = random_bits(50, n)
    symbols = Mapper("qam", n)(bits).squeeze(1)
    expected = [complex(numbers[tuple(row[::2])], numbers[tuple(row[1::2])]) for row in bits.int().tolist()]
    torch.testing.assert_close(symbols, torch.tensor(expected, dtype=torch.complex64))


@pytest.mark.parametrize(("demapper", "modulation"), [(d, m) for d in ("exact", "max_log") for m in BITS_PER_SYMBOL])
def test_llrs_are_sums_over_all_symbols(demapper: str, modulation: str) -> None:
    n, snr_db = BITS_PER_SYMBOL[modulation], 8.0  # type: ignore[index]
    bits = random_bits(4, 6 * n)
    llr = Uplink(parameters(snr_db=snr_db, modulation=modulation, demapper=demapper), 6, "cpu").llr(bits, draw(4))
    noise = torch.view_as_complex(draw(4)((6, 2)) * 0.5**0.5).numpy() * 10 ** (-snr_db / 20)
    received = Mapper("qam", n)(bits).numpy().astype(complex) + noise
    amplitudes, labels = levels_of(n // 2)
    expected = np.empty((4, 6, n))
    for axis, part in enumerate((received.real, received.imag)):
        likelihood = -((part[..., None] - amplitudes) ** 2) * 10 ** (snr_db / 10)
        for k in range(n // 2):
            sums = [
                np.logaddexp.reduce(of, axis=-1) if demapper == "exact" else of.max(axis=-1)
                for of in (likelihood[..., labels[:, k] == bit] for bit in (1, 0))
            ]
            expected[..., 2 * k + axis] = sums[0] - sums[1]
    # Float32 of likelihoods up to some hundred.
    np.testing.assert_allclose(llr.numpy(), expected.reshape(4, -1), rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize(("method", "demapper"), [("app", "exact"), ("maxlog", "max_log")])
@pytest.mark.parametrize("modulation", BITS_PER_SYMBOL)
def test_symbols_and_llrs_are_sionnas(modulation: str, method: str, demapper: str) -> None:
    n = BITS_PER_SYMBOL[modulation]  # type: ignore[index]
    bits = random_bits(3, 10 * n)
    llr = Uplink(parameters(modulation=modulation, demapper=demapper), 10, "cpu").llr(bits, draw(3))
    noise = torch.view_as_complex(draw(3)((10, 2)) * 0.5**0.5) * 10**-0.5
    theirs = Demapper(method, "qam", n)(Mapper("qam", n)(bits) + noise, torch.tensor(0.1))
    # Float32 of squared distances over the noise power, up to some hundred.
    torch.testing.assert_close(llr, theirs, rtol=1e-5, atol=1e-4)


def test_llrs_are_finite_and_signed_at_any_snr() -> None:
    for modulation, n in BITS_PER_SYMBOL.items():
        bits = random_bits(3, 10 * n)
        llr = Uplink(parameters(modulation=modulation, snr_db=200.0), 10, "cpu").llr(bits, draw(3))
        assert llr.isfinite().all()
        assert torch.equal((llr > 0).float(), bits)
