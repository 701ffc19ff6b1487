"""Link adaptation against coded transmission by Sionna's own blocks, and the fit of its error rates made anew."""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_ndtr
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from linksim.chain.chain import Chain
from linksim.link_adaptation.block_errors import waterfall
from linksim.link_adaptation.coding_schemes import TABLES, Scheme
from linksim.link_adaptation.transport_block import transport_block
from linksim.metrics.outcome import LinkOutcome
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.model import Scenario
from linksim.scenario.sources import source_of
from linksim.statistics.measurements import Measurements
from tests.linksim.test_coding_schemes import sionna_file

pytestmark = pytest.mark.validate

# What curves of block error rates are compared within, of coded transmission, and of the exponential mapping.
WITHIN_DB = 0.3


def interval(errors: int, blocks: int) -> tuple[float, float]:
    """Clopper-Pearson's of 99.9 %."""
    low = beta_distribution.ppf(5e-4, errors, blocks - errors + 1) if errors else 0.0
    high = beta_distribution.ppf(1 - 5e-4, errors + 1, blocks - errors) if errors < blocks else 1.0
    return float(low), float(high)


class Coded:
    """Transport blocks of one scheme through Sionna's encoder, mapper, demapper and decoder."""

    def __init__(self, scheme: Scheme, n_resource_elements: int) -> None:
        from sionna.phy.mapping import Constellation, Demapper, Mapper
        from sionna.phy.nr import TBDecoder, TBEncoder

        size = transport_block(scheme, 1, n_resource_elements).size
        coded = scheme.order * n_resource_elements
        self.size = size
        self.encoder = TBEncoder(size, coded, scheme.rate, scheme.order, channel_type="PDSCH", device="cpu")
        self.decoder = TBDecoder(self.encoder, num_bp_iter=20, device="cpu")
        constellation = Constellation("qam", scheme.order, device="cpu")
        self.mapper = Mapper(constellation=constellation, device="cpu")
        self.demapper = Demapper("app", constellation=constellation, device="cpu")

    def errors(self, channel: torch.Tensor, snr: float, blocks: int, generator: torch.Generator) -> int:
        """Blocks that are lost over ``y = h x + n`` behind Sionna's LMMSE equaliser.

        Args:
            channel: channel with precoder, ``[n_resource_elements, n_rx]``, complex.
            snr: linear.
            blocks: how many are sent.
            generator: of bits and noise.
        """
        from sionna.phy.mimo import lmmse_equalizer

        bits = torch.randint(0, 2, (blocks, self.size), generator=generator).float()
        sent = self.mapper(self.encoder(bits))
        noise = torch.randn(blocks, *channel.shape, dtype=torch.complex64, generator=generator) / math.sqrt(snr)
        received = channel * sent[..., None] + noise
        covariance = torch.eye(channel.shape[-1], dtype=torch.complex64) / snr
        whole = channel[..., None].expand(blocks, -1, -1, 1)
        equalised, variance = lmmse_equalizer(received, whole, covariance.expand(*received.shape, -1))
        found, _ = self.decoder(self.demapper(equalised[..., 0], variance[..., 0]))
        return int((found != bits).any(-1).sum())


def test_transport_blocks_are_those_of_sionna() -> None:
    from sionna.phy.nr.utils import calculate_tb_size

    for tables in TABLES.values():
        for scheme in tables.mcs:
            for layers in (1, 2, 4):
                for elements in (24, 216, 936, 8112):
                    ours = transport_block(scheme, layers, elements)
                    coded = elements * scheme.order * layers
                    theirs = calculate_tb_size(scheme.order, scheme.rate, num_coded_bits=coded, num_layers=layers)
                    assert ours.size == int(theirs[0]), (scheme, layers, elements)
                    assert ours.n_code_blocks == int(theirs[2]), (scheme, layers, elements)


@pytest.mark.parametrize(
    ("order", "rate_1024", "elements"), [(2, 602, 936), (4, 490, 624), (6, 772, 480), (8, 797, 312)]
)
def test_error_rates_over_awgn_are_those_of_coded_transmission(order: int, rate_1024: float, elements: int) -> None:
    """At the threshold of every other block, and where one in ten is lost."""
    scheme, generator = Scheme(order, rate_1024), torch.Generator().manual_seed(1)
    block = transport_block(scheme, 1, elements)
    middle, width = waterfall(order, block.code_rate, block.code_block_size)
    coded = Coded(scheme, elements)
    for expected in (0.5, 0.1):
        snr_db = middle + width * norm.isf(expected)
        errors = coded.errors(torch.ones(elements, 1, dtype=torch.complex64), 10 ** (snr_db / 10), 200, generator)
        low, high = interval(errors, 200)
        assert norm.sf((snr_db + WITHIN_DB - middle) / width) < high
        assert norm.sf((snr_db - WITHIN_DB - middle) / width) > low


class Watched(Chain):
    """Keeps what the metrics see of each compressor."""

    seen: dict[str, LinkOutcome]

    def _evaluate(self, outcome: LinkOutcome, label: str) -> Measurements:
        self.seen[label] = outcome
        return {}


