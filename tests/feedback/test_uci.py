"""The coded uplink: sizes of TS 38.212, nothing lost without noise, Sionna's own error rate with it."""

import math
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from sionna.phy import config
from torch import Tensor

from feedback.csi_report.codeword import Codeword
from feedback.csi_report.side_format import LevelFormat, SubsetFormat
from feedback.errors import FeedbackInputError
from feedback.link import NormalDraw
from feedback.links.uci.channel_code import ReportCode
from feedback.links.uci.code_plan import code_plan
from feedback.links.uci.layout import ReportLayout
from feedback.links.uci.link import Uci, UciParameters
from feedback.quantisers.entropy_coded import EntropyCoded, EntropyCodedParameters


def uci(**parameters: Any) -> Uci:
    return Uci(UciParameters(**({"snr_db": 200.0} | parameters)))


def draws(batch: int, seed: int = 0) -> NormalDraw:
    """One stream per sample, as the chain has it."""
    generators = [torch.Generator().manual_seed(1000 * seed + i) for i in range(batch)]
    return lambda shape: torch.stack([torch.randn(shape, generator=generator) for generator in generators])


def reports(batch: int, length: int, bits: int = 1, seed: int = 0) -> Codeword:
    """Random level numbers, without side information."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randint(0, 2**bits, (batch, length), generator=generator).float()
    return Codeword(values, value_bits=length * bits, level_bits=bits)


def with_side(sent: Codeword, seed: int = 1) -> Codeword:
    """The same with a scale of 8 bits and 5 out of 40 positions, which take 20 bits."""
    generator = torch.Generator().manual_seed(seed)
    n = len(sent.values)
    positions = torch.stack([torch.randperm(40, generator=generator)[:5].sort().values for _ in range(n)])
    side = {"scale": torch.randint(0, 256, (n,), generator=generator), "positions": positions}
    formats = {"scale": LevelFormat(8), "positions": SubsetFormat(40, 5)}
    return replace(sent, side=side, side_bits=28, side_formats=formats)


@pytest.mark.parametrize(
    ("payload", "code_rate", "bits_per_symbol", "n_blocks", "n_crc", "resource_elements"),
    [
        (12, 0.5, 2, 1, 6, 18),
        # Up to 11 bits without CRC; and no fewer bits than tell all payloads apart, here 17.
        (1, 0.5, 2, 1, 0, 1),
        (5, 0.5, 2, 1, 0, 5),
        (11, 0.5, 4, 1, 0, 6),
        (11, 0.9, 2, 1, 0, 9),
        # Nor fewer than 12 + 6 and three parity checks.
        (12, 0.9, 2, 1, 6, 11),
        (19, 0.5, 2, 1, 6, 25),
        (20, 0.5, 2, 1, 11, 31),
        (359, 0.25, 2, 1, 11, 740),
        # 371 / 0.5 = 742 coded bits are too few for two blocks, 371 / 0.25 = 1484 are not.
        (360, 0.5, 2, 1, 11, 371),
        (360, 0.25, 2, 2, 22, 742),
        (1013, 0.9, 2, 2, 22, 569),
        (1706, 0.8, 4, 2, 22, 537),
        # LDPC: (1707 + 16) / 0.5 / 2, and so on.
        (1707, 0.5, 2, 1, 16, 1723),
        (3824, 0.6, 2, 1, 16, 3200),
        (3825, 0.6, 2, 1, 24, 3208),
        # Base graph 1 takes 8448 bits a block, so (8425 + 24) / 2 = 4225 (filled up) + 24 in each of two.
        (8425, 0.5, 2, 2, 24 + 2 * 24, 2 * 4249),
        # Base graph 2 at low rate: 3840 bits a block.
        (4000, 0.25, 2, 2, 24 + 2 * 24, 2 * 2 * 2036),
    ],
)
def test_sizes_are_those_of_the_standard(
    payload: int, code_rate: float, bits_per_symbol: int, n_blocks: int, n_crc: int, resource_elements: int
) -> None:
    plan = code_plan(payload, code_rate, bits_per_symbol)
    assert (plan.n_blocks, plan.resource_elements) == (n_blocks, resource_elements)
    assert plan.report_crc + plan.n_blocks * plan.block_crc == n_crc
    assert plan.n_blocks * plan.coded_bits == plan.resource_elements * bits_per_symbol
    assert plan.n_blocks * plan.block_size >= payload + plan.report_crc


@pytest.mark.parametrize(
    ("payload", "code_rate", "modulation"),
    [
        (1, 0.5, "qpsk"),
        (12, 0.08, "qpsk"),
        (19, 0.9, "64qam"),
        (20, 0.5, "qpsk"),
        (64, 0.08, "64qam"),
        (361, 0.3, "16qam"),
        (520, 0.15, "qpsk"),
        (1013, 0.9, "16qam"),
        (1706, 0.35, "qpsk"),
        (1707, 0.8, "64qam"),
        (1900, 0.17, "qpsk"),
        (3900, 0.25, "qpsk"),
    ],
)
@pytest.mark.parametrize("fading", ["none", "rayleigh"])
def test_without_noise_every_report_arrives(payload: int, code_rate: float, modulation: str, fading: str) -> None:
    if fading == "rayleigh" and payload > 1013:
        pytest.skip("the code is the same")
    sent = reports(3, payload)
    link = uci(code_rate=code_rate, modulation=modulation, fading=fading)
    received = link.transmit(sent, draws(3))
    assert received.erased is not None
    assert not received.erased.any()
    assert torch.equal(received.values, sent.values)


def test_side_information_travels_in_the_code() -> None:
    sent = with_side(reports(6, 10, 3))
    received = uci().transmit(sent, draws(6))
    assert torch.equal(received.values, sent.values)
    for name, side in sent.side.items():
        assert torch.equal(received.side[name], side)
    assert received.bits == sent.bits == 58
    assert uci().resource_elements(sent) == math.ceil((58 + 11) / 0.5 / 2)
    # What follows in a larger payload is filled up.
    padded = uci(payload_bits=100)
    assert torch.equal(padded.transmit(sent, draws(6)).values, sent.values)
    assert padded.resource_elements(sent) == math.ceil((100 + 11) / 0.5 / 2)


def test_control_information_takes_nothing_of_sionnas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import takes seconds, which LDPC codes alone need."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "sionna"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "feedback.links.uci.ldpc_block", None)
    for payload in (5, 203):
        sent = reports(2, payload)
        assert torch.equal(uci(modulation="16qam").transmit(sent, draws(2)).values, sent.values)
    with pytest.raises(ImportError):
        uci(carried_by="data").transmit(reports(2, 203), draws(2))


def test_an_erased_report_says_nothing() -> None:
    link = uci(snr_db=-30.0)
    first, second = (link.transmit(with_side(reports(40, 10, 3, seed), seed), draws(40)) for seed in (1, 2))
    for received in (first, second):
        assert received.erased is not None
        # A wrong report passes the CRC of 11 bits for each of the 8 paths in the list: at most 9 / 2048.
        assert received.erased.sum() >= 37
        assert not received.values[received.erased].any()
        assert not received.side["scale"][received.erased].any()
        assert torch.equal(received.side["positions"][received.erased][0], torch.arange(5))


def test_what_is_no_report_is_erased_though_its_check_passed() -> None:
    layout = ReportLayout.of(with_side(reports(2, 10, 3)), None)
    bits = torch.zeros(2, layout.n_bits, dtype=torch.int64)
    # Number 2^20 - 1 of the sets, of which there are 658008.
    bits[1, 8:28] = 1
    bits[:, -1] = 1
    received = layout.unpack(bits, torch.tensor([True, True]))
    assert received.erased is not None
    assert received.erased.tolist() == [False, True]
    assert received.values[0].sum() == 1
    assert received.values[1].sum() == 0


def test_bitstreams_cross_in_a_payload_that_is_reserved() -> None:
    training = torch.randn(500, 30, generator=torch.Generator().manual_seed(0))
    quantiser = EntropyCoded(EntropyCodedParameters(cells=32))
    quantiser.fit(training)
    sent = quantiser.quantise(Codeword(training[:20]))
    assert isinstance(sent.value_bits, Tensor)
    room = int(sent.value_bits.sort().values[-4])
    received = uci(payload_bits=room).transmit(sent, draws(20))
    # Those that do not fit are lost, and the BS finds the ends of the others by itself.
    fits = sent.value_bits <= room
    assert 0 < (~fits).sum() < 4
    assert received.erased is not None
    assert torch.equal(received.erased, ~fits)
    rebuilt = quantiser.dequantise(received)
    assert torch.equal(rebuilt.values[fits], quantiser.dequantise(sent).values[fits])
    # An erased one holds the mean of every element.
    torch.testing.assert_close(rebuilt.values[~fits][0], training.mean(0), rtol=0, atol=1e-5)


def test_a_bitstream_that_no_report_has_is_taken_for_lost() -> None:
    quantiser = EntropyCoded(EntropyCodedParameters(cells=16))
    quantiser.fit(torch.randn(500, 30, generator=torch.Generator().manual_seed(0)))
    garbled = Codeword(torch.ones(2, 200), value_bits=torch.full((2,), 200))
    with pytest.raises(FeedbackInputError, match="got one that no report has"):
        quantiser.dequantise(garbled)
    rebuilt = quantiser.dequantise(replace(garbled, erased=torch.tensor([False, True])))
    assert rebuilt.erased is not None
    assert rebuilt.erased.all()
    assert rebuilt.values.isfinite().all()


def test_data_carry_what_control_information_cannot() -> None:
    carried = [uci().carried_as_data(reports(1, payload)) for payload in (11, 1706, 1707)]
    assert carried == [False, False, True]
    assert uci(carried_by="data").carried_as_data(reports(1, 11))


def test_refuses_what_it_cannot_carry() -> None:
    sent = with_side(reports(2, 10, 3))
    for link, codeword, expected in (
        (uci(payload_bits=57), sent, "expected 58 or more"),
        (uci(), replace(sent, value_bits=None, level_bits=None), "expected those of a quantiser"),
        (uci(), replace(sent, side_formats={}), "without a format"),
        (uci(), replace(sent, side_bits=27), "expected the 28 of its formats"),
        (uci(), replace(sent, value_bits=torch.tensor([10, 10]), level_bits=None), "expected more than 28"),
    ):
        with pytest.raises(FeedbackInputError, match=f"link uci: got .*{expected}"):
            link.transmit(codeword, draws(2))
    for wrong in ({"snr_db": math.nan}, {"code_rate": 0.95}, {"code_rate": 0.0}, {"modulation": "bpsk"}):
        with pytest.raises(ValidationError):
            uci(**wrong)


def test_results_depend_on_no_batch_and_no_global_state() -> None:
    sent = with_side(reports(60, 10, 3))
    link = uci(snr_db=1.0, fading="rayleigh")
    config.seed = 1
    together = link.transmit(sent, draws(60))
    config.seed = 2
    torch.manual_seed(5)
    again = link.transmit(sent, draws(60))
    assert together.erased is not None
    assert again.erased is not None
    assert 5 < together.erased.sum() < 55
    assert torch.equal(together.values, again.values)
    assert torch.equal(together.erased, again.erased)
    for row in range(0, 60, 6):
        one = Codeword(
            sent.values[row : row + 1],
            {name: side[row : row + 1] for name, side in sent.side.items()},
            sent.side_bits,
            sent.value_bits,
            sent.level_bits,
            side_formats=sent.side_formats,
        )
        generator = torch.Generator().manual_seed(row)
        alone = link.transmit(one, lambda shape, g=generator: torch.randn(1, *shape, generator=g))
        assert torch.equal(alone.values[0], together.values[row])
        assert alone.erased is not None
        assert alone.erased[0] == together.erased[row]


def test_two_blocks_fail_as_two_single_ones() -> None:
    plan = code_plan(1013, 0.9, 2)
    assert (plan.n_blocks, plan.block_size) == (2, 507)
    # Every LLR right but those of the second block, which carry nothing: the report is lost.
    code = ReportCode(plan, 2, "cpu")
    bits = reports(2, 1013).values
    llr = 20 * (2 * code.encode(bits) - 1)
    llr[1, plan.coded_bits :] = 0.1 * torch.randn(plan.coded_bits, generator=torch.Generator().manual_seed(0))
    decoded, passed = code.decode(llr)
    assert passed.tolist() == [True, False]
    assert torch.equal(decoded[0], bits[0])
