"""A run as the report sees it: results by sweep, compressors in the order of the scenario, their styles and titles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from linksim.comparison.operating_points import curve_names, over_bits
from linksim.metrics import METRICS
from linksim.report.view.axes import Panel, SweepAxes, sweep_axes, sweep_panels
from linksim.report.view.curve_style import UNCOMPRESSED, CurveStyle, curve_styles
from linksim.report.view.figure_options import FigureOptions
from linksim.report.view.independence import depends_on, vary_together
from linksim.report.view.metric_format import metric_text
from linksim.report.view.names import compressor_labels, compressor_titles
from linksim.report.view.pairing import KeptSamples
from linksim.reserved_names import NO_COMPRESSOR
from linksim.scenario.axis import Axis
from linksim.storage.reference_curves import ReferenceCurve, read_reference_curves
from linksim.storage.results_table import FACT_COLUMNS, read_manifest, read_results, read_scenario

# Columns of the results that say nothing of the point.
_MEASURED = ("value", "ci_low", "ci_high", "n", *FACT_COLUMNS)


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
        same_over: axes that it varies, and that were left out because nothing depends on them.
        across: whether the user chose the horizontal axis, which then stays.
        curves: what varies from curve to curve where these are not the compressors.
    """

    name: str
    rows: pd.DataFrame
    axes: SweepAxes
    panels: list[Panel]
    compressors: list[str]
    same_over: tuple[Axis, ...] = ()
    across: bool = False
    curves: Axis | None = None

    def has(self, metric: str) -> bool:
        """Whether the sweep holds this metric."""
        return bool((self.rows["metric"] == metric).any())

    @property
    def reports_precoders(self) -> bool:
        """Whether some compressor has no error or similarity of a channel, as those that report precoders."""
        of_channels = {name for name in METRICS if METRICS.get_class(name).needs_channel}
        rows = self.rows[self.rows["metric"].isin(of_channels)]
        return bool(set(self.compressors) - set(rows["compressor"]))

    @property
    def varying(self) -> tuple[Axis, ...]:
        """The horizontal axis, if there is one, and those of the panels."""
        return (*([self.axes.x] if self.axes.x else []), *self.axes.panels)

    def joint(self, column: str) -> list[Axis]:
        """The axis of a column, and those that vary together with it: none of them changes while the others stay."""
        return [axis for axis in self.varying if vary_together(self.rows, column, axis.column)]

    def others(self, column: str) -> list[str]:
        """Columns of the axes that vary on their own beside one."""
        return [axis.column for axis in self.varying if axis not in self.joint(column)]

    def reduced_to(self, metric: str) -> "Sweep":
        """The same without the axes that a metric does not depend on, each at its first value."""
        if metric not in self._reduced:
            text, sweep = metric_text(metric), self
            for axis in self.axes.panels if self.across else self.varying:
                others = sweep.others(axis.column)
                if axis in sweep.varying and not depends_on(sweep.rows, axis.column, others, text):
                    for each in sweep.joint(axis.column):
                        sweep = sweep._without(each)
            self._reduced[metric] = sweep
        return self._reduced[metric]

    @cached_property
    def _reduced(self) -> "dict[str, Sweep]":
        """By metric, as figures, their captions and the tables ask for the same ones."""
        return {}

    def _without(self, axis: Axis) -> "Sweep":
        first = self.rows.loc[self.rows["compressor"] != NO_COMPRESSOR, axis.column]
        value = first.iloc[0] if len(first) else self.rows[axis.column].iloc[0]
        column = self.rows[axis.column]
        rows = self.rows[column.isna() if pd.isna(value) else column == value]
        is_x = self.axes.x is not None and axis.column == self.axes.x.column
        panels = tuple(other for other in self.axes.panels if other.column != axis.column)
        axes = SweepAxes(None if is_x else self.axes.x, panels, () if is_x else self.axes.followers)
        if axes.x is None and panels:
            # Without a horizontal axis, the first that is left takes its place.
            axes = SweepAxes(panels[0], panels[1:])
        return replace(self, rows=rows, axes=axes, panels=sweep_panels(rows, axes), same_over=(*self.same_over, axis))