def reported(snr_db: float) -> LinkOutcome:
    """Enhanced Type II reports of urban channels of 72 subcarriers, 16 ports and two UE antennas."""
    scenario = Scenario.model_validate(
        {
            "name": "coded",
            "channel": {
                "source": "sionna",
                "model": "UMa",
                "n_subcarriers": 72,
                "bandwidth_hz": 1.08e6,
                "carrier_hz": 2e9,
                "n_columns": 4,
                "n_rows": 2,
                "polarization": "dual",
                "n_rx": 2,
                "rx_polarization": "dual",
            },
            "snr_db": snr_db,
            "transform": {"n_delay": 16},
            "sgcs": {"n_subbands": 6},
            "compressors": [{"name": "etype2", "param_combination": 4}],
            "metrics": ["throughput_bps_hz"],
            "overhead": {"csi_rs": 0},
            "device": "cpu",
        }
    )
    source = source_of(scenario)
    chain = Watched(
        scenario, source, {each.label: each.build() for each in scheme_specs(scenario)}, torch.device("cpu")
    )
    chain.seen = {}
    chain.measure(source.read("test", 0, 6, chain.report_times.snapshots), 0)
    return chain.seen["etype2"]


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 5.0])
def test_coded_slots_with_reported_precoders_are_lost_as_the_abstraction_says(snr_db: float) -> None:
    """Slots of 14 symbols, one of them for DM-RS; each UE with the lowest MCS that loses more than one block in ten.

    The exponential mapping and the curves may be off by the decibels that such curves are compared within; the errors
    of coded transmission have an interval of 99.9 %.
    """
    outcome, blocks = reported(snr_db), 30
    generator = torch.Generator().manual_seed(2)
    link, mcs_table = outcome.adaptation, TABLES["qam256"].mcs
    sinr, sent = outcome.sinr
    channel = torch.einsum("bnrt,bnt->bnr", outcome.true_use.matrices, outcome.weights)
    torch.testing.assert_close(sinr[..., 0], (outcome.snr * channel.abs().square().sum(-1)).double(), rtol=1e-4, atol=0)
    errors, expected = 0, np.zeros(2)
    for sample in range(len(sinr)):
        row, active = sinr[sample : sample + 1], sent[sample : sample + 1]

        def bler(index: int, decibels: float = 0.0, row: Any = row, active: Any = active) -> float:
            return float(link.transmission(row * 10 ** (decibels / 10), active, torch.tensor([index])).bler)

        index = next((index for index in range(2, len(mcs_table)) if bler(index) > 0.1), len(mcs_table) - 1)
        coded = Coded(mcs_table[index], 13 * 72)
        # Frequency first, then time, as TS 38.211, 7.3.1.6 maps virtual resource blocks.
        errors += coded.errors(channel[sample].repeat(13, 1).to(torch.complex64), outcome.snr, blocks, generator)
        expected += [bler(index, WITHIN_DB), bler(index, -WITHIN_DB)]
    low, high = interval(errors, blocks * len(sinr))
    best, worst = expected / len(sinr)
    assert best < high, (errors, best, worst)
    assert worst > low, (errors, best, worst)


def points(order: int) -> Iterator[tuple[float, int, float, float]]:
    """Code rate times 1024, code block size, decibels and error rate of all of Sionna's points of a modulation."""
    low = (30, 40, 50, 64, 78, 99, 120, 157, 193, 251, 308, 379, 449, 526, 602)
    third = [Scheme(2, rate) for rate in low] + [Scheme(4, rate) for rate in (340, 378, 434, 490, 553, 616)]
    third += [Scheme(6, rate) for rate in (438, 466, 517, 567, 616, 666, 719, 772)]
    for number, schemes in ((1, TABLES["qam64"].mcs), (2, TABLES["qam256"].mcs), (3, third)):
        text = json.loads(sionna_file(f"bler_tables/PDSCH_table{number}.json").read_text())
        for index, curves in text["category"]["1"]["index"][str(number)]["MCS"].items():
            scheme = schemes[int(index)]
            for size, curve in curves["CBS"].items():
                if scheme.order == order and int(size) >= 100:
                    for snr_db, rate in zip(curves["SNR_db"], curve["BLER"], strict=True):
                        yield scheme.rate_1024, int(size), snr_db, rate


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_curves_are_those_of_largest_likelihood(order: int) -> None:
    """Thresholds of blocks of 1000 and 8000 bits; the optimiser stops within some hundredths of a decibel."""
    rates, sizes, snr_db, lost = (np.array(column) for column in zip(*points(order), strict=True))
    kinds, place = np.unique(rates, return_inverse=True)
    blocks, root = np.where(lost < 0.1, 3000, 600), 1 / np.sqrt(sizes)

    def middle_and_width(p: np.ndarray, rate: Any, place: Any, root: Any) -> tuple[Any, Any]:
        shift = p[0] + p[1] * (rate / 1024 - 0.6)
        return p[4:][place] + shift * root, np.exp(p[2]) * root + np.exp(p[3])

    def loss(p: np.ndarray) -> float:
        middle, width = middle_and_width(p, rates, place, root)
        z = np.clip((snr_db - middle) / width, -4.2, 4.2)
        return float(-np.sum(blocks * (lost * log_ndtr(-z) + (1 - lost) * log_ndtr(z))) / 1e3)

    capacity = 10 * np.log10(2 ** (order * kinds / 1024) - 1)
    found = np.concatenate([[-2, 0, math.log(9), math.log(0.04)], capacity + 1.2])
    for _ in range(3):
        found = minimize(loss, found, method="L-BFGS-B", options={"maxiter": 3000}).x
    found = minimize(loss, found, method="Powell", options={"maxiter": 60, "xtol": 1e-4, "ftol": 1e-9}).x
    for number, rate in enumerate(kinds):
        for size in (1000, 8000):
            middle, width = middle_and_width(found, rate, number, 1 / math.sqrt(size))
            kept = waterfall(order, float(rate) / 1024, size)
            assert kept.middle_db == pytest.approx(middle, abs=0.05)
            assert kept.width_db == pytest.approx(width, abs=0.05)
