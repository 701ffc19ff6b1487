"""A finished run opened for comparison: its points, and what its metrics said of each sample."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from linksim.comparison.paired_difference import counts_some, filled_accumulator, has_sample_values
from linksim.errors import InputError
from linksim.metrics import METRICS
from linksim.scenario.axis import AXIS_COLUMNS
from linksim.scenario.file import load_scenario
from linksim.scenario.model import Scenario
from linksim.scenario.sweep import Point, axis_values, points_of
from linksim.statistics.accumulators import GroupedDecibelAccumulator
from linksim.storage.results_table import read_results
from linksim.storage.sample_values import SampleValues, read_samples, samples_file

# Sweep, and the swept keys with their values.
PointName: TypeAlias = tuple[str, tuple[tuple[str, float | str | bool], ...]]

# Room for the nine digits of a value in the results table.
_ROUNDING = 1e-8
# Values of axes have all their digits there, but for the last bit that a parser may lose.
_PARSED = 1e-15


@dataclass(frozen=True)
class RunSamples:
    """One run.

    Attributes:
        folder: where it lies.
        label: its name in tables, different from that of every other run compared with it.
        read: its results table where that has been read already.
    """

    folder: Path
    label: str
    read: pd.DataFrame | None = field(default=None, repr=False, compare=False)

    @cached_property
    def scenario(self) -> Scenario:
        """The resolved scenario."""
        return load_scenario(self.folder / "scenario.yaml")

    @cached_property
    def points(self) -> Mapping[PointName, Point]:
        """Points by sweep and axis values, in the order of the scenario."""
        return {(point.sweep, tuple(point.axes.items())): point for point in points_of(self.scenario)}

    @property
    def compressors(self) -> list[str]:
        """Labels of those that have results, and of no compressor where something does not depend on any."""
        return [str(label) for label in self._results["compressor"].unique()]

    @cached_property
    def _results(self) -> pd.DataFrame:
        return read_results(self.folder) if self.read is None else self.read

    def samples(self, point: Point) -> SampleValues:
        """Per-sample values of a point, as many as its results are made of.

        Raises:
            InputError: if there are none, or they are not those of the results; one line.
        """
        file = samples_file(self.folder, point.key)
        if not file.exists():
            raise InputError(
                f"{self.folder}: no per-sample values of {describe_point(point)}, expected those of a finished run; "
                "run it again into another --out"
            )
        rows, kept = point_rows(self._results, point), read_samples(file)
        if rows.empty:
            raise InputError(f"{self.folder / 'results.csv'}: no results of {describe_point(point)}, expected some")
        having = rows[[key in kept.columns for key in zip(rows["compressor"], rows["metric"], strict=True)]]
        others = {metric for metric in having["metric"].unique() if not _counts_every_sample(metric)}
        counts = [int(n) for n in having.loc[~having["metric"].isin(others), "n"]]
        n = max(counts, default=len(kept))
        samples = kept if n >= len(kept) else kept.only(np.arange(len(kept)) < n, kept.left_out)
        self._check(rows, samples, file)
        return samples

    def _check(self, rows: pd.DataFrame, samples: SampleValues, file: Path) -> None:
        """Sample values that another state of the run left behind are no basis for a comparison."""
        columns = (rows[name].to_list() for name in ("compressor", "metric", "value"))
        indices = samples.indices()
        for compressor, metric, value in zip(*columns, strict=True):
            if metric in METRICS and not has_sample_values(metric):
                continue
            values = samples.columns.get((compressor, metric))
            estimate = None if values is None else filled_accumulator(metric, values, indices).estimate()
            if estimate is None or not math.isclose(estimate.value, value, rel_tol=_ROUNDING, abs_tol=1e-300):
                found = "nothing" if estimate is None else f"{estimate.value:.9g}"
                raise InputError(
                    f"{file}: {metric} of {compressor} comes to {found}, expected {value:.9g} as in results.csv; run "
                    "the scenario again into another --out"
                )


def open_runs(folders: list[Path]) -> list[RunSamples]:
    """Runs under names that differ: the scenario's, with the hash of the resolved one or the folder where needed."""
    names = [folder.resolve().parent.name for folder in folders]
    full = [f"{folder.resolve().parent.name}/{folder.resolve().name}" for folder in folders]
    labels = [name if names.count(name) == 1 else long for name, long in zip(names, full, strict=True)]
    places = [folder.resolve() for folder in folders]
    for place, folder in zip(places, folders, strict=True):
        if places.count(place) > 1:
            raise InputError(f"{folder}: got the same run twice, expected different runs")
    # The same scenario with other weights or files, in another folder of results.
    labels = [label if labels.count(label) == 1 else str(folder) for label, folder in zip(labels, folders, strict=True)]
    return [RunSamples(folder, label) for folder, label in zip(folders, labels, strict=True)]


def point_rows(results: pd.DataFrame, point: Point) -> pd.DataFrame:
    """The rows of a results table that belong to a point."""
    named = {axis: value for axis, value in point.axes.items() if axis not in AXIS_COLUMNS}
    return rows_at(results, point.sweep, {**axis_values(point.scenario), **named})


def rows_at(results: pd.DataFrame, sweep: str, axes: Mapping[str, float | str | bool | None]) -> pd.DataFrame:
    """The rows of a results table at a place of a sweep, by the values of those axes that the table has."""
    rows = results[results["sweep"] == sweep]
    for axis, value in axes.items():
        if axis not in rows.columns:
            continue
        rows = rows[_is_at(rows[axis], value)]
    return rows


def _is_at(column: "pd.Series[Any]", value: float | str | bool | None) -> "pd.Series[bool]":
    """Where a column of an axis has a value: numbers are numbers also in a column that holds names beside them."""
    if value is None:
        return column.isna() | (column == "")
    if isinstance(value, str | bool):
        return column.astype(str) == str(value)
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    return pd.Series(np.isclose(numbers, value, rtol=_PARSED, atol=0), index=column.index)


def describe_point(point: Point) -> str:
    """A point in a few words."""
    axes = ", ".join(f"{axis} = {value}" for axis, value in point.axes.items())
    return f"sweep {point.sweep}, {axes}" if axes else f"sweep {point.sweep}"


def _counts_every_sample(metric: str) -> bool:
    """Whether the number behind a metric's estimate is that of all samples, not of groups or of those that have one."""
    grouped = isinstance(filled_accumulator(metric, np.ones((2, 1))), GroupedDecibelAccumulator)
    return not grouped and not counts_some(metric)
