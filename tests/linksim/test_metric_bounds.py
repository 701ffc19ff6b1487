"""No interval reaches where its metric cannot be."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from linksim.metrics import METRICS
from linksim.report.export import write_tables
from linksim.report.tables.sweep import sweep_tables
from linksim.report.view.run_view import view_run
from linksim.statistics.accumulator import Estimate

# What may be of either sign, or is in dB, which has no end that an interval could pass.
UNBOUNDED = {"rate_loss_bps_hz"}
# Its estimate has no interval.
COUNTS = {"samples_left_out", "bits_max"}


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_that_cannot_be_negative_says_so(name: str) -> None:
    kind = METRICS.get_class(name)
    if kind.unit == "dB" or name in UNBOUNDED | COUNTS:
        assert (kind.least, kind.most) == (None, None)
    else:
        assert kind.least is not None
        assert kind.least >= 0
    # Shares, and figures that are at best 1.
    is_share = name in {"bler", "energy_kept"} or name.startswith(("rho", "sgcs")) or name.endswith("_error_rate")
    assert kind.most == (1 if is_share or name in {"scale_saturation_rate", "data_report_rate"} else None)


def test_intervals_end_at_the_bounds_and_estimates_stay() -> None:
    sgcs = METRICS.get_class("sgcs")
    assert sgcs.within_bounds(Estimate(0.5, -0.3, 1.6, 2)) == Estimate(0.5, 0.0, 1.0, 2)
    assert sgcs.within_bounds(Estimate(0.5, 0.4, 0.6, 9)) == Estimate(0.5, 0.4, 0.6, 9)
    assert sgcs.within_bounds(Estimate(0.5, None, None, 1)) == Estimate(0.5, None, None, 1)
    nmse = METRICS.get_class("nmse_db")
    assert nmse.within_bounds(Estimate(-1.0, -9.0, 3.0, 2)) == Estimate(-1.0, -9.0, 3.0, 2)


FEW: dict[str, Any] = {
    "name": "few",
    "channel": {"source": "cost2100", "environment": "indoor", "n_subcarriers": 64, "n_columns": 8},
    "estimation": {"name": "perfect"},
    "transform": {"n_delay": 8},
    "metrics": ["sgcs", "rho", "rate_bps_hz", "rank", "energy_kept", "bler", "undetected_error_rate"],
    "compressors": [{"name": "topk"}],
    "compression_ratio": 8,
    "feedback": {"quantiser": {"name": "uniform", "bits": 4}, "link": {"name": "uci", "snr_db": 20.0}},
    "monte_carlo": {"samples": 2},
}


def test_two_samples_give_intervals_within_the_bounds(run_folder: Callable[..., Path]) -> None:
    run = run_folder(FEW)
    results = pd.read_csv(run / "results.csv").dropna(subset=["ci_low"])
    assert len(results) > 5
    for row in results.itertuples():
        kind = METRICS.get_class(row.metric)
        assert row.ci_low >= (-math.inf if kind.least is None else kind.least)
        assert row.ci_high <= (math.inf if kind.most is None else kind.most)
        assert row.ci_low <= row.value <= row.ci_high
    (table,) = sweep_tables(view_run(run), ("undetected_error_rate",))
    cells = [cell for block in table.blocks for line in block.rows for cell in line.cells if cell.half_interval]
    # Of two reports none was wrong: the share may be as large as the other end of its interval, not half of it.
    high = results.set_index("metric").ci_high["undetected_error_rate"]
    assert [float(cell.half_interval) for cell in cells] == pytest.approx([high], abs=1e-4)


def test_tables_of_a_run_without_an_nmse_are_of_what_compressors_differ_in(
    run_folder: Callable[..., Path], tmp_path: Path
) -> None:
    metrics = ["throughput_perfect_bps_hz", "throughput_bps_hz", "sgcs"]
    run = run_folder({key: FEW[key] for key in FEW if key != "feedback"} | {"metrics": metrics})
    files = write_tables(run, "csv", (), None, tmp_path / "tables")
    texts = [file.read_text() for file in files]
    assert len(files) == 2
    assert all("topk" in text for text in texts), texts
