"""A UE of a link budget has what a run at its own SNR would give it, through every stage."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from channels.channel_batch import ChannelBatch, Snapshots
from channels.source import Source
from linksim.chain.chain import Chain
from linksim.preparation.scheme_spec import scheme_specs
from linksim.scenario.file import validate_scenario
from linksim.scenario.sources import source_of
from linksim.storage.sample_values import SampleValues

CELL: dict[str, Any] = {
    "name": "cell",
    "device": "cpu",
    "channel": {
        "source": "sionna",
        "model": "UMi",
        "los": "mixed",
        "n_subcarriers": 48,
        "n_columns": 2,
        "polarization": "dual",
        "n_rx": 2,
        "distance_m": [10, 400],
        "speed_m_s": 3.0,
    },
    "transform": {"n_delay": 8, "normalisation": "none"},
    "compressors": [{"name": "identity"}, {"name": "type1", "rank": "auto"}],
    "sgcs": {"n_subbands": 4},
    "metrics": [
        *("sgcs", "estimation_nmse_db", "rate_bps_hz", "rate_perfect_bps_hz", "sum_rate_bps_hz", "rank"),
        *("sum_rate_perfect_bps_hz", "throughput_bps_hz", "throughput_perfect_bps_hz", "bler", "mcs", "ue_snr_db"),
    ],
}
COUNT = 3


@cache
def channels(source: Source, snapshots: Snapshots) -> ChannelBatch:
    return source.read("test", 0, COUNT, snapshots)


def recorded(document: dict[str, Any], samples: slice) -> tuple[SampleValues, float | torch.Tensor]:
    """Values of some of the first test channels, and the SNR that they had."""
    scenario = validate_scenario(document, "x")
    source = source_of(scenario)
    codecs = {spec.label: spec.build() for spec in scheme_specs(scenario)}
    chain = Chain(scenario, source, codecs, torch.device("cpu"))
    chain.measure(channels(source, chain.report_times.snapshots).only(samples), samples.start)
    return chain.samples.recorded(), chain.snr


@pytest.mark.parametrize(
    "change",
    [
        {"estimation": {"name": "ls"}},
        {"estimation": {"name": "ls_comb", "spacing": 4, "timing": "pilots"}, "feedback": {"delay_s": 0.004}},
        {"estimation": {"name": "dft_denoising", "spacing": 4}, "precoder": {"name": "mrt_subband", "n_subbands": 4}},
        {"estimation": {"name": "perfect"}, "link_adaptation": {"layers": "all", "retransmissions": 1}},
        {
            "estimation": {"name": "ls", "snr_db": 20},
            "link_adaptation": {"receiver": {"dmrs_error_db": -10}, "outer_loop": {"step_db": 1.0}},
            "feedback": {"report_period_s": 0.005, "delay_s": 0.004, "n_reports": 2},
        },
    ],
    ids=["ls", "timing", "dft_denoising", "layers", "receiver and outer loop"],
)
def test_each_ue_has_what_a_run_at_its_snr_gives(change: dict[str, Any]) -> None:
    together, snr = recorded(
        CELL | change | {"link_budget": {"transmit_power_dbm": 5, "geometry_db": 20}}, slice(0, COUNT)
    )
    assert isinstance(snr, torch.Tensor)
    # UEs differ by 5 dB at least.
    assert float(snr.max() / snr.min()) > 3
    for place, own in enumerate(snr.tolist()):
        alone, _ = recorded(CELL | change | {"snr_db": 10 * math.log10(own)}, slice(place, place + 1))
        assert alone.columns.keys() == together.columns.keys()
        for key, values in alone.columns.items():
            # Products of one sample and of several, and an SNR in float32 and its decibels in float64, differ by
            # roundings of some 1e-6; error rates are as steep as 60 a decibel.
            np.testing.assert_allclose(
                together.columns[key][:, [place]], values, rtol=2e-4, atol=2e-5, err_msg=str(key)
            )
