"""The coded uplink in the chain: what it costs, what it loses, what the BS does then."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from feedback.links.awgn import AwgnParameters
from feedback.links.uci.link import UciParameters
from linksim.chain.mean_channel import fit_mean_channel, mean_channel
from linksim.files import needed_tensors, save_tensors
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of
from linksim.scenario.true_channels import truncated_channels

Command = Callable[..., tuple[int, str, str]]
Run = Callable[..., pd.DataFrame]

UNIFORM = {"name": "uniform", "bits": 3}


@pytest.fixture
def coded(tiny: dict[str, Any]) -> dict[str, Any]:
    """Reports of topk and KLT, 8 values of 3 bits and a scale of 9, over a coded uplink."""
    tiny |= {"compressors": [{"name": "topk"}, {"name": "klt"}], "estimation": {"name": "perfect"}, "sweeps": {}}
    tiny["compression_ratio"] = 16
    tiny["transform"]["scale_bits"] = 9
    tiny["feedback"] = {"quantiser": UNIFORM, "link": {"name": "uci", "snr_db": 200}}
    return tiny


def value(table: pd.DataFrame, metric: str, compressor: str, **axes: float) -> float:
    rows = table[(table.metric == metric) & (table.compressor == compressor)]
    for axis, at in axes.items():
        rows = rows[rows[axis] == at]
    assert len(rows) == 1
    return float(rows.iloc[0]["value"])


def test_without_noise_it_is_the_perfect_link_at_its_price(coded: dict[str, Any], run: Run) -> None:
    table = run(coded)
    perfect = run(coded | {"feedback": {"quantiser": UNIFORM, "link": {"name": "perfect"}}})
    for compressor, positions in (("topk", math.ceil(math.log2(math.comb(64, 4)))), ("klt", 0)):
        # 2 Na Nt eta B = 2 x 8 x 8 / 16 x 3, the scale, the positions.
        bits = 2 * 8 * 8 // 16 * 3 + 9 + positions
        assert value(table, "bits", compressor) == value(perfect, "bits", compressor) == bits
        assert value(table, "resource_elements", compressor) == bits + 11
        assert value(table, "report_error_rate", compressor) == 0
        for metric in ("nmse_db", "rate_bps_hz"):
            assert value(table, metric, compressor) == value(perfect, metric, compressor)
    assert not set(perfect.metric) & {"report_error_rate", "resource_elements"}


def test_without_reports_the_bs_holds_the_mean_channel(coded: dict[str, Any], run: Run) -> None:
    coded["feedback"]["link"]["snr_db"] = -100
    coded["metrics"] = ["nmse_db", "report_error_rate", "undetected_error_rate"]
    coded["compressors"] = [{"name": "klt"}]
    table = run(coded)
    assert value(table, "report_error_rate", "klt") == 1
    if value(table, "undetected_error_rate", "klt") == 0:
        scenario = validate_scenario(coded, "here")
        mean = torch.from_numpy(truncated_channels(scenario, "train", 0, 150)).mean(0)
        test = torch.from_numpy(truncated_channels(scenario, "test", 0, 60))
        error = (test - mean).abs().square().sum((1, 2)) / test.abs().square().sum((1, 2))
        # Sums of float32 in another order.
        assert value(table, "nmse_db", "klt") == pytest.approx(10 * math.log10(error.mean()), abs=1e-4)


def test_errors_grow_as_the_uplink_fades_and_no_digit_depends_on_the_batch(coded: dict[str, Any], run: Run) -> None:
    snrs = [-3, 3]
    multipath = {"delay_spread_s": 1e-7, "hop_prbs": 20}
    coded["feedback"]["link"] |= {
        "fading": "selective",
        "multipath": multipath,
        "channel_estimation": {"name": "pilots"},
    }
    coded["sweeps"] = {"uplink": {"feedback_snr_db": snrs}}
    coded["monte_carlo"] |= {"samples": 30}
    table = run(coded)
    for compressor in ("topk", "klt"):
        rates = [value(table, "report_error_rate", compressor, feedback_snr_db=snr) for snr in snrs]
        errors = [value(table, "nmse_db", compressor, feedback_snr_db=snr) for snr in snrs]
        assert 1 > rates[0] > rates[1] > 0
        assert errors[0] > errors[1]
        # One resource block with a symbol of 12 pilots in each half of the slot.
        symbols = value(table, "resource_elements", compressor, feedback_snr_db=snrs[0])
        assert symbols == value(table, "bits", compressor, feedback_snr_db=snrs[0]) + 11 + 2 * 12
    pd.testing.assert_frame_equal(run(coded, "--set", "monte_carlo.batch_size=1"), table, check_exact=True)


def test_bitstreams_of_variable_length(coded: dict[str, Any], run: Run, command: Command, scenario_file: Any) -> None:
    coded["compressors"] = [{"name": "klt"}]
    coded["feedback"]["quantiser"] = {"name": "entropy_coded", "cells": 16}
    code, out, err = command("validate", scenario_file(coded))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "feedback: link 'uci': got no payload_bits with bitstreams of variable length, expected" in err
    coded["feedback"]["link"]["payload_bits"] = 100
    table = run(coded)
    perfect = run(coded | {"feedback": coded["feedback"] | {"link": {"name": "perfect"}}})
    # The report's own bits count, not those that fill up the payload.
    assert 9 < value(table, "bits", "klt") == value(perfect, "bits", "klt") < 100
    assert value(table, "nmse_db", "klt") == value(perfect, "nmse_db", "klt")
    assert value(table, "resource_elements", "klt") == 111
    assert value(table, "report_error_rate", "klt") == 0


def test_a_report_that_cannot_fit_is_one_line(coded: dict[str, Any], command: Command, scenario_file: Any) -> None:
    coded["feedback"]["link"]["payload_bits"] = 20
    code, _, err = command("run", scenario_file(coded), "--out", scenario_file(coded).parent, "--workers", "1")
    assert code == 2
    assert "link uci: got payload_bits 20 for reports of" in err.strip().splitlines()[-1]
    assert "Traceback" not in err


def test_the_feedback_snr_is_that_of_the_link_where_it_has_one(coded: dict[str, Any]) -> None:
    coded["sweeps"] = {"uplink": {"feedback_snr_db": [3]}}
    (point,) = points_of(validate_scenario(coded, "here"))
    assert point.scenario.feedback.link == UciParameters(snr_db=3)
    coded["feedback"] = {}
    (point,) = points_of(validate_scenario(coded, "here"))
    assert point.scenario.feedback.link == AwgnParameters(snr_db=3)


def test_the_mean_channel_is_that_of_training(tmp_path: Path) -> None:
    csi = torch.randn(40, 3, 4, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    save_tensors(tmp_path / "mean.safetensors", fit_mean_channel(lambda: csi))
    torch.testing.assert_close(mean_channel(needed_tensors(tmp_path / "mean.safetensors")).mean, csi.mean(0))
