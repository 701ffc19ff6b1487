"""Compiled list decoding of polar codes against the reference in PyTorch, and that against all codewords."""

import itertools
import math

import numpy as np
import pytest
import torch
from sionna.phy.fec.crc import CRCEncoder
from sionna.phy.fec.polar.utils import generate_5g_ranking
from torch import Tensor

from feedback.links.uci import list_decoder
from feedback.links.uci.crc import Crc, CrcName, crc_degree, crc_matrix, crc_words
from feedback.links.uci.list_decoder import ListDecoder
from feedback.links.uci.parity_check_polar import ParityCheckDecoder
from feedback.links.uci.polar_construction import PolarConstruction, polar_construction

RELIABILITIES = generate_5g_ranking(0, 1024, sort=False)[0]


def received(code: PolarConstruction, coded_bits: int, snr_db: float, n: int) -> Tensor:
    """LLRs of the mother code's outputs, positive for 0, when zeros were sent over BPSK in noise, Es/N0 in dB."""
    snr, repeated = 10 ** (snr_db / 10), np.bincount(code.order, minlength=code.mother_bits)
    counts = torch.from_numpy(repeated).float()
    assert int(counts.sum()) == coded_bits
    noise = torch.randn(n, code.mother_bits, generator=torch.Generator().manual_seed(coded_bits))
    llr = 4 * snr * counts + (8 * snr * counts).sqrt() * noise
    return torch.where(counts + code.shortened == 0, torch.zeros(()), torch.where(counts == 0, 30.0, llr)).clamp(
        -30, 30
    )


# Bits without CRC, coded bits, SNR at which some codewords fail: parity checks of both kinds, punctured, shortened,
# repeated, and the longest.
CODES = [
    (12, "CRC6", 54, -3.0), (19, "CRC6", 240, -10.5), (15, "CRC6", 28, 0.0), (12, "CRC6", 300, -12.5),
    (20, "CRC11", 62, -2.0), (30, "CRC11", 350, -9.5), (64, "CRC11", 200, -4.5),
    (120, "CRC11", 150, 2.0), (256, "CRC11", 534, -2.0), (506, "CRC11", 1034, -2.0), (1012, "CRC11", 1137, 6.5),
    (200, "CRC11", 1800, -9.0),
]  # fmt: skip


def assert_decisions_agree(payload: int, crc: CrcName, coded_bits: int, snr_db: float, n: int, list_size: int) -> None:
    """Against the reference in double precision."""
    code = polar_construction(payload + crc_degree(crc), coded_bits, RELIABILITIES)
    llr = received(code, coded_bits, snr_db, n)
    bits, passed = ListDecoder(code, crc, list_size).decode(llr)
    expected, expected_passed = ParityCheckDecoder(code, crc, list_size).decode(llr.double())
    differ = (bits != expected).any(dim=1) | (passed != expected_passed)
    assert 0 < int((expected != 0).any(dim=1).sum()) < n
    assert int(differ.sum()) == 0


@pytest.mark.parametrize("list_size", [1, 8])
@pytest.mark.parametrize(("payload", "crc", "coded_bits", "snr_db"), [code for code in CODES if code[2] < 400])
def test_decisions_are_those_of_the_reference(
    payload: int, crc: CrcName, coded_bits: int, snr_db: float, list_size: int
) -> None:
    assert_decisions_agree(payload, crc, coded_bits, snr_db, 40, list_size)


@pytest.mark.validate
@pytest.mark.parametrize("list_size", [1, 8])
@pytest.mark.parametrize(("payload", "crc", "coded_bits", "snr_db"), CODES)
def test_decisions_on_many_codewords_are_those_of_the_reference(
    payload: int, crc: CrcName, coded_bits: int, snr_db: float, list_size: int
) -> None:
    n = 500 if coded_bits < 1000 else 80
    assert_decisions_agree(payload, crc, coded_bits, snr_db, n, list_size)


