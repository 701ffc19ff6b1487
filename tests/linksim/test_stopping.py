"""Adaptive sample counts: narrow enough or at the maximum, and the same for any split of the work."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from channels.source import BLOCK_SIZE
from linksim.report import show, write_report
from linksim.scenario.monte_carlo_section import MonteCarloSection, StopSection
from linksim.simulation.stopping import is_enough, most_of_one_sample, next_count, widest_interval
from linksim.statistics.accumulators import MeanAccumulator
from linksim.statistics.measurements import Measurements


def normal(count: int, *deviations: float) -> Measurements:
    measurements: Measurements = {}
    for number, deviation in enumerate(deviations):
        accumulator = MeanAccumulator("rho")
        accumulator.update(np.random.default_rng(number).normal(0.5, deviation, count))
        measurements[f"compressor {number}", "rho"] = accumulator
    return measurements


def test_a_fixed_number_of_samples_is_taken_at_once() -> None:
    section = MonteCarloSection(samples=730)
    assert next_count(section, 0, {}) == 730
    assert next_count(section, 730, normal(730, 1)) is None


def test_the_count_that_the_interval_needs_is_approached_by_doubling() -> None:
    section = MonteCarloSection(samples=10000, stop=StopSection(metric="rho", half_width=0.02, minimum_samples=120))
    looks, taken = [], 0
    while (count := next_count(section, taken, normal(taken, 0.1, 0.4) if taken else {})) is not None:
        assert count % BLOCK_SIZE == 0
        taken = count
        looks.append(taken)
    # 1.96 x 0.4 / 0.02 squared: 1537 samples of the compressor that varies most. The estimated deviation has a
    # relative error of 1 / sqrt(2 n) = 2 % there, the count 4 %; the last step adds at most the minimum and a block.
    assert looks[:3] == [150, 300, 600]
    assert 1537 * (1 - 4 * 0.04) < taken < 1537 * (1 + 4 * 0.04) + 120 + BLOCK_SIZE
    assert widest_interval(normal(looks[-2], 0.1, 0.4), "rho") >= 0.02 > widest_interval(normal(taken, 0.1, 0.4), "rho")


def test_a_single_value_is_not_enough_and_an_exact_zero_is() -> None:
    one, zero = MeanAccumulator("nmse_db", decibel=True), MeanAccumulator("nmse_db", decibel=True)
    one.update([0.5])
    zero.update(np.zeros(100))
    assert widest_interval({("a", "nmse_db"): one}, "nmse_db") == np.inf
    assert widest_interval({("a", "nmse_db"): zero}, "nmse_db") == 0
    section = MonteCarloSection(samples=400, stop=StopSection(half_width=1e-300, minimum_samples=2))
    assert next_count(section, 50, {("a", "nmse_db"): one}) == 100


def test_no_point_ends_before_enough_samples_share_the_spread() -> None:
    section = MonteCarloSection(samples=10000, stop=StopSection(metric="nmse_db", half_width=5, minimum_rare_events=10))
    for rare, enough in ((1, False), (9, False), (11, True)):
        accumulator = MeanAccumulator("nmse_db", decibel=True)
        accumulator.update([*np.full(1000, 0.1), *np.full(rare, 1.0)])
        measurements: Measurements = {("a", "nmse_db"): accumulator}
        assert most_of_one_sample(measurements, "nmse_db") == pytest.approx(1 / rare, rel=0.02)
        assert widest_interval(measurements, "nmse_db") < 5
        assert (next_count(section, 1000 + rare, measurements) is None) == enough


def test_an_interval_of_just_the_width_is_too_wide_and_just_enough_rare_events_are_enough() -> None:
    """The bounds of the two keys: less than ``half_width``, at least ``minimum_rare_events``."""
    measurements = normal(1000, 0.1)
    width = widest_interval(measurements, "rho")
    for half_width, enough in ((width, False), (math.nextafter(width, 1), True)):
        assert is_enough(StopSection(metric="rho", half_width=half_width), measurements) == enough
    pairs = MeanAccumulator("rho")
    pairs.update([0.25, 0.75] * 8)
    measurements = {("a", "rho"): pairs}
    assert most_of_one_sample(measurements, "rho") == 1 / 16
    for events, enough in ((16, True), (17, False)):
        assert is_enough(StopSection(metric="rho", half_width=1, minimum_rare_events=events), measurements) == enough


@pytest.fixture
def adaptive(tiny: dict[str, Any]) -> dict[str, Any]:
    """Rebuilt from few strong entries, errors vary more from sample to sample at low SNR."""
    stop = {"metric": "nmse_db", "half_width": 0.45, "minimum_samples": 60, "minimum_rare_events": 2}
    return tiny | {
        "compressors": [{"name": "topk"}, {"name": "topk", "label": "topk 16", "compression_ratio": 16}],
        "metrics": ["nmse_db", "rho"],
        "monte_carlo": {"samples": 380, "stop": stop},
        "sweeps": {"snr": {"snr_db": [-10, 0, 10, 20]}},
    }


@pytest.mark.validate
@pytest.mark.usefixtures("without_figures")
def test_points_stop_when_their_interval_is_narrow(
    adaptive: dict[str, Any], run_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(adaptive, "one")
    tables = [(folder / name).read_bytes() for name in ("results.csv", "sampling.csv")]
    for workers, batch_size in ((2, 50), (1, 1000)):
        adaptive["monte_carlo"]["batch_size"] = batch_size
        other = run_folder(adaptive, f"{workers} workers", workers=workers)
        assert [(other / name).read_bytes() for name in ("results.csv", "sampling.csv")] == tables

    results, sampling = pd.read_csv(folder / "results.csv"), pd.read_csv(folder / "sampling.csv")
    taken = dict(zip(sampling.snr_db, sampling.samples, strict=True))
    assert all(results.n == results.snr_db.map(taken))
    assert set(taken.values()) <= {100, 200, *range(200, 380, 50), 380}
    # Both endings occur: otherwise this test would say nothing of one of them.
    assert len(set(taken.values())) > 1
    assert 0 < sampling.at_maximum.sum() < 4
    nmse = results[results.metric == "nmse_db"]
    widest = ((nmse.ci_high - nmse.ci_low) / 2).groupby(nmse.snr_db).max()
    for _, row in sampling.iterrows():
        # Nine digits are written.
        assert row.half_width == pytest.approx(widest[row.snr_db], abs=1e-7)
        assert (row.half_width < 0.45) == (not row.at_maximum)
        assert row.samples == 380 or not row.at_maximum
    show(folder, Console(width=100))
    summary = f"380 test channels a point; {sampling.at_maximum.sum()} of 4 points"
    assert summary in capsys.readouterr().out
    assert summary in write_report(folder).read_text()