@dataclass(frozen=True)
class RunView:
    """One run.

    Attributes:
        folder: where it lies.
        scenario: the resolved scenario, empty if there is none.
        manifest: the manifest, empty if there is none.
        results: the whole results table.
        sweeps: its sweeps in the order of the results.
        styles: style of each compressor, in the order of the run, and of what else is a curve.
        titles: what each of these is called.
        uncompressed: labels of compressors that report the channel as it is: references rather than competitors.
        options: what the user set.
    """

    folder: Path
    scenario: dict[str, Any]
    manifest: dict[str, Any]
    results: pd.DataFrame
    sweeps: list[Sweep]
    styles: dict[str, CurveStyle]
    titles: Mapping[str, str]
    uncompressed: frozenset[str]
    options: FigureOptions

    @cached_property
    def samples(self) -> KeptSamples:
        """What is kept of each test channel."""
        return KeptSamples(self.folder, self.results)

    @cached_property
    def reference_curves(self) -> list[ReferenceCurve]:
        """Curves over the bits that no compressor is behind.

        Raises:
            InputError: if their file is damaged; one line.
        """
        return read_reference_curves(self.folder)

    @property
    def name(self) -> str:
        """Name of the scenario, or of the folder where there is none."""
        return str(self.scenario.get("name") or self.manifest.get("scenario") or self.folder.name)

    @property
    def compressors(self) -> list[str]:
        """What the compressors of the scenario are called, in its order."""
        return [self.title(label) for label in compressor_labels(self.scenario)]

    def title(self, label: str) -> str:
        """What a label is called."""
        return self.titles.get(label, label)

    def styles_of(self, sweep: Sweep) -> dict[str, CurveStyle]:
        """Looks of the curves of a sweep, in the order in which they are drawn."""
        return {label: style for label, style in self.styles.items() if label in sweep.compressors}


def view_run(run_folder: Path, across: str | None = None, options: FigureOptions | None = None) -> RunView:
    """Reads a run folder.

    Args:
        run_folder: folder of the run.
        across: column that goes across tables and figures; sweeps that do not vary it are left out. By default, in each
            sweep, that of the most values.
        options: which curves, in which order, and how they look.

    Raises:
        InputError: if results, scenario or manifest cannot be read, or an option names what the run does not have; one
            line.
    """
    options = options or FigureOptions()
    scenario = read_scenario(run_folder)
    results = read_results(run_folder, scenario)
    names = compressor_labels(scenario)
    found = [str(label) for label in results["compressor"].drop_duplicates() if label != NO_COMPRESSOR]
    names |= {label: label for label in found if label not in names}
    titles = compressor_titles(names)
    sweeps = view_sweeps(results, across, titles, [titles[label] for label in compressor_labels(scenario)])
    # Of all that the scenario names, so that no style depends on what is shown or finished.
    all_styles = curve_styles(list(names), names, options.palette)
    if _one_of_each_curve(scenario, sweeps):
        of_curves = styles_of_curves(scenario, options.palette)
        all_styles |= {label: of_curves[curve] for label, curve in curve_names(scenario).items()}
    for sweep in sweeps:
        curves = [label for label in sweep.compressors if label not in all_styles]
        all_styles |= curve_styles(curves, palette=options.palette)
        titles |= {label: _curve_title(sweep, label) for label in curves}
    options.check_labels([label for label in all_styles if label in found or label not in names])
    options.check_metrics(list(results["metric"].drop_duplicates()))
    if options.rows_chosen:
        sweeps = [shown for sweep in sweeps if (shown := _shown(sweep, options)) is not None]
    run_styles = {label: all_styles[label] for label in options.ordered(list(all_styles))}
    uncompressed = frozenset(label for label, name in names.items() if name == UNCOMPRESSED)
    manifest = read_manifest(run_folder)
    return RunView(run_folder, scenario, manifest, results, sweeps, run_styles, titles, uncompressed, options)


def styles_of_curves(scenario: Mapping[str, Any], palette: str) -> dict[str, CurveStyle]:
    """Looks of the curves that a scenario joins its compressors to, or that these are themselves, in its order."""
    schemes: dict[str, str] = {}
    for label, name in compressor_labels(scenario).items():
        schemes.setdefault(curve_names(scenario).get(label, label), name)
    return curve_styles(list(schemes), schemes, palette)