@pytest.mark.parametrize("list_size", [3, 4, pytest.param(16, marks=pytest.mark.validate)])
def test_lists_have_any_size(list_size: int) -> None:
    assert_decisions_agree(20, "CRC11", 62, -3.0, 60, list_size)


def test_a_list_of_all_paths_finds_the_likeliest_codeword_that_passes() -> None:
    code = polar_construction(8, 24, RELIABILITIES)
    generator = np.ones((1, 1), dtype=int)
    while len(generator) < code.mother_bits:
        generator = np.kron(generator, np.array([[1, 0], [1, 1]]))
    payloads = np.array(list(itertools.product((0, 1), repeat=2)))
    words = np.hstack([payloads, payloads @ crc_matrix(2, "CRC6") % 2])
    llr = received(code, 24, -8.0, 60)
    likeliest = np.argmax(llr.numpy() @ (1 - 2 * (words @ generator[code.positions] % 2)).T, axis=1)
    bits, passed = ParityCheckDecoder(code, "CRC6", 2**8).decode(llr)
    assert passed.all()
    assert np.array_equal(bits.int().numpy(), words[likeliest])
    assert len(set(likeliest)) > 1


@pytest.mark.parametrize("list_size", [1, 2, 8])
def test_decoded_bits_depend_on_no_batch(list_size: int) -> None:
    code = polar_construction(30, 100, RELIABILITIES)
    decoder, llr = ListDecoder(code, "CRC11", list_size), received(code, 100, -5.0, 11)
    bits, passed = decoder.decode(llr)
    one_by_one = [decoder.decode(llr[n : n + 1]) for n in range(len(llr))]
    assert torch.equal(bits, torch.cat([row for row, _ in one_by_one]))
    assert torch.equal(passed, torch.cat([right for _, right in one_by_one]))
    assert 0 < int(passed.sum()) < len(llr)
    assert decoder.decode(llr[:0])[0].shape == (0, 30)


def test_without_a_compiler_pytorch_decodes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    code = polar_construction(30, 100, RELIABILITIES)
    decoder, llr = ListDecoder(code, "CRC11", 8), received(code, 100, -3.0, 50)
    expected = decoder.decode(llr)
    monkeypatch.setattr(list_decoder, "compiled", lambda *_: None)
    for found, known in zip(decoder.decode(llr), expected, strict=True):
        assert torch.equal(found, known)
        assert found.dtype == known.dtype


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0])
def test_of_noise_as_much_passes_the_crc_as_words_are_tried(scale: float) -> None:
    code = polar_construction(64 + 11, 200, RELIABILITIES)
    llr = scale * torch.randn(3000, code.mother_bits, generator=torch.Generator().manual_seed(1))
    _, passed = ListDecoder(code, "CRC11", 8).decode(llr)
    # 12 expected, with a standard deviation of 3.4. LLRs that are lost beside others would leave the word of zeros.
    assert 1 <= int(passed.sum()) <= 26


def test_what_is_no_number_is_decoded_to_bits() -> None:
    code = polar_construction(30, 100, RELIABILITIES)
    bits, _ = ListDecoder(code, "CRC11", 8).decode(torch.full((3, code.mother_bits), math.nan))
    assert set(bits.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("n_bits", "name"), [(12, "CRC6"), (20, "CRC11"), (1012, "CRC11"), (30, "CRC16"), (300, "CRC24A"), (40, "CRC24B")]
)
def test_checks_are_sionnas(n_bits: int, name: CrcName) -> None:
    bits = torch.randint(0, 2, (5, n_bits), generator=torch.Generator().manual_seed(0)).float()
    crc, protected = Crc(n_bits, name, "cpu"), CRCEncoder(name, device="cpu")(bits)
    assert torch.equal(crc.append(bits), protected)
    assert crc.passes(protected).all()
    words = crc_words(n_bits + crc_degree(name), name)
    assert not np.bitwise_xor.reduce(protected.int().numpy() * words, axis=1).any()
    protected[:, 3] = 1 - protected[:, 3]
    assert not crc.passes(protected).any()
