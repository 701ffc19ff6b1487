"""Quantisers, links and denoisers at work in the chain."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from linksim.metrics import METRICS
from linksim.metrics.delivered import Delivery
from linksim.scenario.file import validate_scenario
from linksim.scenario.sweep import points_of
from linksim.scenario.true_channels import truncated_channels
from linksim.simulation.measuring import data_warnings, interval_warnings, saturation_warnings
from linksim.simulation.point_job import PointJob
from linksim.storage.run_folder import RunFolder
from tests.linksim.made_up_outcome import made_up_outcome

Run = Callable[..., pd.DataFrame]


def value(table: pd.DataFrame, metric: str, compressor: str, column: str = "value", **axes: float | str) -> float:
    rows = table[(table.metric == metric) & (table.compressor == compressor)]
    for axis, at in axes.items():
        rows = rows[rows[axis.replace("__", ".")] == at]
    assert len(rows) == 1
    return float(rows.iloc[0][column])


def test_quantisers_in_the_chain(tiny: dict[str, Any], run: Run) -> None:
    scalar = ["uniform", "sigmoid_uniform", "mu_law", "lloyd_max"]
    tiny |= {"compressors": [{"name": "klt"}], "estimation": {"name": "perfect"}}
    tiny["transform"]["scale_bits"] = 9
    tiny["sweeps"] = {"quantiser": {"feedback.quantiser.name": scalar}}
    table = run(tiny | {"feedback": {"quantiser": {"name": "uniform", "bits": 6}}})
    nmse_db = {name: value(table, "nmse_db", "klt", feedback__quantiser__name=name) for name in scalar}
    for name in scalar:
        # 2 x 8 x 8 / 4 = 32 values, and the scale.
        assert value(table, "bits", "klt", feedback__quantiser__name=name) == 32 * 6 + 9
    tiny["sweeps"] = {}
    analogue = run(tiny)
    assert "bits" not in set(analogue.metric)
    unquantised_db = value(analogue, "nmse_db", "klt")
    vector = run(tiny | {"feedback": {"quantiser": {"name": "vector", "dimension": 2, "bits": 6}}})
    assert value(vector, "bits", "klt") == 16 * 6 + 9
    nmse_db["vector"] = value(vector, "nmse_db", "klt")
    # Whatever is quantised lies between the analogue report's error and an empty report's. The former is not a strict
    # bound, as KLT is not optimal for each test channel; rounding may gain a little.
    for name, error_db in nmse_db.items():
        assert unquantised_db - 0.05 <= error_db < 0, name
    # 6 bits a value leave about -30 dB of a value's variance.
    for name in ("uniform", "mu_law", "lloyd_max"):
        assert nmse_db[name] < unquantised_db + 0.5, name


def test_reports_of_variable_length_depend_on_no_batch(tiny: dict[str, Any], run: Run) -> None:
    tiny |= {"sweeps": {}, "compressors": [{"name": "klt"}], "estimation": {"name": "perfect"}}
    tiny["feedback"] = {"quantiser": {"name": "entropy_coded", "cells": 64}}
    tiny["transform"]["scale_bits"] = 9
    tiny["metrics"] = ["nmse_db", "bits", "bits_max"]
    reference = run(tiny)
    # Their length varies, so their mean has an interval; all elements at the full 6 bits would be 32 x 6.
    low, bits = (value(reference, "bits", "klt", column) for column in ("ci_low", "value"))
    assert 9 < low < bits < 32 * 6 + 9
    assert bits < value(reference, "bits_max", "klt")
    assert value(reference, "nmse_db", "klt") < 0
    pd.testing.assert_frame_equal(run(tiny, "--set", "monte_carlo.batch_size=1"), reference, check_exact=True)


def test_compressors_may_have_quantisers_of_their_own(tiny: dict[str, Any], run: Run) -> None:
    tiny |= {"sweeps": {}, "metrics": ["nmse_db", "bits"], "feedback": {"quantiser": {"name": "uniform", "bits": 6}}}
    tiny["transform"]["scale_bits"] = 9
    fine = {"name": "klt", "label": "fine", "quantiser": {"name": "uniform", "bits": 8}}
    table = run(tiny | {"compressors": [{"name": "klt"}, fine]})
    # 32 values, and the scale.
    assert value(table, "bits", "klt") == 32 * 6 + 9
    assert value(table, "bits", "fine") == 32 * 8 + 9
    fine_db = value(table, "nmse_db", "fine")
    assert fine_db < value(table, "nmse_db", "klt")
    tiny["feedback"] = {"quantiser": {"name": "uniform", "bits": 8}}
    assert value(run(tiny | {"compressors": [{"name": "klt"}]}), "nmse_db", "klt") == fine_db


def test_bit_errors_cost_what_they_flip(tiny: dict[str, Any], run: Run) -> None:
    rates = [0, 0.001, 0.1, 0.5]
    tiny |= {"compressors": [{"name": "klt"}], "sweeps": {"flips": {"feedback.link.flip_rate": rates}}}
    tiny["feedback"] = {"quantiser": {"name": "lloyd_max", "bits": 4}, "link": {"name": "bsc", "flip_rate": 0}}
    table = run(tiny)
    flipped_db = [value(table, "nmse_db", "klt", feedback__link__flip_rate=rate) for rate in rates]
    tiny |= {"sweeps": {}}
    tiny["feedback"]["link"] = {"name": "perfect"}
    assert flipped_db[0] == value(run(tiny), "nmse_db", "klt")
    assert (np.diff(flipped_db) > 0).all()
    # At 0.5 every level is as likely as any other: worse than an empty report, whose error is 0 dB.
    assert flipped_db[-1] > 0


@pytest.mark.validate
def test_wiener_filter_never_loses_beyond_its_interval(tiny: dict[str, Any], run: Run, tmp_path: Path) -> None:
    snrs = [-5, 10, 40]
    networks = [{"name": name, "disturbance": {"snr_db": [-5, 40]}} for name in ("csinet", "cllwcsinet")]
    tiny["compressors"] += networks
    tiny["training"]["recipe"] = {"epochs": 2, "batch_size": 30}
    tiny["zoo"] = str(tmp_path / "zoo")
    tiny["estimation"] = {"name": "perfect"}
    tiny["sweeps"] = {"noise": {"feedback_snr_db": snrs, "feedback.denoiser.name": ["none", "wiener"]}}
    table = run(tiny, "--train")
    for compressor in ("identity", "topk", "klt", "csinet", "cllwcsinet"):
        for snr_db in snrs:
            at = {"feedback_snr_db": snr_db, "feedback__denoiser__name": "wiener"}
            filtered_db = value(table, "nmse_db", compressor, **at)
            # Both see the same channels and noise, so the interval of one is more than that of their difference.
            interval_db = filtered_db - value(table, "nmse_db", compressor, "ci_low", **at)
            plain_db = value(table, "nmse_db", compressor, **(at | {"feedback__denoiser__name": "none"}))
            assert filtered_db <= plain_db + interval_db, (compressor, snr_db)
            if compressor == "identity" and snr_db == -5:
                # Unfiltered it is worse than no report at all, which is what the filter falls back to.
                assert plain_db > 0 > filtered_db


def test_wiener_filter_leaves_a_perfect_link_alone(tiny: dict[str, Any], run: Run) -> None:
    tiny["sweeps"] = {"denoiser": {"feedback.denoiser.name": ["none", "wiener"]}}
    table = run(tiny)
    for compressor in ("identity", "topk", "klt"):
        plain, filtered = (
            value(table, "nmse_db", compressor, feedback__denoiser__name=name) for name in ("none", "wiener")
        )
        assert filtered == plain


@pytest.mark.parametrize("bits", [8, 16])
def test_a_scale_is_sent_whatever_the_channels_power(bits: int, tiny: dict[str, Any], run: Run, tmp_path: Path) -> None:
    """Channels 120 dB weaker are rebuilt as well, since the range of the scale is that of training channels."""
    csi = truncated_channels(validate_scenario(tiny, "here"), "test", 0, 60)
    nmse_db = []
    for gain in (1.0, 1e-6):
        file = tmp_path / f"{gain:g}.h5"
        with h5py.File(file, "w") as out:
            out["X"] = np.float32(gain) * csi
            out.attrs.update({"Nc": 64, "Nt": 8, "B": 20e6, "fc": 28e9})
        channel = {"source": "hdf5", "file": str(file), "train_fraction": 0.5, "normalise": False}
        document = tiny | {"channel": channel, "sweeps": {}, "compressors": [{"name": "topk"}]}
        document |= {"estimation": {"name": "perfect"}, "transform": {"n_delay": 8, "scale_bits": bits}}
        document["monte_carlo"] = {"samples": 20}
        nmse_db.append(value(run(document), "nmse_db", "topk"))
    # A cell of 8 bits over at most 100 dB is 0.4 dB wide: an error of -33 dB, 0.02 dB of -13 dB.
    assert nmse_db[1] == pytest.approx(nmse_db[0], abs=0.02)


def test_scales_outside_the_range_are_said_in_a_line(tiny: dict[str, Any], tmp_path: Path) -> None:
    run_folder = RunFolder(tmp_path, validate_scenario(tiny | {"transform": {"n_delay": 8, "scale_bits": 8}}, "here"))
    job = PointJob(points_of(run_folder.scenario)[0], None, None)  # type: ignore[arg-type]
    accumulator = METRICS.get_class("scale_saturation_rate")().accumulator()
    accumulator.update(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    job.measurements["klt", "scale_saturation_rate"] = accumulator
    (line,) = saturation_warnings([job])
    assert line.startswith("transform.scale_bits: the scale of up to 25.00% of the reports (klt) lies outside")
    # A table holds it only where it was asked for.
    assert not run_folder.write_results([(job.point, job.measurements, {})])
    assert not (run_folder.path / "results.csv").exists()


def test_reports_that_data_carry_are_said_in_a_line(tiny: dict[str, Any]) -> None:
    job = PointJob(points_of(validate_scenario(tiny, "here"))[0], None, None)  # type: ignore[arg-type]
    for label, carried in (("klt", True), ("topk", False)):
        metric = METRICS.get_class("data_report_rate")()
        job.measurements[label, metric.name] = accumulator = metric.accumulator()
        delivered = replace(made_up_outcome(), delivery=Delivery(carried_as_data=carried))
        metric.update(accumulator, delivered)
    (line,) = data_warnings([job])
    assert line.startswith("feedback.link: reports of klt are carried as data, by the LDPC code: uplink control infor")


def test_metrics_without_an_interval_are_said_with_what_they_lack(tiny: dict[str, Any]) -> None:
    job = PointJob(points_of(validate_scenario(tiny, "here"))[0], None, None)  # type: ignore[arg-type]
    counts = {"nmse_db": 1, "rate_p5_bps_hz": 71, "bits_max": 1, "report_error_rate": 1}
    for name, count in counts.items():
        job.measurements["klt", name] = accumulator = METRICS.get_class(name)().accumulator()
        accumulator.update(torch.linspace(0.5, 1, count))
    mean, quantile = interval_warnings([job])
    # A maximum has none, a share of one report has Wilson's.
    assert mean.startswith(
        "monte_carlo.samples: no interval of nmse_db, as a point has 1 independent values, expected 2"
    )
    assert quantile.startswith("monte_carlo.samples: no interval of rate_p5_bps_hz, as a point has 71")
    assert quantile.endswith("expected 72 or more")
    for name, count in counts.items():
        job.measurements["klt", name].update(torch.linspace(0.5, 1, count))
    assert interval_warnings([job]) == []