def _one_of_each_curve(scenario: Mapping[str, Any], sweeps: Sequence[Sweep]) -> bool:
    """Whether no figure has two compressors of a curve, so that each can look as its curve does over the bits."""
    curves = curve_names(scenario)
    plain = [sweep for sweep in sweeps if not over_bits(sweep.rows, [axis.column for axis in sweep.varying])]
    drawn = [[curves[label] for label in sweep.compressors if label in curves] for sweep in plain]
    return bool(plain) and all(len(set(found)) == len(found) for found in drawn)


def view_sweeps(
    results: pd.DataFrame,
    across: str | None = None,
    titles: Mapping[str, str] | None = None,
    compressors: Sequence[str] = (),
) -> list[Sweep]:
    """The sweeps of a table of results.

    Args:
        results: the table.
        across: column that goes across; sweeps that do not vary it are left out.
        titles: what each label is called.
        compressors: what the compressors of the scenario are called, in its order: sweeps name them by their place.
    """
    groups = results.groupby("sweep", sort=False)
    sweeps = [_sweep(str(name), rows, across, titles or {}, compressors) for name, rows in groups]
    return [sweep for sweep in sweeps if across is None or (sweep.axes.x and sweep.axes.x.column == across)]


def _sweep(
    name: str, rows: pd.DataFrame, across: str | None, titles: Mapping[str, str], compressors: Sequence[str]
) -> Sweep:
    axes = sweep_axes(rows, across, compressors)
    curves = [axis for axis in axes.panels if axis.curves]
    others = tuple(axis for axis in axes.panels if not axis.curves)
    by = curves[0] if len(curves) == 1 else None
    if by is not None and others and len(set(rows["compressor"]) - {NO_COMPRESSOR}) > 1:
        by = None
    if by is not None and not set(rows[by.column]) & set(rows["compressor"]):
        # What follows calls the curves compressors, and has a panel for each of these, or for what else varies where
        # there is but one.
        rows = _exchanged(rows, by.column)
        axes = replace(axes, panels=others or (Axis(by.column, "", "", titles=titles),))
        return _with_rows(Sweep(name, rows, axes, [], [], across=across is not None, curves=by), rows)
    return _with_rows(Sweep(name, rows, axes, [], [], across=across is not None), rows)


def _with_rows(sweep: Sweep, rows: pd.DataFrame) -> Sweep:
    compressors = [str(label) for label in rows["compressor"].drop_duplicates() if label != NO_COMPRESSOR]
    return replace(sweep, rows=rows, panels=sweep_panels(rows, sweep.axes), compressors=compressors)


def _shown(sweep: Sweep, options: FigureOptions) -> Sweep | None:
    """What is left of a sweep; ``None`` if that is no curve."""
    rows = sweep.rows
    keep = rows["compressor"].map(lambda label: label == NO_COMPRESSOR or options.shows(str(label)))
    for axis in sweep.axes.panels:
        if axis.titles:
            # Compressors are the panels here.
            keep &= rows[axis.column].map(lambda label: options.shows(str(label)))
    left = rows[keep]
    return None if (left["compressor"] == NO_COMPRESSOR).all() else _with_rows(sweep, left)


def _curve_title(sweep: Sweep, label: str) -> str:
    return label if sweep.curves is None else sweep.curves.text(label)


def _exchanged(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Results with a column and the compressors exchanged; what no compressor influences goes with each of them.

    Unless the column does: each of several estimators has an error of its own, and none is that of all.
    """
    of_none = rows["compressor"] == NO_COMPRESSOR
    point = [name for name in rows.columns if name not in (*_MEASURED, column)]
    differing = rows[of_none].groupby(point, dropna=False)["value"].transform("nunique") > 1
    own = set(rows.loc[of_none, "metric"][differing.to_numpy()])
    shared = rows[of_none & (rows[column] == rows[column].iloc[0]) & ~rows["metric"].isin(own)]
    exchanged = rows[~of_none].rename(columns={column: "compressor", "compressor": column})
    labels = list(exchanged[column].drop_duplicates())
    return pd.concat([exchanged, *(shared.assign(**{column: label}) for label in labels)], ignore_index=True)
