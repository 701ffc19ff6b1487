"""The folder of one run: ``<out>/<scenario name>/<hash of the resolved scenario>/``.

Every file appears whole or not at all, so that a run killed at any moment can be continued.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from linksim.accumulators import accumulator_from_json
from linksim.chain import Measurements
from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.scenario import Scenario
from linksim.sweep import AXES, Point, axis_values, content_hash


class RunFolder:
    """Files of one run.

    Args:
        out: folder of all results.
        scenario: the resolved scenario.

    Raises:
        InputError: if the folder cannot be written.
    """

    def __init__(self, out: Path, scenario: Scenario) -> None:
        self.scenario = scenario
        self.path = out / scenario.name / content_hash(scenario.model_dump(mode="json"))
        self.fitted = self.path / "fitted"
        self.channels = self.path / "channels"
        try:
            for folder in (self.fitted, self.channels, self.path / "points"):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = f"cannot write to {self.path} ({error.strerror})"
            raise InputError(f"--out: {reason}, expected a writable folder") from None
        write_whole(self.path / "scenario.yaml", yaml.safe_dump(scenario.model_dump(mode="json"), sort_keys=False))

    def save_point(self, point: Point, fitted: str, measurements: Measurements) -> None:
        """Keeps a finished point."""
        document = {
            "key": point.key,
            "fitted": fitted,
            "measurements": [
                {"compressor": compressor, "metric": metric, "accumulator": accumulator.to_json()}
                for (compressor, metric), accumulator in measurements.items()
            ],
        }
        write_whole(self._point_file(point), json.dumps(document))

    def load_point(self, point: Point, fitted: str) -> Measurements | None:
        """A point finished earlier with the same fitted compressors, or ``None``."""
        try:
            document = json.loads(self._point_file(point).read_text())
            if document["key"] != point.key or document["fitted"] != fitted:
                return None
            return {
                (entry["compressor"], entry["metric"]): accumulator_from_json(entry["accumulator"])
                for entry in document["measurements"]
            }
        except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError, ValueError):
            return None

    def _point_file(self, point: Point) -> Path:
        return self.path / "points" / f"{point.key}.json"

    def write_results(self, finished: Iterable[tuple[Point, Measurements]]) -> None:
        """The tidy table of all finished points, one row per point, compressor and metric."""
        rows = [row for point, measurements in finished for row in _rows(point, measurements)]
        table = pd.DataFrame(rows)
        write_whole(self.path / "results.csv", table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Where the results come from."""
        write_whole(self.path / "manifest.json", json.dumps(manifest, indent=2) + "\n")


def _rows(point: Point, measurements: Measurements) -> Iterable[dict[str, Any]]:
    swept = {axis: value for axis, value in point.axes.items() if axis not in AXES}
    for (compressor, metric), accumulator in measurements.items():
        estimate = accumulator.estimate()
        if estimate is None:
            continue
        yield {
            "sweep": point.sweep,
            **axis_values(point.scenario),
            **swept,
            "compressor": compressor,
            "metric": metric,
            "value": estimate.value,
            "ci_low": estimate.low,
            "ci_high": estimate.high,
            "n": estimate.n,
            "unit": METRICS.get_class(metric).unit,
        }


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that a reader, or a kill, never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
