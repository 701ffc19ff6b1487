"""Codes of uplink control information against their clauses, closed forms and others' implementations."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from sionna.phy.fec.crc import CRCEncoder
from sionna.phy.fec.polar import Polar5GEncoder
from sionna.phy.fec.polar.utils import generate_5g_ranking
from torch import Tensor

from feedback.errors import FeedbackInputError
from feedback.links.parameters.uci import UciParameters
from feedback.links.uci.channel_code import ReportCode
from feedback.links.uci.code_plan import MIN_SMALL_BLOCK_CODED_BITS, code_plan
from feedback.links.uci.polar_block import PolarBlock
from feedback.links.uci.polar_construction import polar_construction, reliabilities
from feedback.links.uci.small_block import SmallBlock

RELIABILITIES = generate_5g_ranking(0, 1024, sort=False)[0]

# Table 5.2.2.6.4-1 of TS 36.212, whose code TS 38.212 took over, as srsRAN has it: a row in a word, the first basis
# sequence in the lowest bit.
SRSRAN_WORDS = """
10000000011 11000000111 11101001001 10100001101 10010001111 10111010011 11101010101 10110011001
11010011011 11001011101 11011100101 10101100111 11110101001 11010101011 10010110001 11011110011
01001110111 00100111001 00011111011 00001100001 10001000101 11000001011 10110010001 11100010111
01111011111 10011100011 01100101101 01110101111 00101110101 00111111101 11111111111 00000000001
"""
SRSRAN_ROWS = [int(word, 2) for word in SRSRAN_WORDS.split()]


def random_bits(n: int, length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 2, (n, length), generator=torch.Generator().manual_seed(seed)).float()


def all_payloads(n_bits: int) -> Tensor:
    return (torch.arange(2**n_bits)[:, None] >> torch.arange(n_bits) & 1).float()


@pytest.mark.parametrize("n_bits", range(3, 12))
def test_small_block_codes_are_those_of_another_implementation(n_bits: int) -> None:
    payloads = random_bits(30, n_bits, n_bits)
    coded = SmallBlock(n_bits, 80, 2, "cpu").encode(payloads)
    for payload, word in zip(payloads.int().tolist(), coded.int().tolist(), strict=True):
        number = sum(bit << n for n, bit in enumerate(payload))
        assert word == [(SRSRAN_ROWS[i % 32] & number).bit_count() % 2 for i in range(80)]


# Of the simplex code 4 out of 6, of Reed-Muller codes 16, 12 and 10 out of 32.
@pytest.mark.parametrize(
    ("n_bits", "length", "distance"), [(1, 2, 2), (2, 6, 4), (3, 32, 16), (6, 32, 16), (7, 32, 12), (11, 32, 10)]
)
def test_smallest_distances_are_the_known_ones(n_bits: int, length: int, distance: int) -> None:
    words = SmallBlock(n_bits, length, 2, "cpu").encode(all_payloads(n_bits))
    assert int(words[1:].sum(dim=1).min()) == distance


@pytest.mark.parametrize("n_bits", range(1, 12))
def test_payloads_share_a_codeword_below_the_fewest_coded_bits(n_bits: int) -> None:
    words = SmallBlock(n_bits, 32, 2, "cpu").encode(all_payloads(n_bits))
    fewest = MIN_SMALL_BLOCK_CODED_BITS[n_bits - 1]
    assert len(torch.unique(words[:, :fewest], dim=0)) == 2**n_bits
    assert fewest == 1 or len(torch.unique(words[:, : fewest - 1], dim=0)) < 2**n_bits


def test_one_and_two_bits_are_sent_at_the_corners_of_the_constellation() -> None:
    # Tables 5.3.3.1-1 and 5.3.3.2-1, with x as 1 and y as the bit before (TS 38.211, clause 6.3.1.1).
    one = SmallBlock(1, 12, 6, "cpu").encode(torch.tensor([[0.0], [1.0]]))
    assert one.int().tolist() == [[0, 0, 1, 1, 1, 1] * 2, [1] * 12]
    two = SmallBlock(2, 12, 4, "cpu").encode(torch.tensor([[1.0, 0.0]]))
    assert two.int().tolist() == [[1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1]]


def test_errors_of_a_biorthogonal_code_are_those_of_its_formula() -> None:
    # Six bits make a first-order Reed-Muller code, whose 64 words are 32 orthogonal ones and their complements; they
    # are confused with the probability of Proakis, "Digital Communications", on biorthogonal signals.
    n, mean = 6000, math.sqrt(32 * 10**-0.75)
    right = quad(lambda v: norm.pdf(v - mean) * (1 - 2 * norm.sf(v)) ** 31, 0, 20)[0]
    bits = random_bits(n, 6)
    code = SmallBlock(6, 32, 2, "cpu")
    noise = torch.randn(n, 32, generator=torch.Generator().manual_seed(1))
    decoded, passed = code.decode((2 * code.encode(bits) - 1) * mean / math.sqrt(32) + noise)
    assert passed.all()
    wrong = float((decoded != bits).any(dim=1).double().mean())
    # Binomial, 4 standard deviations.
    assert wrong == pytest.approx(1 - right, abs=4 * math.sqrt(right * (1 - right) / n))


def test_reliabilities_are_those_that_sionna_ships() -> None:
    assert reliabilities().tolist() == RELIABILITIES.tolist()


def by_the_clause(bits: list[int], coded_bits: int) -> list[int]:
    """Polar code of 18 to 25 bits, CRC included, line by line as clauses 5.3.1.2 and 5.4.1 have it."""
    n_bits = len(bits)
    code = polar_construction(n_bits, coded_bits, RELIABILITIES)
    size = code.mother_bits
    inputs, register, k = [0] * size, [0] * 5, 0
    for n in range(size):
        register = [*register[1:], register[0]]
        if n in code.positions:
            if n in code.positions[code.is_check]:
                inputs[n] = register[0]
            else:
                inputs[n] = bits[k]
                k += 1
                register[0] ^= inputs[n]
    generator = np.ones((1, 1), dtype=int)
    while len(generator) < size:
        generator = np.kron(generator, np.array([[1, 0], [1, 1]]))
    outputs = np.array(inputs) @ generator % 2
    blocks = [0, 1, 2, 4, 3, 5, 6, 7, 8, 16, 9, 17, 10, 18, 11, 19, 12, 20, 13, 21, 14, 22, 15, 23]
    blocks += [24, 25, 26, 28, 27, 29, 30, 31]
    buffer = [outputs[blocks[32 * n // size] * (size // 32) + n % (size // 32)] for n in range(size)]
    if coded_bits >= size:
        sent = [buffer[k % size] for k in range(coded_bits)]
    elif n_bits / coded_bits <= 7 / 16:
        sent = buffer[size - coded_bits :]
    else:
        sent = buffer[:coded_bits]
    side = next(t for t in range(coded_bits + 1) if t * (t + 1) / 2 >= coded_bits)
    triangle: dict[tuple[int, int], int] = {}
    for i in range(side):
        for j in range(side - i):
            if len(triangle) < coded_bits:
                triangle[i, j] = int(sent[len(triangle)])
    return [triangle[i, j] for j in range(side) for i in range(side - j) if (i, j) in triangle]


@pytest.mark.parametrize(("payload", "coded_bits"), [(12, 54), (15, 28), (16, 200), (19, 240), (12, 300)])
def test_parity_check_code_is_that_of_the_clause(payload: int, coded_bits: int) -> None:
    bits = random_bits(4, payload, payload)
    with_crc = CRCEncoder("CRC6", device="cpu")(bits)
    coded = PolarBlock(payload, "CRC6", coded_bits, "cpu").encode(bits)
    for row, sent in zip(with_crc.int().tolist(), coded.int().tolist(), strict=True):
        assert sent == by_the_clause(row, coded_bits)


def test_parity_checks_are_where_the_clause_puts_them() -> None:
    # N = 64, E = 54: the 21 most reliable inputs that shortening leaves, of which the three least reliable are checks.
    code = polar_construction(18, 54, RELIABILITIES)
    assert code.mother_bits == 64
    assert not code.shortened
    ranking = [int(n) for n in RELIABILITIES if n in code.positions]
    assert sorted(ranking[:3]) == code.positions[code.is_check].tolist()
    # E - K + 3 > 192: one of them is the most reliable of the inputs of least row weight.
    code = polar_construction(18, 300, RELIABILITIES)
    ranking = [int(n) for n in RELIABILITIES if n in code.positions]
    weights = [n.bit_count() for n in ranking]
    fewest = min(weights[3:])
    expected = [*ranking[:2], max(n for n in range(3, 21) if weights[n] == fewest)]
    assert sorted([*expected[:2], ranking[expected[2]]]) == code.positions[code.is_check].tolist()


@pytest.mark.parametrize(
    ("payload", "coded_bits"), [(20, 62), (30, 350), (64, 200), (64, 1000), (282, 586), (400, 800), (400, 1088)]
)
def test_polar_code_without_parity_checks_is_sionnas(payload: int, coded_bits: int) -> None:
    bits = random_bits(4, payload)
    theirs = Polar5GEncoder(payload, coded_bits)(bits)
    assert torch.equal(PolarBlock(payload, "CRC11", coded_bits, "cpu").encode(bits), theirs)


def test_as_many_inputs_stay_frozen_by_puncturing_as_the_clause_has_it() -> None:
    # Clause 5.4.1.1 freezes inputs 0 to ceil(3 N / 4 - E / 2) - 1 = 382, of which Sionna's encoder uses the last.
    code = polar_construction(293, 770, RELIABILITIES)
    assert code.mother_bits == 1024
    assert code.positions.min() > 382
    assert 382 in Polar5GEncoder(282, 770).info_pos


def error_rate(payload: int, coded_bits: int, snr_db: float, n: int) -> float:
    """Block error rate over QPSK in white noise."""
    plan = code_plan(payload, (payload + 6 + 5 * (payload > 19)) / coded_bits, 2)
    assert plan.coded_bits * plan.n_blocks == coded_bits
    code = ReportCode(plan, 2, "cpu")
    bits = random_bits(n, payload)
    snr = 10 ** (snr_db / 10)
    noise = torch.randn(n, coded_bits, generator=torch.Generator().manual_seed(1))
    observed = (2 * code.encode(bits) - 1) * math.sqrt(snr) + noise
    return float((code.decode(2 * math.sqrt(snr) * observed)[0] != bits).any(dim=1).double().mean())


def test_parity_checks_and_list_decoding_lose_no_report_without_noise() -> None:
    for payload, coded_bits in ((12, 36), (17, 60), (19, 312)):
        assert error_rate(payload, coded_bits, 25.0, 40) == 0


def assert_one_in_a_thousand(payload: int, coded_bits: int, snr_db: float, n: int) -> None:
    """The error rate is above and below 0.001 at 0.3 dB less and more; 3 standard deviations of a binomial share."""
    spread = 3 * math.sqrt(0.001 * 0.999 / n)
    assert error_rate(payload, coded_bits, snr_db - 0.3, n) > 0.001 - spread
    assert error_rate(payload, coded_bits, snr_db + 0.3, n) < 0.001 + spread


# SNR of one error in a thousand, QPSK, list of 8, of R. G. Maunder's implementation, github.com/robmaunder/
# polar-3gpp-matlab, results/SNR_vs_A_PUCCH_0.001_*_8_1_100_0.txt.
def test_parity_check_code_takes_the_snr_of_another_implementation() -> None:
    assert_one_in_a_thousand(12, 54, 0.918, 4000)


@pytest.mark.validate
@pytest.mark.parametrize(
    ("payload", "coded_bits", "snr_db"),
    [
        *((16, 54, 1.955), (12, 108, -2.345), (18, 108, -1.173), (20, 108, -0.108), (40, 108, 2.520)),
        *((12, 432, -8.516), (16, 432, -7.750), (20, 432, -6.427)),
    ],
)
def test_polar_codes_take_the_snr_of_another_implementation(payload: int, coded_bits: int, snr_db: float) -> None:
    assert_one_in_a_thousand(payload, coded_bits, snr_db, 10_000)


def test_a_control_block_of_too_many_coded_bits_is_one_line() -> None:
    with pytest.raises(FeedbackInputError, match=r"link uci: got reports of 1706 bits at code_rate 0.1, 8585 coded"):
        code_plan(1706, 0.1, 2)
    assert code_plan(1706, 0.1, 2, "data").code == "ldpc"


def test_the_code_follows_from_what_carries_the_report() -> None:
    codes: dict[int, Any] = {n: code_plan(n, 0.5, 2).code for n in (1, 11, 12, 1706, 1707)}
    assert codes == {1: "small_block", 11: "small_block", 12: "polar", 1706: "polar", 1707: "ldpc"}
    for payload, rate, graph in ((20, 0.9, "bg2"), (292, 0.9, "bg2"), (293, 0.9, "bg1"), (300, 0.6, "bg2")):
        plan = code_plan(payload, rate, 2, "data")
        assert (plan.code, plan.graph, plan.report_crc) == ("ldpc", graph, 16)
        code = ReportCode(plan, 2, "cpu")
        bits = random_bits(3, payload)
        decoded, passed = code.decode(20 * (2 * code.encode(bits) - 1))
        assert passed.all()
        assert torch.equal(decoded, bits)
    assert UciParameters(snr_db=0).carried_by == "control"
