"""A run as the report sees it: results by sweep, compressors in the order of the scenario, and their looks."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from linksim.report.axes import Axis, Panel, SweepAxes, sweep_axes, sweep_panels
from linksim.report.looks import UNCOMPRESSED, Look, looks
from linksim.report.results_table import NO_COMPRESSOR, read_manifest, read_results, read_scenario


@dataclass(frozen=True)
class Sweep:
    """One sweep of a run.

    Attributes:
        name: its name in the scenario.
        rows: its results.
        axes: what it varies.
        panels: its results by what varies beside the horizontal axis.
        compressors: labels of those that have results here, in the order of the run; of what else the curves are, if
            an axis makes curves.
    """

    name: str
    rows: pd.DataFrame
    axes: SweepAxes
    panels: list[Panel]
    compressors: list[str]

    def has(self, metric: str) -> bool:
        """Whether the sweep holds this metric."""
        return bool((self.rows["metric"] == metric).any())


@dataclass(frozen=True)
class RunView:
    """One run.

    Attributes:
        folder: where it lies.
        scenario: the resolved scenario, empty if there is none.
        manifest: the manifest, empty if there is none.
        results: the whole results table.
        sweeps: its sweeps in the order of the results.
        looks: look of each compressor, in the order of the run, and of what else is a curve.
        uncompressed: labels of compressors that report the channel as it is: references rather than competitors.
    """

    folder: Path
    scenario: dict[str, Any]
    manifest: dict[str, Any]
    results: pd.DataFrame
    sweeps: list[Sweep]
    looks: dict[str, Look]
    uncompressed: frozenset[str]

    @property
    def name(self) -> str:
        """Name of the scenario, or of the folder where there is none."""
        return str(self.scenario.get("name") or self.manifest.get("scenario") or self.folder.name)


def view_run(run_folder: Path, across: str | None = None) -> RunView:
    """Reads a run folder.

    Args:
        run_folder: folder of the run.
        across: column that goes across tables and figures; sweeps that do not vary it are left out. By default, in each
            sweep, that of the most values.

    Raises:
        InputError: if results, scenario or manifest cannot be read; one line.
    """
    results, scenario = read_results(run_folder), read_scenario(run_folder)
    labels = [str(label) for label in results["compressor"].drop_duplicates() if label != NO_COMPRESSOR]
    uncompressed = _uncompressed_labels(scenario)
    run_looks = looks(labels, dict.fromkeys(uncompressed, UNCOMPRESSED))
    sweeps = view_sweeps(results, across)
    for sweep in sweeps:
        run_looks |= {label: look for label, look in looks(sweep.compressors).items() if label not in run_looks}
    return RunView(run_folder, scenario, read_manifest(run_folder), results, sweeps, run_looks, uncompressed)


def view_sweeps(results: pd.DataFrame, across: str | None = None) -> list[Sweep]:
    """The sweeps of a table of results; only those that vary the column ``across``, if one is named."""
    sweeps = [_sweep(str(name), rows, across) for name, rows in results.groupby("sweep", sort=False)]
    return [sweep for sweep in sweeps if across is None or (sweep.axes.x and sweep.axes.x.column == across)]


def _sweep(name: str, rows: pd.DataFrame, across: str | None) -> Sweep:
    axes = sweep_axes(rows, across)
    (by,) = axes.panels if len(axes.panels) == 1 else (None,)
    if by is not None and by.curves and not set(rows[by.column]) & set(rows["compressor"]):
        # What follows calls the curves compressors, and has a panel for each of these.
        rows = _exchanged(rows, by.column)
        axes = replace(axes, panels=(Axis(by.column, "Compressor", ""),))
    compressors = [str(label) for label in rows["compressor"].drop_duplicates() if label != NO_COMPRESSOR]
    return Sweep(name, rows, axes, sweep_panels(rows, axes), compressors)


def _exchanged(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Results with a column and the compressors exchanged; what no compressor influences goes with each of them."""
    of_none = rows["compressor"] == NO_COMPRESSOR
    shared = rows[of_none & (rows[column] == rows[column].iloc[0])]
    exchanged = rows[~of_none].rename(columns={column: "compressor", "compressor": column})
    labels = list(exchanged[column].drop_duplicates())
    return pd.concat([exchanged, *(shared.assign(**{column: label}) for label in labels)], ignore_index=True)


def _uncompressed_labels(scenario: dict[str, Any]) -> frozenset[str]:
    sections = scenario.get("compressors")
    labels = {UNCOMPRESSED}
    for section in sections if isinstance(sections, list) else []:
        if isinstance(section, dict) and section.get("label"):
            label, name = str(section["label"]), section.get("name")
            labels = labels | {label} if name == UNCOMPRESSED else labels - {label}
    return frozenset(labels)
