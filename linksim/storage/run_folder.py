"""The folder of one run: ``<out>/<scenario name>/<key of the run>/``.

What is named by its content lies beside it and is shared by all runs under that name: an edited scenario finds what its
edit left unaffected. Every file appears whole or not at all, so that a run killed at any moment can be continued.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from channels.formats.yaml_text import write_yaml
from feedback.number_text import number_text
from linksim.errors import InputError
from linksim.files import write_whole
from linksim.metrics import METRICS
from linksim.scenario.axis import AXIS_COLUMNS
from linksim.scenario.identity import run_key
from linksim.scenario.model import Scenario
from linksim.scenario.paths import resolve_paths
from linksim.scenario.sweep import Point, axis_values
from linksim.statistics.measurements import Measurements
from linksim.storage.csv_text import csv_text
from linksim.storage.percentiles import PERCENTILES, Percentiles

# Measured for a warning; in tables only where a scenario asks for them.
_WARNING_ONLY = ("scale_saturation_rate", "data_report_rate")


class RunFolder:
    """Files of one run.

    Args:
        out: folder of all results.
        scenario: the resolved scenario.

    Attributes:
        path: the run's own folder, with its tables, figures and report.
        points: partial results of points (``linksim.storage.partial_results``), shared.
        fitted: what was fitted to training channels, shared.
        channels: test channels, shared.
        learnt_from: by the key of a point, distinct training channels of each of its compressors.
        compression_ratios: by the key of a point, the ratio of each of its compressors, ``None`` where it has none.

    Raises:
        InputError: if the folder cannot be written.
    """

    def __init__(self, out: Path, scenario: Scenario) -> None:
        self.scenario = scenario
        self.learnt_from: Mapping[str, Mapping[str, int | None]] = {}
        self.compression_ratios: Mapping[str, Mapping[str, float | None]] = {}
        shared = out / scenario.name
        self.path = shared / run_key(scenario)
        self.points = shared / "points"
        self.fitted = shared / "fitted"
        self.channels = shared / "channels"
        try:
            for folder in (self.path, self.points, self.fitted, self.channels):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"cannot write to {self.path} ({error.strerror})"
            raise InputError(f"--out: {reason}, expected a writable folder") from None
        document = scenario.model_dump(mode="json")
        # A scenario that was not read from a file may still have relative names.
        resolve_paths(document, Path.cwd())
        write_whole(self.path / "scenario.yaml", write_yaml(document))

    def write_results(self, finished: Iterable[tuple[Point, Measurements, Percentiles]]) -> bool:
        """The tidy table of all finished points, one row per point, compressor and metric; whether there are any."""
        rows = [row for each in finished for row in self._rows(*each)]
        if rows:
            write_whole(self.path / "results.csv", _csv(rows))
        return bool(rows)

    def write_sampling(self, finished: Iterable[tuple[Point, int, float | None, bool]]) -> None:
        """``sampling.csv``: how many test channels each finished point took, if the scenario lets points stop early.

        Args:
            finished: point, test channels, half the width of its widest interval, and whether that is still too wide.
        """
        rows = [
            {
                "sweep": point.sweep,
                **axis_values(point.scenario),
                **_swept(point),
                "metric": stop.metric,
                "half_width_wanted": stop.half_width,
                "half_width": half_width,
                "samples": taken,
                "at_maximum": at_maximum,
            }
            for point, taken, half_width, at_maximum in finished
            if (stop := point.scenario.monte_carlo.stop) is not None
        ]
        if rows:
            write_whole(self.path / "sampling.csv", _csv(rows))

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Where the results come from."""
        write_whole(self.path / "manifest.json", json.dumps(manifest, indent=2) + "\n")

    def _rows(self, point: Point, measurements: Measurements, percentiles: Percentiles) -> Iterable[dict[str, Any]]:
        for (compressor, metric), accumulator in measurements.items():
            kind, estimate = METRICS.get_class(metric), accumulator.estimate()
            if estimate is None or (metric in _WARNING_ONLY and metric not in point.scenario.metrics):
                continue
            estimate = kind.within_bounds(estimate)
            yield {
                "sweep": point.sweep,
                **axis_values(point.scenario),
                **_swept(point),
                "compressor": compressor,
                "metric": metric,
                "value": estimate.value,
                "ci_low": estimate.low,
                "ci_high": estimate.high,
                "n": estimate.n,
                **(percentiles.get((compressor, metric)) or dict.fromkeys(PERCENTILES)),
                "compressor_ratio": self.compression_ratios.get(point.key, {}).get(compressor),
                "learnt_from": self.learnt_from.get(point.key, {}).get(compressor),
                "unit": kind.unit,
            }


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table with nine digits of every figure, and all digits of what tells points apart."""
    # A scenario is checked without any table.
    import pandas as pd

    table = pd.DataFrame(rows)
    figures = ["value", "ci_low", "ci_high", "half_width", *PERCENTILES]
    for column in table.columns.difference(figures):
        table[column] = table[column].map(lambda value: number_text(value) if isinstance(value, float) else value)
    return csv_text(table)


def _swept(point: Point) -> dict[str, float | str | bool]:
    """Swept keys that are no axis of every row."""
    return {axis: value for axis, value in point.axes.items() if axis not in AXIS_COLUMNS}
