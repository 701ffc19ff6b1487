"""Coding schemes against the standard and Sionna: tables, sizes of transport blocks, block error rates, betas."""

import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from linksim.link_adaptation.block_errors import waterfall
from linksim.link_adaptation.coding_schemes import TABLES, Scheme
from linksim.link_adaptation.effective_sinr import beta
from linksim.link_adaptation.transport_block import transport_block


def sionna_file(name: str) -> Path:
    """A file of Sionna's, without the time that its import takes."""
    found = importlib.util.find_spec("sionna")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "sys" / name


@pytest.mark.parametrize(
    ("table", "index", "order", "rate", "efficiency"),
    [
        ("qam64", 0, 2, 120, 0.2344),
        ("qam64", 9, 2, 679, 1.3262),
        ("qam64", 10, 4, 340, 1.3281),
        ("qam64", 16, 4, 658, 2.5703),
        ("qam64", 17, 6, 438, 2.5664),
        ("qam64", 28, 6, 948, 5.5547),
        ("qam256", 0, 2, 120, 0.2344),
        ("qam256", 5, 4, 378, 1.4766),
        ("qam256", 11, 6, 466, 2.7305),
        ("qam256", 20, 8, 682.5, 5.3320),
        ("qam256", 27, 8, 948, 7.4063),
    ],
)
def test_mcs_have_the_order_rate_and_efficiency_of_the_standard(
    table: str, index: int, order: int, rate: float, efficiency: float
) -> None:
    scheme = TABLES[table].mcs[index]
    assert (scheme.order, scheme.rate_1024) == (order, rate)
    # The standard prints four decimals.
    assert scheme.efficiency == pytest.approx(efficiency, abs=5e-5)


@pytest.mark.parametrize(
    ("table", "efficiencies"),
    [
        (
            "qam64",
            "0.1523 0.2344 0.3770 0.6016 0.8770 1.1758 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234 5.1152 5.5547",
        ),
        (
            "qam256",
            "0.1523 0.3770 0.8770 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234 5.1152 5.5547 6.2266 6.9141 7.4063",
        ),
    ],
)
def test_cqi_have_the_efficiencies_of_the_standard_and_the_mcs_of_the_same_scheme(
    table: str, efficiencies: str
) -> None:
    tables = TABLES[table]
    printed = [float(text) for text in efficiencies.split()]
    assert [scheme.efficiency for scheme in tables.cqi] == pytest.approx(printed, abs=5.1e-5)
    assert tables.mcs_of_cqi[:2] == (0, 0)
    assert all(tables.mcs[tables.mcs_of_cqi[index]] == tables.cqi[index - 1] for index in range(2, 16))


@pytest.mark.parametrize(
    ("scheme", "layers", "elements", "size", "blocks"),
    [
        # N_info = 24 * 0.1171875 * 2 = 5.6: the smallest size.
        (Scheme(2, 120), 1, 24, 24, 1),
        # N_info = 1560 * 0.587890625 * 2 = 1834.2; steps of 16 give 1824, the next size is 1864.
        (Scheme(2, 602), 1, 1560, 1864, 1),
        # N_info = 7800 * 0.92578125 * 6 = 43326.6; steps of 1024 give 43008, six blocks: 48 * ceil(43032 / 48) - 24.
        (Scheme(6, 948), 1, 7800, 43032, 6),
        # N_info = 7800 * 0.1171875 * 2 * 4 = 7312.5; steps of 128 give 7296; R <= 1/4: two blocks of 3816 at most.
        (Scheme(2, 120), 4, 7800, 7304, 2),
        (Scheme(2, 120), 1, 0, 0, 1),
    ],
)
def test_transport_blocks_by_hand(scheme: Scheme, layers: int, elements: int, size: int, blocks: int) -> None:
    block = transport_block(scheme, layers, elements)
    assert (block.size, block.n_code_blocks) == (size, blocks)
    if blocks > 1:
        # TS 38.212, 5.2.2: a checksum of 24 bits for the whole and for each code block.
        assert block.code_block_size == math.ceil((size + 24) / blocks) + 24


def test_error_rates_are_within_a_third_of_a_decibel_of_those_that_sionna_measured() -> None:
    """At all points between 1 and 99 % and with blocks of 500 bits or more; each is of 600 blocks or more."""
    off, indices = [], {"qam64": 1, "qam256": 2}
    for table, number in indices.items():
        text = json.loads(sionna_file(f"bler_tables/PDSCH_table{number}.json").read_text())
        for index, curves in text["category"]["1"]["index"][str(number)]["MCS"].items():
            for size, curve in curves["CBS"].items():
                scheme = TABLES[table].mcs[int(index)]
                if int(size) < 500:
                    continue
                middle, width = waterfall(scheme.order, scheme.rate, int(size))
                for snr_db, rate in zip(curves["SNR_db"], curve["BLER"], strict=True):
                    if 0.01 < rate < 0.99:
                        off.append(snr_db - middle - width * norm.isf(rate))
    assert len(off) > 100
    # The 0.3 dB that systems are compared within, of curves that are less than 1 dB wide.
    assert max(map(abs, off)) < 0.32
    assert math.sqrt(np.square(off).mean()) < 0.1


def test_half_the_code_rate_below_a_fifth_is_a_repetition_and_a_rate_of_one_no_code() -> None:
    """Twice the resource elements are twice the SNR: 3.01 dB."""
    fifth, tenth = waterfall(2, 0.2, 500), waterfall(2, 0.1, 500)
    assert fifth.middle_db - tenth.middle_db == pytest.approx(10 * math.log10(2))
    assert waterfall(2, 1.0, 500).middle_db == math.inf


@pytest.mark.parametrize(("name", "number"), [("qam64", "1"), ("qam256", "2")])
def test_betas_are_sionnas(name: str, number: str) -> None:
    kept = json.loads(sionna_file("esm_params/eesm_beta_table.json").read_text())["index"][number]
    assert [beta(scheme) for scheme in TABLES[name].mcs] == kept


@pytest.mark.parametrize("name", TABLES)
def test_thresholds_rise_with_the_efficiency_and_keep_their_distance_from_capacity(name: str) -> None:
    """No code beats the capacity of the Gaussian channel; long LDPC codes come within 3 dB of it."""
    schemes = sorted({*TABLES[name].mcs, *TABLES[name].cqi}, key=lambda scheme: (scheme.order, scheme.rate_1024))
    for scheme in schemes:
        gap = waterfall(scheme.order, scheme.rate, 8448).middle_db - 10 * math.log10(2**scheme.efficiency - 1)
        assert 0.8 < gap < 3
    for order in {scheme.order for scheme in schemes}:
        middles = [waterfall(scheme.order, scheme.rate, 8448).middle_db for scheme in schemes if scheme.order == order]
        assert middles == sorted(middles)
