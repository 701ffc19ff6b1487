"""Run folders with made-up but consistent results."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

AXES = {"snr_db": 10.0, "feedback_snr_db": None, "compression_ratio": 4.0, "speed_m_s": 1.0, "feedback_delay_s": 0.0}
COMPRESSORS = ("identity", "topk", "csinet")

# Metric, value of each compressor, half interval.
VALUES = {
    "nmse_db": ((-140.0, -6.25, -9.5), 0.25),
    "nmse_e2e_db": ((-16.0, -5.5, -8.0), 0.125),
    "rho": ((0.99, 0.875, 0.9325), 0.005),
    "sgcs": ((0.98, 0.77, 0.87), 0.005),
    "rate_bps_hz": ((8.25, 7.5, 8.0), 0.0625),
    "rate_loss_bps_hz": ((0.0625, 0.8125, 0.3125), 0.03125),
    "bits": ((65536.0, 2180.0, 2048.0), 0.0),
}
BOUNDS = {"rate_perfect_bps_hz": 8.3125, "estimation_nmse_db": -18.0, "truncation_nmse_db": -21.0}

Sweeps = dict[str, dict[str, tuple[float | str, ...]]]
SWEEPS: Sweeps = {
    "over_snr": {"snr_db": (-10.0, 0.0, 10.0, 20.0)},
    "over_feedback": {"feedback_snr_db": (0.0, 10.0, 20.0)},
    "over_ratio": {"compression_ratio": (4.0, 8.0, 16.0)},
    "over_mobility": {"speed_m_s": (1.0, 3.0, 10.0), "feedback_delay_s": (0.0, 0.004)},
    "one_point": {},
}


def write_run(
    folder: Path,
    sweeps: Sweeps = SWEEPS,
    scenario: dict[str, Any] | None = None,
    compressors: tuple[str, ...] = COMPRESSORS,
    metrics: tuple[str, ...] = tuple(VALUES),
) -> Path:
    """A finished run; the first axis adds its place / 100 to all values but bits, others their place / 50."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for sweep, axes in sweeps.items() for row in sweep_rows(sweep, axes, compressors)]
    table = pd.DataFrame(rows)
    table[table["metric"].isin([*metrics, *BOUNDS])].to_csv(folder / "results.csv", index=False)
    scenario = scenario or {"name": "made_up", "description": "Three compressors.", "sweeps": {}}
    (folder / "scenario.yaml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
    manifest = {"scenario": "made_up", "seed": 1, "finished": "2026-01-01", "command": "linksim run made_up.yaml"}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def sweep_rows(
    sweep: str, axes: dict[str, tuple[float | str, ...]], compressors: tuple[str, ...]
) -> Iterable[dict[str, Any]]:
    for places in itertools.product(*(range(len(values)) for values in axes.values())):
        point = {axis: axes[axis][i] for axis, i in zip(axes, places, strict=True)}
        common = {"sweep": sweep} | AXES | point
        for metric, (figures, half) in VALUES.items():
            for compressor, figure in zip(compressors, figures, strict=True):
                value = figure + (places[0] + 2 * sum(places[1:])) / 100 if places else figure
                if metric == "bits":
                    value = 4 * figure / point.get("compression_ratio", 4.0)
                interval = {"ci_low": value - half, "ci_high": value + half}
                yield common | {
                    "compressor": compressor,
                    "metric": metric,
                    "value": value,
                    **interval,
                    "n": 1000,
                    "unit": "",
                }
        for metric, value in BOUNDS.items():
            yield common | {"compressor": "none", "metric": metric, "value": value, "n": 1000, "unit": ""}
