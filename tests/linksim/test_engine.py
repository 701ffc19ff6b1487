"""Runs as a user starts them: closed forms at the end of the chain, same digits, nothing lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Command = Callable[..., tuple[int, str, str]]
ScenarioFile = Callable[[dict[str, Any]], Path]


def results(out: Path) -> pd.DataFrame:
    (file,) = out.rglob("results.csv")
    return pd.read_csv(file)


def value(table: pd.DataFrame, metric: str, compressor: str = "identity", **axes: float) -> pd.Series:
    rows = table[(table.metric == metric) & (table.compressor == compressor)]
    for axis, at in axes.items():
        rows = rows[rows[axis] == at]
    assert len(rows) == 1
    return rows.iloc[0]


def test_perfect_chain_loses_only_what_truncation_loses(tiny: dict[str, Any], run: Callable[..., pd.DataFrame]) -> None:
    tiny |= {"estimation": {"name": "perfect"}, "sweeps": {}, "compressors": [{"name": "identity"}]}
    table = run(tiny)
    assert value(table, "nmse_db").value < -120
    truncation = value(table, "truncation_nmse_db", "none").value
    assert value(table, "nmse_e2e_db").value == pytest.approx(truncation, abs=1e-3)
    assert value(table, "overhead").value == 1


def test_ls_error_is_its_closed_form(tiny: dict[str, Any], run: Callable[..., pd.DataFrame]) -> None:
    snrs = [-10, 0, 10, 20, 30, 40]
    tiny |= {"sweeps": {"snr": {"snr_db": snrs}}, "compressors": [{"name": "identity"}]}
    table = run(tiny)
    for snr_db in snrs:
        row = value(table, "estimation_nmse_db", "none", snr_db=snr_db)
        # Channels have mean power 1 each, so the NMSE is -SNR; 60 samples x 512 entries leave 0.6 % = 0.025 dB.
        assert row.value == pytest.approx(-snr_db, abs=4 * 0.025)


def test_analogue_feedback_of_identity_has_the_links_snr(
    tiny: dict[str, Any], run: Callable[..., pd.DataFrame]
) -> None:
    snrs = [-5, 10, 40]
    tiny |= {
        "estimation": {"name": "perfect"},
        "compressors": [{"name": "identity"}],
        "sweeps": {"feedback": {"feedback_snr_db": snrs}},
    }
    table = run(tiny)
    for snr_db in snrs:
        row = value(table, "nmse_db", feedback_snr_db=snr_db)
        # Relative error of a mean over 60 x 128 squared normals: sqrt(2 / 7680) = 1.6 %, 0.07 dB.
        assert row.value == pytest.approx(-snr_db, abs=4 * 0.07)
        assert pd.isna(table.feedback_snr_db).sum() == 0


def test_batch_size_and_workers_change_no_digit(tiny: dict[str, Any], run: Callable[..., pd.DataFrame]) -> None:
    # Workers start in half the time without Sionna, whose samples have tests of their own.
    tiny |= {"channel": {"source": "cost2100", "n_subcarriers": 64, "n_columns": 8}, "sweeps": {}}
    reference = run(tiny)
    for options in (("--set", "monte_carlo.batch_size=1", "--workers", "2"), ("--set", "monte_carlo.batch_size=1000")):
        pd.testing.assert_frame_equal(run(tiny, *options), reference, check_exact=True)


def test_bits_are_those_that_cross_the_link(tiny: dict[str, Any], run: Callable[..., pd.DataFrame]) -> None:
    tiny |= {"sweeps": {}, "compressors": [{"name": "klt"}]}
    tiny["feedback"] = {"quantiser": {"name": "uniform", "bits": 5}}
    tiny["transform"]["scale_bits"] = 9
    # 2 x 8 x 8 / 4 = 32 values of 5 bits, and the scale.
    assert value(run(tiny), "bits", "klt").value == 32 * 5 + 9


def test_a_static_channel_does_not_age(tiny: dict[str, Any], run: Callable[..., pd.DataFrame]) -> None:
    tiny |= {
        "compressors": [{"name": "identity"}],
        "sweeps": {"mobility": {"speed_m_s": [0, 30], "feedback_delay_s": [0, 0.01]}},
    }
    table = run(tiny)
    fresh = value(table, "nmse_e2e_db", speed_m_s=0, feedback_delay_s=0).value
    assert value(table, "nmse_e2e_db", speed_m_s=0, feedback_delay_s=0.01).value == pytest.approx(fresh, abs=1e-4)
    assert value(table, "nmse_e2e_db", speed_m_s=30, feedback_delay_s=0).value == pytest.approx(fresh, abs=1e-4)
    # 30 m/s at 28 GHz turns every phase many times in 10 ms: what the BS holds is no better than a wrong guess.
    assert value(table, "nmse_e2e_db", speed_m_s=30, feedback_delay_s=0.01).value > 0


def test_two_ue_antennas_go_through_the_chain(tiny: dict[str, Any], run: Callable[..., pd.DataFrame]) -> None:
    tiny |= {"sweeps": {}, "estimation": {"name": "perfect"}, "precoder": {"name": "mrt"}}
    tiny["channel"] |= {"n_columns": 4}
    single = run(tiny)
    tiny["channel"] |= {"n_rx": 2}
    double = run(tiny)
    assert value(double, "nmse_db").value < -120
    # Two antennas collect more power than one; the strongest eigenmode holds at most all of it, 3 dB.
    gain = value(double, "rate_perfect_bps_hz", "none").value - value(single, "rate_perfect_bps_hz", "none").value
    assert 0.2 < gain < 1.1


@pytest.mark.validate
def test_killed_run_continues_to_the_same_table(
    tiny: dict[str, Any], scenario_file: ScenarioFile, run_folder: Callable[..., Path], tmp_path: Path
) -> None:
    tiny |= {"sweeps": {}, "monte_carlo": {"samples": 600, "batch_size": 50}}
    command = [sys.executable, "-m", "linksim", "run", str(scenario_file(tiny)), "--workers", "1"]
    command += ["--out", str(tmp_path / "killed")]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "killed").rglob("points/*/*.json"))) < 2 and killed.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "killed").rglob("points/*/*.json")}
    assert 2 <= len(kept) < 12
    continued = run_folder(tiny, "killed")
    assert len(list((tmp_path / "killed").rglob("points/*/*.json"))) == 12
    assert all(file.stat().st_mtime_ns == written for file, written in kept.items())
    whole = run_folder(tiny, "whole")
    assert (continued / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()


@pytest.mark.usefixtures("without_report")
def test_new_weights_make_new_results(
    tiny: dict[str, Any], command: Command, scenario_file: ScenarioFile, tmp_path: Path
) -> None:
    recipe = {"epochs": 1, "warmup": 0}
    tiny |= {"sweeps": {}, "compressors": [{"name": "csinet"}], "zoo": str(tmp_path / "zoo")}
    tiny["training"] |= {"recipe": recipe}
    file, out = scenario_file(tiny), tmp_path / "out"
    arguments = ("run", file, "--out", out, "--workers", "1")
    assert command(*arguments, "--train")[0] == 0
    first = results(out)
    assert command(*arguments)[0] == 0
    pd.testing.assert_frame_equal(results(out), first, check_exact=True)
    tiny["training"]["network_samples"] = 100
    assert command("train", scenario_file(tiny), "--again", "--workers", "1")[0] == 0
    tiny["training"]["network_samples"] = 150
    scenario_file(tiny)
    assert command(*arguments)[0] == 0
    assert value(results(out), "nmse_db", "csinet").value != value(first, "nmse_db", "csinet").value
