"""Differences between runs or compressors, drawn: a figure for each sweep and metric, named by what was subtracted."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from linksim.comparison.runs import RunComparison
from linksim.report.figures.curves import draw_curves, legend_handle, used_positions
from linksim.report.figures.file_stems import file_stem, stems
from linksim.report.figures.levels import draw_level_lines
from linksim.report.tables.difference import difference_sweeps, label_with_run, reference_name
from linksim.report.view.curve_style import CurveStyle, curve_style_at, curve_styles
from linksim.report.view.metric_format import drawable, is_drawn, metric_text
from linksim.report.view.names import compressor_titles
from linksim.report.view.run_view import Sweep
from linksim.report.view.style import COLUMN_IN, DOUBLE_COLUMN_IN, paper_style, plain_text, save, wrapped_text
from linksim.reserved_names import NO_COMPRESSOR

_PANEL_HEIGHT_IN = 2.1
_LEVEL_HEIGHT_IN = 0.2
_LEGEND_ROW_IN = 0.15
# What stands beside a panel: its vertical axis' label and numbers.
_BESIDE_IN = 0.35


def draw_differences(
    comparison: RunComparison, metrics: tuple[str, ...], folder: Path, names: Mapping[str, str] | None = None
) -> list[Path]:
    """Draws the difference of each metric over each sweep, PNG and PDF.

    Args:
        comparison: what to draw.
        metrics: which metrics.
        folder: where to.
        names: labels of the compressors of all runs in their scenarios' order, and what each stands for; a compressor
            looks the same as in the figures of its run.
    """
    found = comparison.rows.loc[comparison.rows["compressor"] != NO_COMPRESSOR, "compressor"].drop_duplicates()
    names = {**(names or {}), **{label: label for label in found if label not in (names or {})}}
    titles = compressor_titles(names)
    reference = titles.get(reference_name(comparison), reference_name(comparison))
    curves = _curves(comparison, names, titles)
    sweeps = difference_sweeps(comparison, titles)
    files: list[Path] = []
    with paper_style():
        for sweep, stem in zip(sweeps, stems([sweep.name for sweep in sweeps]), strict=True):
            for metric in metrics:
                if (sweep.rows.loc[sweep.rows["compressor"] != NO_COMPRESSOR, "metric"] == metric).any():
                    name = f"{stem}_{metric_text(metric).short}_less_{file_stem(reference)}"
                    files += save(_figure(sweep, metric, reference, curves), folder / name)
    return files


def _curves(
    comparison: RunComparison, names: Mapping[str, str], titles: Mapping[str, str]
) -> dict[str, tuple[str, CurveStyle]]:
    """Title and style by label; compressors of several runs differ in their lines by run."""
    base = curve_styles(list(names), names)
    rows = comparison.rows
    runs = list(rows["run"].drop_duplicates())
    if len(runs) == 1:
        return {label: (titles[label], style) for label, style in base.items()}
    pairs = rows[["compressor", "run"]].drop_duplicates()
    curves = {}
    for label, compressor, run in zip(
        label_with_run(pairs["compressor"], pairs["run"]), pairs["compressor"], pairs["run"], strict=True
    ):
        if compressor in base:
            line = curve_style_at(runs.index(run)).line
            curves[label] = (f"{titles[compressor]} ({run})", replace(base[compressor], line=line))
    return curves


def _figure(sweep: Sweep, metric: str, reference: str, curves: Mapping[str, tuple[str, CurveStyle]]) -> Figure:
    name, _, unit = metric_text(metric).label.partition(" [")
    label = f"{name} less that of {plain_text(reference)}" + (f" [{unit}" if unit else "")
    text = replace(metric_text(metric), label=label, logarithmic=False)
    compared = sweep.rows.loc[(sweep.rows["metric"] == metric) & sweep.rows["value"].notna(), "compressor"]
    shown = {key: style for key, (_, style) in curves.items() if key in set(compared)}
    titles = {key: title for key, (title, _) in curves.items()}
    if sweep.axes.x is None:
        figure = Figure(figsize=(COLUMN_IN, 0.6 + _LEVEL_HEIGHT_IN * len(shown)), layout="constrained")
        axes = figure.subplots()
        rows = sweep.rows[sweep.rows["metric"] == metric]
        draw_level_lines(
            axes, {key: drawable(rows[rows["compressor"] == key], text) for key in shown}, text, shown, titles
        )
        axes.axvline(0, color="0.3", linewidth=0.7, zorder=1)
        if sweep.panels[0].title:
            axes.set_title("\n".join(wrapped_text(sweep.panels[0].title, COLUMN_IN - _BESIDE_IN)))
        return figure
    # A frame without any curve says nothing.
    panels = [panel for panel in sweep.panels if is_drawn(panel.rows, text, shown)] or sweep.panels[:1]
    count = len(panels)
    columns = 1 if count == 1 else 2
    lines, legend_rows = -(-count // columns), -(-len(shown) // columns)
    width = COLUMN_IN if count == 1 else DOUBLE_COLUMN_IN
    titled = [wrapped_text(panel.title, width / columns - _BESIDE_IN) for panel in panels]
    title_rows = lines * (max(map(len, titled)) - 1)
    size = (width, lines * _PANEL_HEIGHT_IN + (legend_rows + title_rows) * _LEGEND_ROW_IN)
    figure = Figure(figsize=size, layout="constrained")
    grid = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    positions = used_positions(sweep.rows, sweep.axes.x)
    for axes, panel, title in zip(grid, panels, titled, strict=False):
        draw_curves(axes, panel.rows, text, shown, positions)
        axes.axhline(0, color="0.3", linewidth=0.7, zorder=1)
        axes.set_title("\n".join(title))
    for axes in grid[count:]:
        axes.set_axis_off()
    handles = [legend_handle(style) for style in shown.values()]
    figure.legend(handles, [plain_text(titles[key]) for key in shown], loc="outside upper center", ncols=columns)
    return figure
